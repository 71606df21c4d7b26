//! One reader of a mount: its queue, and the end of it that the reader holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_picture::MonotonicTime;
use tokio::sync::Notify;

use crate::pump::{Delivery, Pump, Sink};
use crate::{Mount, ReaderLimits, Unit};

/// Why a reader gets no more units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionEnd {
    /// The camera gives no picture, and its slate has been shown as long as configured.
    #[error("the camera gives no picture")]
    SignalLost,
    /// The reader fell behind more often than it may.
    #[error("the reader is too slow")]
    TooSlow,
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Stopping,
}

/// A reader's claim on a mount. Dropping it gives it up.
#[derive(Debug)]
pub struct Subscription {
    mount: Arc<Mount>,
    reader: Arc<Reader>,
}

impl Subscription {
    pub(crate) const fn new(mount: Arc<Mount>, reader: Arc<Reader>) -> Self {
        Self { mount, reader }
    }

    /// Waits for the next unit. The first is a key unit, and so is the first after any that were
    /// lost. Cancel-safe: a unit is either returned or still queued.
    ///
    /// # Errors
    /// When there will be no more units. What was still queued is given up.
    pub async fn next(&mut self) -> Result<Arc<Unit>, SubscriptionEnd> {
        loop {
            if let Some(unit) = self.next_or_back().await? {
                return Ok(unit);
            }
        }
    }

    /// Waits for the next unit, as [`next`](Self::next) does, or until a [`Pump`] hands the reader back
    /// with nothing queued: then there is none. Cancel-safe.
    ///
    /// # Errors
    /// When there will be no more units. What was still queued is given up.
    pub async fn next_or_back(&mut self) -> Result<Option<Arc<Unit>>, SubscriptionEnd> {
        loop {
            if let Some(taken) = self.reader.take() {
                return taken.map(Some);
            }
            if self.reader.is_back() {
                return Ok(None);
            }
            self.reader.wake.notified().await;
        }
    }

    /// Lets `pump` send units to `sink`, from [`pump_on`](Self::pump_on) on.
    pub fn attach(&mut self, pump: Pump, sink: Arc<dyn Sink>) {
        self.reader.attach(pump, sink);
    }

    /// Has the pump send what is queued and what comes. There is nothing that must go out before.
    pub fn pump_on(&mut self) {
        self.reader.pump_on();
    }

    /// Has units come from [`next`](Self::next) again. When it returns nothing is being sent any more.
    pub fn pump_off(&mut self) {
        self.reader.pump_off();
    }

    /// The next unit, if one is queued.
    pub fn try_next(&mut self) -> Option<Arc<Unit>> {
        self.reader.take().and_then(Result::ok)
    }

    /// Why there will be no more units, once that is so.
    #[must_use]
    pub fn end(&self) -> Option<SubscriptionEnd> {
        self.reader.queue().end
    }

    /// Units lost so far because this reader fell behind.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.reader.queue().dropped
    }

    /// The mount that is read.
    #[must_use]
    pub const fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.reader.queue().pumped = None;
        self.mount.unsubscribe(&self.reader);
    }
}

/// The bounds of every queue of a mount at present.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueBounds {
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
}

/// What became of a unit offered to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is queued, or of no use to this reader yet.
    Fine,
    /// The reader was behind: units were lost, and a key frame has to come.
    Overflowed,
    /// The reader has been behind too often, and is out.
    TooSlow,
}

/// The queue of units a reader has not yet taken.
#[derive(Debug)]
pub(crate) struct Reader {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Debug)]
struct Queue {
    /// Each with the time it was queued.
    units: VecDeque<(MonotonicTime, Arc<Unit>)>,
    bytes: usize,
    needs_key: bool,
    dropped: u64,
    overflows: VecDeque<MonotonicTime>,
    end: Option<SubscriptionEnd>,
    pumped: Option<Pumped>,
}

/// A reader's part in a [`Pump`].
#[derive(Debug)]
struct Pumped {
    pump: Pump,
    sink: Arc<dyn Sink>,
    /// Units go to the sink.
    on: bool,
    /// The pump knows of units that wait.
    due: bool,
    /// The sink is to go on with a unit that goes out in parts.
    paced: bool,
    /// The pump has turned it off, and the reader's task does not know yet.
    back: bool,
}

impl Pumped {
    fn push(&mut self, reader: &Arc<Reader>) {
        if !std::mem::replace(&mut self.due, true) {
            self.pump.push(Arc::clone(reader));
        }
    }
}

impl Reader {
    /// A reader that begins with the next key unit.
    pub(crate) fn new() -> Self {
        let queue = Queue {
            units: VecDeque::new(),
            bytes: 0,
            needs_key: true,
            dropped: 0,
            overflows: VecDeque::new(),
            end: None,
            pumped: None,
        };
        Self { queue: Mutex::new(queue), wake: Notify::new() }
    }

    /// A reader that has come in vain.
    pub(crate) fn ended(end: SubscriptionEnd) -> Self {
        let reader = Self::new();
        reader.finish(end);
        reader
    }

    /// Offers a unit, and says with it how many were lost.
    pub(crate) fn offer(
        self: &Arc<Self>,
        unit: &Arc<Unit>,
        bounds: QueueBounds,
        limits: &ReaderLimits,
        now: MonotonicTime,
    ) -> (Offered, u64) {
        let mut queue = self.queue();
        let before = queue.dropped;
        let offered = queue.offer(unit, bounds, limits, now);
        let lost = queue.dropped - before;
        let (ended, waiting) = (queue.end.is_some(), !queue.units.is_empty());
        let pumped = queue.pumped.as_mut().filter(|pumped| pumped.on && !ended);
        match pumped {
            _ if !ended && !waiting => {}
            Some(pumped) => pumped.push(self),
            None => self.wake.notify_one(),
        }
        drop(queue);
        (offered, lost)
    }

    /// Ends the reader. The first end given is the one it hears of.
    pub(crate) fn finish(&self, end: SubscriptionEnd) {
        let mut queue = self.queue();
        queue.end.get_or_insert(end);
        queue.clear();
        drop(queue);
        self.wake.notify_one();
    }

    fn take(&self) -> Option<Result<Arc<Unit>, SubscriptionEnd>> {
        let mut queue = self.queue();
        if let Some(end) = queue.end {
            return Some(Err(end));
        }
        if queue.pumped.as_ref().is_some_and(|pumped| pumped.on) {
            return None;
        }
        queue.pop().map(Ok)
    }

    fn attach(&self, pump: Pump, sink: Arc<dyn Sink>) {
        let (on, due, paced, back) = (false, false, false, false);
        self.queue().pumped = Some(Pumped { pump, sink, on, due, paced, back });
    }

    fn pump_on(self: &Arc<Self>) {
        let mut queue = self.queue();
        let waiting = !queue.units.is_empty();
        let Some(pumped) = &mut queue.pumped else { return };
        pumped.on = true;
        pumped.back = false;
        if waiting {
            pumped.push(self);
        }
    }

    fn pump_off(&self) {
        if let Some(pumped) = &mut self.queue().pumped {
            pumped.on = false;
            // The task takes over what is left of a unit.
            pumped.paced = false;
            pumped.back = false;
        }
    }

    fn is_back(&self) -> bool {
        self.queue().pumped.as_mut().is_some_and(|pumped| std::mem::take(&mut pumped.back))
    }

    /// Gives what is queued to the sink, as long as that takes it. Where it goes on after a pause, how long
    /// that is.
    pub(crate) fn pump(&self) -> Option<Duration> {
        // Held throughout: whoever turns the pump off may rely on it that nothing is being sent.
        let mut queue = self.queue();
        let queue = &mut *queue;
        let pumped = queue.pumped.as_mut()?;
        pumped.due = false;
        while pumped.on && queue.end.is_none() {
            let delivery = if std::mem::take(&mut pumped.paced) {
                pumped.sink.resume()
            } else {
                let (_, unit) = queue.units.front()?;
                let delivery = pumped.sink.send(unit);
                if delivery != Delivery::Refused {
                    queue.bytes -= unit.len();
                    queue.units.pop_front();
                }
                delivery
            };
            match delivery {
                Delivery::Sent => {}
                Delivery::Paced(pause) => {
                    pumped.paced = true;
                    pumped.due = true;
                    return Some(pause);
                }
                Delivery::Begun | Delivery::Refused => {
                    pumped.on = false;
                    pumped.back = true;
                    self.wake.notify_one();
                }
            }
        }
        None
    }

    #[cfg(test)]
    pub(crate) fn queued(&self) -> usize {
        self.queue().units.len()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn offer(
        &mut self,
        unit: &Arc<Unit>,
        bounds: QueueBounds,
        limits: &ReaderLimits,
        now: MonotonicTime,
    ) -> Offered {
        if self.end.is_some() {
            return Offered::Fine;
        }
        let late = self.units.front().is_some_and(|(since, _)| now.since(*since) > bounds.age);
        let full = !self.units.is_empty() && self.bytes + unit.len() > bounds.bytes;
        let mut offered = Offered::Fine;
        if late || full {
            self.dropped += self.units.len() as u64;
            self.clear();
            self.needs_key = true;
            self.overflows.push_back(now);
            self.overflows.retain(|at| now.since(*at) <= limits.overflow_window);
            if self.overflows.len() > limits.overflows {
                self.end = Some(SubscriptionEnd::TooSlow);
                return Offered::TooSlow;
            }
            offered = Offered::Overflowed;
        }
        if self.needs_key && !unit.key {
            // Before its first unit a reader loses nothing: it has not begun.
            self.dropped += u64::from(!self.overflows.is_empty());
            return offered;
        }
        self.needs_key = false;
        self.bytes += unit.len();
        self.units.push_back((now, Arc::clone(unit)));
        offered
    }

    fn pop(&mut self) -> Option<Arc<Unit>> {
        let (_, unit) = self.units.pop_front()?;
        self.bytes -= unit.len();
        Some(unit)
    }

    fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod pumping;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fan_out::tests::unit;

    const BOUNDS: QueueBounds = QueueBounds { bytes: 10_000, age: Duration::from_secs(1) };

    fn at(millis: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(millis * 1_000_000)
    }

    fn limits() -> ReaderLimits {
        ReaderLimits { overflows: 2, ..ReaderLimits::default() }
    }

    fn offer(reader: &Arc<Reader>, key: bool, size: usize, millis: u64) -> (Offered, u64) {
        reader.offer(&unit(key, size, at(millis)), BOUNDS, &limits(), at(millis))
    }

    fn taken(reader: &Reader) -> Vec<bool> {
        std::iter::from_fn(|| reader.take()).map_while(Result::ok).map(|unit| unit.key).collect()
    }

    #[test]
    fn the_first_unit_is_a_key_unit_and_nothing_counts_as_lost_before() {
        let reader = Arc::new(Reader::new());
        assert_eq!(offer(&reader, false, 100, 0), (Offered::Fine, 0));
        assert_eq!(offer(&reader, true, 100, 40), (Offered::Fine, 0));
        assert_eq!(offer(&reader, false, 100, 80), (Offered::Fine, 0));
        assert_eq!(taken(&reader), [true, false]);
    }

    #[test]
    fn too_many_bytes_clear_the_queue_to_the_next_key_unit() {
        let reader = Arc::new(Reader::new());
        offer(&reader, true, 6_000, 0);
        offer(&reader, false, 3_000, 40);
        assert_eq!(offer(&reader, false, 3_000, 80), (Offered::Overflowed, 3));
        assert_eq!(offer(&reader, false, 10, 120), (Offered::Fine, 1));
        assert_eq!(offer(&reader, true, 6_000, 160), (Offered::Fine, 0));
        assert_eq!(taken(&reader), [true]);
    }

    #[test]
    fn a_key_unit_that_overflows_is_itself_kept() {
        let reader = Arc::new(Reader::new());
        offer(&reader, true, 6_000, 0);
        assert_eq!(offer(&reader, true, 6_000, 40), (Offered::Overflowed, 1));
        assert_eq!(taken(&reader), [true]);
    }

    #[test]
    fn one_unit_larger_than_the_bound_still_passes() {
        let reader = Arc::new(Reader::new());
        assert_eq!(offer(&reader, true, 60_000, 0), (Offered::Fine, 0));
        assert_eq!(taken(&reader), [true]);
    }

    #[test]
    fn too_old_a_queue_is_cleared() {
        let reader = Arc::new(Reader::new());
        offer(&reader, true, 10, 0);
        assert_eq!(offer(&reader, false, 10, 1_000), (Offered::Fine, 0));
        assert_eq!(offer(&reader, false, 10, 1_001), (Offered::Overflowed, 3));
        assert!(taken(&reader).is_empty());
    }

    #[test]
    fn a_reader_that_keeps_falling_behind_is_out() {
        let reader = Arc::new(Reader::new());
        let overflow = |millis: u64| {
            offer(&reader, true, 6_000, millis);
            offer(&reader, true, 6_000, millis + 1).0
        };
        assert_eq!(overflow(0), Offered::Overflowed);
        taken(&reader);
        assert_eq!(overflow(30_000), Offered::Overflowed);
        taken(&reader);
        assert_eq!(overflow(60_002), Offered::Overflowed, "the first one is forgotten");
        taken(&reader);
        assert_eq!(overflow(61_000), Offered::TooSlow);
        assert_eq!(reader.take().unwrap().unwrap_err(), SubscriptionEnd::TooSlow);
        assert_eq!(offer(&reader, true, 10, 62_000), (Offered::Fine, 0));
    }

    #[test]
    fn the_end_comes_at_once_and_only_once() {
        let reader = Arc::new(Reader::new());
        offer(&reader, true, 10, 0);
        reader.finish(SubscriptionEnd::SignalLost);
        reader.finish(SubscriptionEnd::Stopping);
        assert_eq!(reader.take().unwrap().unwrap_err(), SubscriptionEnd::SignalLost);
    }
}
