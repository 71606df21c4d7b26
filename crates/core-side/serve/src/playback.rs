//! A session as the shell sees it: a mount, a way to its reader, and what went that way.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cofferdam_picture::MonotonicTime;
use cofferdam_publish::{Mount, Subscription, Unit};
use cofferdam_rtp::NtpTimestamp;
use cofferdam_rtp::rtcp::{Cname, Incoming, SenderReport};
use cofferdam_rtsp::FirstPacket;
use tokio::time::Instant;

use crate::datagrams::{Destination, Feedback};
use crate::metrics::{GaugeGuard, ServeMetrics, TrafficMetrics};

/// Time between sender reports (RFC 3550 §6.2: the least that is recommended).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// A session that plays or has played.
#[derive(Debug)]
pub(crate) struct Playback {
    pub(crate) mount: Arc<Mount>,
    pub(crate) route: Route,
    pub(crate) traffic: TrafficMetrics,
    subscribed: Option<(Subscription, GaugeGuard)>,
    cname: Cname,
    sent: Sent,
    reported_lost: i32,
    next_report: Instant,
}

/// The way to a reader.
#[derive(Debug)]
pub(crate) enum Route {
    /// In the RTSP connection, on these channels.
    Interleaved {
        /// The channel of RTP packets.
        rtp: u8,
        /// The channel of RTCP packets.
        rtcp: u8,
    },
    /// As datagrams.
    Datagrams {
        /// Where to.
        to: Destination,
        /// What comes back.
        feedback: Feedback,
    },
}

/// What was sent so far, as sender reports count it: modulo 2³².
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    packets: u32,
    octets: u32,
}

impl Playback {
    /// Begins to play, or goes on where `earlier` paused.
    pub(crate) fn start(
        mount: Arc<Mount>,
        route: Route,
        traffic: TrafficMetrics,
        cname: Cname,
        earlier: Option<Self>,
        now: Instant,
    ) -> Self {
        let earlier = earlier.filter(|earlier| Arc::ptr_eq(&earlier.mount, &mount));
        let (sent, reported_lost) =
            earlier.map_or_else(Default::default, |earlier| (earlier.sent, earlier.reported_lost));
        let subscribed = Some((mount.subscribe(), traffic.session()));
        Self { mount, route, traffic, subscribed, cname, sent, reported_lost, next_report: now }
    }

    /// Wants no more units.
    pub(crate) fn pause(&mut self) {
        self.subscribed = None;
    }

    pub(crate) const fn is_interleaved(&self) -> bool {
        matches!(self.route, Route::Interleaved { .. })
    }

    pub(crate) const fn subscription(&self) -> Option<&Subscription> {
        match &self.subscribed {
            Some((subscription, _)) => Some(subscription),
            None => None,
        }
    }

    /// Where units and reports come from.
    pub(crate) fn sources(&mut self) -> (Option<&mut Subscription>, Option<&mut Feedback>) {
        let feedback = match &mut self.route {
            Route::Interleaved { .. } => None,
            Route::Datagrams { feedback, .. } => Some(feedback),
        };
        (self.subscribed.as_mut().map(|(subscription, _)| subscription), feedback)
    }

    /// Takes note of a unit that goes out.
    pub(crate) fn count(&mut self, unit: &Unit) {
        let packets = u32::try_from(unit.packets.packet_count()).unwrap_or(u32::MAX);
        let octets = u32::try_from(unit.packets.payload_len()).unwrap_or(u32::MAX);
        self.sent.packets = self.sent.packets.wrapping_add(packets);
        self.sent.octets = self.sent.octets.wrapping_add(octets);
        self.traffic.sent(unit.packets.packet_count(), unit.packets.framed().len());
    }

    /// Packets sent so far, modulo 2³².
    pub(crate) const fn packets(&self) -> u32 {
        self.sent.packets
    }

    /// Takes note of what the reader reports. What it claims to have lost cannot be more than was
    /// sent.
    pub(crate) fn heard(&mut self, incoming: &Incoming, metrics: &ServeMetrics) {
        let ours = self.mount.ssrc();
        for report in incoming.reports.iter().filter(|report| report.source == ours) {
            let most = i32::try_from(self.sent.packets).unwrap_or(i32::MAX);
            let lost = report.cumulative_lost.min(most);
            let more = lost.saturating_sub(self.reported_lost);
            if let Ok(more @ 1..) = u64::try_from(more) {
                metrics.reported_lost.inc_by(more);
                self.reported_lost = lost;
            }
        }
    }

    /// When the next report is due.
    pub(crate) const fn next_report(&self) -> Instant {
        self.next_report
    }

    /// The report that is due, if one is.
    pub(crate) fn report(&mut self, now: Instant) -> Option<Bytes> {
        if now < self.next_report {
            return None;
        }
        self.next_report = now + REPORT_INTERVAL;
        Some(self.sender_report().compound(&self.cname))
    }

    /// The last report.
    pub(crate) fn goodbye(&self) -> Bytes {
        self.sender_report().goodbye(&self.cname)
    }

    fn sender_report(&self) -> SenderReport {
        SenderReport {
            ssrc: self.mount.ssrc(),
            ntp: NtpTimestamp::from(SystemTime::now()),
            rtp: self.mount.rtp_time(MonotonicTime::now()),
            packets: self.sent.packets,
            octets: self.sent.octets,
        }
    }
}

/// A unit's first packet, as PLAY's answer names it.
pub(crate) fn first_packet(unit: &Unit) -> FirstPacket {
    FirstPacket { sequence: unit.first_sequence.get(), timestamp: unit.timestamp.get() }
}
