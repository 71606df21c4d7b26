//! Whether a camera's pictures are there, and for how long they have not been.

use std::sync::atomic::{AtomicU8, Ordering};

use cofferdam_picture::MonotonicTime;

use crate::{AfterHold, SignalLoss};

/// What a camera's mounts show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Live pictures.
    Live,
    /// A slate.
    Slate,
    /// Nothing: the slate has been shown long enough.
    Ended,
}

impl Signal {
    /// The signal's name in logs.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Slate => "slate",
            Self::Ended => "ended",
        }
    }
}

/// The present [`Signal`], where readers look.
#[derive(Debug)]
pub(crate) struct SharedSignal(AtomicU8);

impl SharedSignal {
    pub(crate) const fn new(signal: Signal) -> Self {
        Self(AtomicU8::new(signal as u8))
    }

    pub(crate) fn get(&self) -> Signal {
        match self.0.load(Ordering::Acquire) {
            0 => Signal::Live,
            1 => Signal::Slate,
            _ => Signal::Ended,
        }
    }

    pub(crate) fn set(&self, signal: Signal) {
        self.0.store(signal as u8, Ordering::Release);
    }
}

/// Follows a camera's signal through loss and return.
#[derive(Debug)]
pub(crate) struct SignalTracker {
    rules: SignalLoss,
    signal: Signal,
    lost_since: MonotonicTime,
}

impl SignalTracker {
    /// A camera not yet seen counts as one just lost.
    pub(crate) const fn new(rules: SignalLoss, now: MonotonicTime) -> Self {
        Self { rules, signal: Signal::Slate, lost_since: now }
    }

    pub(crate) const fn signal(&self) -> Signal {
        self.signal
    }

    /// A live picture is published.
    pub(crate) const fn live(&mut self) {
        self.signal = Signal::Live;
    }

    /// Something else than a live picture is published, or nothing can be.
    pub(crate) fn lost(&mut self, now: MonotonicTime) {
        if self.signal == Signal::Live {
            self.signal = Signal::Slate;
            self.lost_since = now;
        }
    }

    /// When the slate will have been shown long enough.
    pub(crate) fn deadline(&self) -> Option<MonotonicTime> {
        let ends = self.signal == Signal::Slate && self.rules.then == AfterHold::Disconnect;
        ends.then(|| self.lost_since + self.rules.hold)
    }

    pub(crate) fn pass(&mut self, now: MonotonicTime) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.signal = Signal::Ended;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tracker(then: AfterHold) -> SignalTracker {
        SignalTracker::new(SignalLoss { hold: Duration::from_secs(10), then }, at(100))
    }

    fn at(seconds: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_camera_never_seen_ends_after_the_hold() {
        let mut tracker = tracker(AfterHold::Disconnect);
        assert_eq!(tracker.deadline(), Some(at(110)));
        tracker.lost(at(105));
        tracker.pass(at(109));
        assert_eq!(tracker.signal(), Signal::Slate);
        tracker.pass(at(110));
        assert_eq!((tracker.signal(), tracker.deadline()), (Signal::Ended, None));
    }

    #[test]
    fn a_live_picture_ends_the_loss_and_the_hold_begins_anew() {
        let mut tracker = tracker(AfterHold::Disconnect);
        tracker.pass(at(200));
        tracker.lost(at(201));
        assert_eq!(tracker.signal(), Signal::Ended);
        tracker.live();
        assert_eq!((tracker.signal(), tracker.deadline()), (Signal::Live, None));
        tracker.lost(at(300));
        tracker.lost(at(305));
        assert_eq!(tracker.deadline(), Some(at(310)));
    }

    #[test]
    fn a_slate_that_stays_never_ends() {
        let mut tracker = tracker(AfterHold::Slate);
        tracker.pass(at(1_000_000));
        assert_eq!((tracker.signal(), tracker.deadline()), (Signal::Slate, None));
    }

    #[test]
    fn readers_see_what_was_set() {
        let shared = SharedSignal::new(Signal::Slate);
        for signal in [Signal::Live, Signal::Slate, Signal::Ended] {
            shared.set(signal);
            assert_eq!(shared.get(), signal);
        }
    }
}
