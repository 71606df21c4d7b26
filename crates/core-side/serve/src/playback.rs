//! A session as the shell sees it: a mount, a way to its reader, and what went that way.

use std::sync::Arc;

use bytes::Bytes;
use cofferdam_publish::{Mount, Pump, Subscription, Unit};
use cofferdam_rtp::rtcp::{Cname, Incoming};
use cofferdam_rtsp::FirstPacket;
use tokio::time::Instant;

use crate::datagrams::{Destination, Feedback};
use crate::lane::{Lane, Passed};
use crate::metrics::{GaugeGuard, ServeMetrics, TrafficMetrics};
use crate::multicast::Member;
use crate::reception::Reception;
use crate::sender::Sender;

/// A session that plays or has played.
#[derive(Debug)]
pub(crate) struct Playback {
    pub(crate) mount: Arc<Mount>,
    pub(crate) route: Route,
    pub(crate) traffic: TrafficMetrics,
    subscribed: Option<Subscribed>,
    lane: Option<Arc<Lane>>,
    sender: Sender,
    reception: Reception,
    /// Units that it was not sent, before its last pause.
    dropped: u64,
}

/// What a session has while it plays.
#[derive(Debug)]
struct Subscribed {
    subscription: Subscription,
    _session: GaugeGuard,
    _member: Option<Member>,
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
    /// To the mount's group, by the group's own task: the session is told of every unit and sends none.
    Multicast,
}

impl Playback {
    /// Begins to play, or goes on where `earlier` paused.
    pub(crate) fn start(
        mount: Arc<Mount>,
        route: Route,
        traffic: TrafficMetrics,
        cname: Cname,
        member: Option<Member>,
        earlier: Option<Self>,
        now: Instant,
    ) -> Self {
        let earlier = earlier.filter(|earlier| Arc::ptr_eq(&earlier.mount, &mount));
        let subscription = match (&route, &earlier) {
            // What the group was sent before this reader came, it will not get; and who was sent something
            // before a pause is not to get it again (RFC 2326 appendix B).
            (Route::Multicast, _) | (_, Some(_)) => mount.subscribe_to_come(),
            (Route::Interleaved { .. } | Route::Datagrams { .. }, None) => mount.subscribe(),
        };
        let (sender, reception, dropped) = match earlier {
            Some(earlier) => (earlier.sender.again(now), earlier.reception, earlier.dropped),
            None => (Sender::new(Arc::clone(&mount), cname, now), Reception::default(), 0),
        };
        let subscribed =
            Some(Subscribed { subscription, _session: traffic.session(), _member: member });
        Self { mount, route, traffic, subscribed, lane: None, sender, reception, dropped }
    }

    /// Lets units take the short way, once that is [opened](Self::open_lane).
    pub(crate) fn attach(&mut self, pump: Pump, lane: Lane) {
        let lane = Arc::new(lane);
        if let Some(subscribed) = &mut self.subscribed {
            subscribed.subscription.attach(pump, Arc::<Lane>::clone(&lane));
        }
        self.lane = Some(lane);
    }

    /// Has units take the short way.
    pub(crate) fn open_lane(&mut self) {
        if let Some(subscribed) = &mut self.subscribed {
            subscribed.subscription.pump_on();
        }
    }

    /// Ends that, and tells what has passed.
    pub(crate) fn close_lane(&mut self) -> Passed {
        if let Some(subscribed) = &mut self.subscribed {
            subscribed.subscription.pump_off();
        }
        let passed = self.lane.as_ref().map(|lane| lane.passed()).unwrap_or_default();
        self.sender.add(passed.sent);
        passed
    }

    /// Wants no more units.
    pub(crate) fn pause(&mut self) {
        self.dropped = self.dropped();
        self.subscribed = None;
    }

    /// Units that the reader was too slow for, so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped + self.subscription().map_or(0, Subscription::dropped)
    }

    pub(crate) const fn is_interleaved(&self) -> bool {
        matches!(self.route, Route::Interleaved { .. })
    }

    pub(crate) const fn subscription(&self) -> Option<&Subscription> {
        match &self.subscribed {
            Some(subscribed) => Some(&subscribed.subscription),
            None => None,
        }
    }

    /// Where units and reports come from.
    pub(crate) fn sources(&mut self) -> (Option<&mut Subscription>, Option<&mut Feedback>) {
        let feedback = match &mut self.route {
            Route::Interleaved { .. } | Route::Multicast => None,
            Route::Datagrams { feedback, .. } => Some(feedback),
        };
        (self.subscribed.as_mut().map(|subscribed| &mut subscribed.subscription), feedback)
    }

    /// Takes note of a unit that goes out.
    pub(crate) fn count(&mut self, unit: &Unit) {
        self.sender.count(unit);
        // A group's traffic is counted once.
        if !matches!(self.route, Route::Multicast) {
            self.traffic.sent(unit.packets.packet_count(), unit.packets.framed().len());
        }
    }

    /// Packets sent so far, modulo 2³².
    pub(crate) const fn packets(&self) -> u32 {
        self.sender.packets()
    }

    /// Takes note of what the reader reports.
    pub(crate) fn heard(&mut self, incoming: &Incoming, metrics: &ServeMetrics) {
        let kind = self.traffic.kind();
        self.reception.heard(incoming, &self.sender, kind, &metrics.reception);
    }

    /// When the next report is due.
    pub(crate) const fn next_report(&self) -> Instant {
        self.sender.next_report()
    }

    /// The report that is due, if one is; in front of a unit, if one follows.
    pub(crate) fn report(&mut self, now: Instant, before: Option<&Unit>) -> Option<Bytes> {
        self.sender.report(now, before)
    }

    /// The last report.
    pub(crate) fn goodbye(&self) -> Bytes {
        self.sender.goodbye()
    }
}

/// A unit's first packet, as PLAY's answer names it.
pub(crate) fn first_packet(unit: &Unit) -> FirstPacket {
    FirstPacket { sequence: unit.first_sequence.get(), timestamp: unit.timestamp.get() }
}
