//! Who reads a mount, and what a newcomer gets.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_picture::MonotonicTime;

use crate::key_requests::KeyRequests;
use crate::reader::{Offered, QueueBounds, Reader, SubscriptionEnd};
use crate::{ReaderLimits, Unit};

/// The readers of a mount, and the units that a reader who comes now is given.
#[derive(Debug)]
pub(crate) struct FanOut {
    limits: ReaderLimits,
    least_age: Duration,
    readers: Vec<Arc<Reader>>,
    /// Every unit since the newest key unit, as long as it is too early to force another.
    recent: Vec<Arc<Unit>>,
    recent_bytes: usize,
    largest_key: usize,
    pub(crate) keys: KeyRequests,
    /// Why there are no readers any more.
    pub(crate) closed: Option<SubscriptionEnd>,
}

/// What publishing a unit led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// A key frame is to be asked for now.
    pub(crate) ask_key: bool,
    /// Units lost by readers that are behind.
    pub(crate) dropped: u64,
    /// Readers that were put out.
    pub(crate) put_out: usize,
}

impl FanOut {
    /// No readers yet. `period` is the time from one unit to the next.
    pub(crate) fn new(limits: ReaderLimits, period: Duration) -> Self {
        Self {
            limits,
            least_age: period * 2,
            readers: Vec::new(),
            recent: Vec::new(),
            recent_bytes: 0,
            largest_key: 0,
            keys: KeyRequests::default(),
            closed: None,
        }
    }

    pub(crate) const fn reader_count(&self) -> usize {
        self.readers.len()
    }

    /// Adds a reader. It begins with the units since the newest key unit when a key frame was
    /// forced a moment ago; otherwise one is wanted, and true says that it is to be asked for now.
    pub(crate) fn add(&mut self, reader: Arc<Reader>, now: MonotonicTime) -> bool {
        if self.keys.is_fresh(now) && !self.recent.is_empty() {
            let bounds = self.bounds();
            for unit in &self.recent {
                reader.offer(unit, bounds, &self.limits, now);
            }
            self.readers.push(reader);
            return false;
        }
        self.readers.push(reader);
        self.keys.want(now)
    }

    /// Adds a reader that begins with a key unit of the future. True says that it is to be asked for now.
    pub(crate) fn add_to_come(&mut self, reader: Arc<Reader>, now: MonotonicTime) -> bool {
        self.readers.push(reader);
        self.keys.want(now)
    }

    /// Removes a reader. False when it was no longer there.
    pub(crate) fn remove(&mut self, reader: &Arc<Reader>) -> bool {
        let before = self.readers.len();
        self.readers.retain(|other| !Arc::ptr_eq(other, reader));
        self.readers.len() < before
    }

    /// Ends every reader.
    pub(crate) fn end_all(&mut self, end: SubscriptionEnd) -> usize {
        let readers = std::mem::take(&mut self.readers);
        for reader in &readers {
            reader.finish(end);
        }
        self.forget_recent();
        readers.len()
    }

    /// Gives a unit to every reader.
    pub(crate) fn publish(&mut self, unit: &Arc<Unit>, now: MonotonicTime) -> Outcome {
        if unit.key {
            self.keys.answered();
            self.largest_key = self.largest_key.max(unit.len());
        }
        self.remember(unit, now);
        let (bounds, limits) = (self.bounds(), self.limits);
        let mut outcome = Outcome::default();
        let mut overflowed = false;
        self.readers.retain(|reader| {
            let (offered, lost) = reader.offer(unit, bounds, &limits, now);
            outcome.dropped += lost;
            overflowed |= offered == Offered::Overflowed;
            outcome.put_out += usize::from(offered == Offered::TooSlow);
            offered != Offered::TooSlow
        });
        outcome.ask_key =
            if overflowed && !unit.key { self.keys.want(now) } else { self.keys.is_due(now) };
        outcome
    }

    /// What was sent so far is no beginning for anybody.
    pub(crate) fn forget_recent(&mut self) {
        self.recent.clear();
        self.recent_bytes = 0;
    }

    fn remember(&mut self, unit: &Arc<Unit>, now: MonotonicTime) {
        let begins = unit.key;
        let goes_on = !self.recent.is_empty()
            && self.recent_bytes + unit.len() <= self.bounds().bytes
            && self.keys.asked_recently(now);
        if begins || !goes_on {
            self.forget_recent();
        }
        if begins || goes_on {
            self.recent_bytes += unit.len();
            self.recent.push(Arc::clone(unit));
        }
    }

    fn bounds(&self) -> QueueBounds {
        QueueBounds {
            bytes: self.limits.queue_bytes.max(2 * self.largest_key),
            age: self.limits.queue_age.max(self.least_age),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use cofferdam_rtp::{PacketWriter, PayloadType, RtpTimestamp, SequenceNumber, Ssrc, Stream};

    use super::*;

    /// A unit of about `size` bytes.
    pub(crate) fn unit(key: bool, size: usize, due: MonotonicTime) -> Arc<Unit> {
        let stream = Stream { ssrc: Ssrc::new(1), payload_type: PayloadType::DYNAMIC };
        let (sequence, timestamp) = (SequenceNumber::new(0), RtpTimestamp::new(0));
        let mut writer = PacketWriter::new(stream, sequence, timestamp, size);
        for part in vec![0; size].chunks(60_000) {
            writer.push(&[part]).unwrap();
        }
        let packets = writer.finish().0;
        Arc::new(Unit {
            key,
            live: true,
            due,
            timestamp,
            first_sequence: sequence,
            packets,
            sent: crate::unit::FirstSent::default(),
            unframed: std::sync::OnceLock::new(),
        })
    }

    fn at(millis: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(millis * 1_000_000)
    }

    fn fan_out() -> FanOut {
        FanOut::new(ReaderLimits::default(), Duration::from_millis(40))
    }

    fn send(fan_out: &mut FanOut, key: bool, millis: u64) -> Outcome {
        fan_out.publish(&unit(key, 1_000, at(millis)), at(millis))
    }

    #[test]
    fn a_newcomer_in_the_interval_gets_every_unit_since_the_forced_key() {
        let mut fan_out = fan_out();
        assert!(fan_out.add(Arc::new(Reader::new()), at(0)));
        send(&mut fan_out, false, 10);
        send(&mut fan_out, true, 40);
        send(&mut fan_out, false, 80);
        send(&mut fan_out, false, 120);
        let second = Arc::new(Reader::new());
        assert!(!fan_out.add(Arc::clone(&second), at(130)));
        assert_eq!(second.queued(), 3);
    }

    #[test]
    fn a_newcomer_to_what_is_to_come_waits_for_a_key_that_is_forced_when_it_may_be() {
        let mut fan_out = fan_out();
        assert!(fan_out.add(Arc::new(Reader::new()), at(0)));
        send(&mut fan_out, true, 40);
        send(&mut fan_out, false, 80);
        let second = Arc::new(Reader::new());
        assert!(!fan_out.add_to_come(Arc::clone(&second), at(90)));
        assert!(!send(&mut fan_out, false, 120).ask_key);
        assert_eq!(second.queued(), 0);
        assert!(send(&mut fan_out, false, 500).ask_key);
        send(&mut fan_out, true, 540);
        assert_eq!(second.queued(), 1);
    }

    #[test]
    fn a_newcomer_does_not_wait_because_somebody_is_behind() {
        let limits = ReaderLimits { queue_age: Duration::ZERO, ..ReaderLimits::default() };
        let mut fan_out = FanOut::new(limits, Duration::from_millis(40));
        fan_out.add(Arc::new(Reader::new()), at(0));
        send(&mut fan_out, true, 40);
        send(&mut fan_out, false, 80);
        let outcome = send(&mut fan_out, false, 160);
        assert_eq!(outcome, Outcome { ask_key: false, dropped: 3, put_out: 0 });
        let second = Arc::new(Reader::new());
        assert!(!fan_out.add(Arc::clone(&second), at(170)));
        assert_eq!(second.queued(), 3);
    }

    #[test]
    fn a_newcomer_before_the_forced_key_came_waits_for_it() {
        let mut fan_out = fan_out();
        send(&mut fan_out, true, 0);
        assert!(fan_out.add(Arc::new(Reader::new()), at(10)));
        let second = Arc::new(Reader::new());
        assert!(!fan_out.add(Arc::clone(&second), at(20)));
        send(&mut fan_out, false, 40);
        send(&mut fan_out, true, 80);
        assert_eq!(second.queued(), 1);
    }

    #[test]
    fn a_newcomer_after_the_interval_forces_another_key() {
        let mut fan_out = fan_out();
        assert!(fan_out.add(Arc::new(Reader::new()), at(0)));
        send(&mut fan_out, true, 40);
        let second = Arc::new(Reader::new());
        assert!(fan_out.add(Arc::clone(&second), at(500)));
        assert_eq!(second.queued(), 0);
    }

    #[test]
    fn units_are_remembered_only_while_they_can_be_of_use() {
        let mut fan_out = fan_out();
        fan_out.add(Arc::new(Reader::new()), at(0));
        for millis in (40..=480).step_by(40) {
            send(&mut fan_out, millis == 40, millis);
        }
        assert_eq!(fan_out.recent.len(), 12);
        send(&mut fan_out, false, 520);
        assert_eq!((fan_out.recent.len(), fan_out.recent_bytes), (0, 0));
    }

    #[test]
    fn remembered_units_are_bounded_in_bytes_and_the_newcomer_asks_later() {
        let limits = ReaderLimits { queue_bytes: 3_000, ..ReaderLimits::default() };
        let mut fan_out = FanOut::new(limits, Duration::from_millis(40));
        fan_out.add(Arc::new(Reader::new()), at(0));
        for millis in [40, 80, 120, 160] {
            send(&mut fan_out, millis == 40, millis);
        }
        assert_eq!(fan_out.recent.len(), 0);
        assert!(!fan_out.add(Arc::new(Reader::new()), at(170)));
        assert!(!send(&mut fan_out, false, 200).ask_key);
        assert!(send(&mut fan_out, false, 500).ask_key);
    }

    #[test]
    fn a_reader_behind_asks_for_a_key_at_the_common_rate() {
        let limits = ReaderLimits { queue_bytes: 2_500, ..ReaderLimits::default() };
        let mut fan_out = FanOut::new(limits, Duration::from_millis(40));
        assert!(fan_out.add(Arc::new(Reader::new()), at(0)));
        send(&mut fan_out, true, 40);
        send(&mut fan_out, false, 80);
        let outcome = send(&mut fan_out, false, 120);
        assert_eq!(outcome, Outcome { ask_key: false, dropped: 3, put_out: 0 });
        assert!(send(&mut fan_out, false, 500).ask_key);
    }
}
