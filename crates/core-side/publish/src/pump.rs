//! Sending to many readers from one task: no reader's own task is woken for a unit that goes out at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_picture::MonotonicTime;
use tokio::sync::Notify;

use crate::Unit;
use crate::reader::Reader;

/// A way to one reader that takes what can be sent without waiting.
pub trait Sink: fmt::Debug + Send + Sync {
    /// Sends a unit, as far as that can be done at once.
    fn send(&self, unit: &Arc<Unit>) -> Delivery;

    /// Goes on with what was [`Delivery::Paced`].
    fn resume(&self) -> Delivery;
}

/// What became of a unit that a [`Sink`] was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// All of it is on its way.
    Sent,
    /// Some of it is, and more is not to follow before this time has passed. The sink keeps the rest.
    Paced(Duration),
    /// Some of it is. The sink keeps the rest for the reader's own task.
    Begun,
    /// Nothing of it is. It stays in the queue for the reader's own task.
    Refused,
}

/// What there is to do after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another round.
    Round,
    /// A round at this time, unless somebody is [due](Pump::due) before.
    At(MonotonicTime),
    /// Nothing, until somebody is [due](Pump::due).
    Nothing,
}

/// Readers for whom units wait that can be sent from one task. Clones are the same readers.
///
/// Where a sink does not take all, the reader is handed back to its own task, which
/// [`Subscription::next_or_back`](crate::Subscription::next_or_back) tells, and is served here again
/// from [`Subscription::pump_on`](crate::Subscription::pump_on) on.
#[derive(Clone, Debug, Default)]
pub struct Pump {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    readers: Mutex<Readers>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Readers {
    due: VecDeque<Arc<Reader>>,
    /// Those whose unit goes out in parts, each with the time of its next.
    paced: VecDeque<(MonotonicTime, Arc<Reader>)>,
}

impl Readers {
    /// Whoever is in the middle of a unit goes before those who have not begun: so a few are served whole
    /// at a time, and the first need not wait for all.
    fn pop(&mut self, now: MonotonicTime) -> Option<Arc<Reader>> {
        if self.paced.front().is_some_and(|(at, _)| *at <= now) {
            return self.paced.pop_front().map(|(_, reader)| reader);
        }
        self.due.pop_front()
    }
}

impl Pump {
    /// Waits until units wait for somebody. Cancel-safe.
    pub async fn due(&self) {
        while self.readers().due.is_empty() {
            self.shared.wake.notified().await;
        }
    }

    /// Sends to as many as `most` readers, in the order in which their units came, and says what is to
    /// follow. `now` is asked for each of them.
    pub fn go_round(&self, most: usize, now: impl Fn() -> MonotonicTime) -> Next {
        for _ in 0..most {
            let reader = self.readers().pop(now());
            let Some(reader) = reader else { break };
            if let Some(pause) = reader.pump() {
                self.readers().paced.push_back((now() + pause, reader));
            }
        }
        let readers = self.readers();
        match readers.paced.front() {
            _ if !readers.due.is_empty() => Next::Round,
            Some((at, _)) if *at <= now() => Next::Round,
            Some((at, _)) => Next::At(*at),
            None => Next::Nothing,
        }
    }

    pub(crate) fn push(&self, reader: Arc<Reader>) {
        let mut readers = self.readers();
        readers.due.push_back(reader);
        let first = readers.due.len() == 1;
        drop(readers);
        if first {
            self.shared.wake.notify_one();
        }
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
