//! What a sender reports of its stream (RFC 3550 §6.4.1).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cofferdam_picture::MonotonicTime;
use cofferdam_publish::{Mount, Unit};
use cofferdam_rtp::NtpTimestamp;
use cofferdam_rtp::rtcp::{Cname, ReceptionReport, SenderReport};
use tokio::time::Instant;

/// Time between sender reports (RFC 3550 §6.2: the least that is recommended).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// How many reports back a reader's answer may refer to.
const ANSWERABLE: usize = 4;

/// A stream to one reader, or to one group of them, as its sender reports tell it.
#[derive(Debug)]
pub(crate) struct Sender {
    mount: Arc<Mount>,
    cname: Cname,
    sent: Sent,
    next_report: Instant,
    /// The times of the last reports, as reception reports refer to them; the newest is the last.
    reported: [Option<u32>; ANSWERABLE],
}

/// Packets and bytes of payload that were sent, as reports count them: modulo 2³².
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    packets: u32,
    octets: u32,
}

impl Sent {
    /// Takes note of a unit that goes out.
    pub(crate) fn count(&mut self, unit: &Unit) {
        let packets = u32::try_from(unit.packets.packet_count()).unwrap_or(u32::MAX);
        let octets = u32::try_from(unit.packets.payload_len()).unwrap_or(u32::MAX);
        self.add(Self { packets, octets });
    }

    fn add(&mut self, other: Self) {
        self.packets = self.packets.wrapping_add(other.packets);
        self.octets = self.octets.wrapping_add(other.octets);
    }
}

impl Sender {
    /// A stream of which nothing has been sent. The first report is due at once.
    pub(crate) fn new(mount: Arc<Mount>, cname: Cname, now: Instant) -> Self {
        let (sent, reported) = (Sent::default(), [None; ANSWERABLE]);
        Self { mount, cname, sent, next_report: now, reported }
    }

    /// The same stream, which begins anew: the next report is due at once.
    pub(crate) fn again(self, now: Instant) -> Self {
        Self { next_report: now, ..self }
    }

    pub(crate) const fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// Takes note of a unit that goes out.
    pub(crate) fn count(&mut self, unit: &Unit) {
        self.sent.count(unit);
    }

    /// Takes note of what went another way.
    pub(crate) fn add(&mut self, sent: Sent) {
        self.sent.add(sent);
    }

    /// Packets sent so far, modulo 2³².
    pub(crate) const fn packets(&self) -> u32 {
        self.sent.packets
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
        let report = self.sender_report();
        self.reported.rotate_left(1);
        if let Some(newest) = self.reported.last_mut() {
            *newest = Some(report.ntp.middle());
        }
        Some(report.compound(&self.cname))
    }

    /// The last report.
    pub(crate) fn goodbye(&self) -> Bytes {
        self.sender_report().goodbye(&self.cname)
    }

    /// The round trip that `report` tells of, if it refers to a report of ours.
    pub(crate) fn round_trip(&self, report: &ReceptionReport) -> Option<Duration> {
        if !self.reported.contains(&Some(report.last_sender_report)) {
            return None;
        }
        let units = report.round_trip(NtpTimestamp::from(SystemTime::now()))?;
        Some(Duration::from_secs_f64(f64::from(units) / 65536.0))
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
