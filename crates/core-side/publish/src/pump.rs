//! Sending to many readers from one task: no reader's own task is woken for a unit that goes out at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::Unit;
use crate::reader::Reader;

/// A way to one reader that takes what can be sent without waiting.
pub trait Sink: fmt::Debug + Send + Sync {
    /// Sends a unit, as far as that can be done at once.
    fn send(&self, unit: &Arc<Unit>) -> Delivery;
}

/// What became of a unit that a [`Sink`] was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// All of it is on its way.
    Sent,
    /// Some of it is. The sink keeps the rest for the reader's own task.
    Begun,
    /// Nothing of it is. It stays in the queue for the reader's own task.
    Refused,
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
    due: Mutex<VecDeque<Arc<Reader>>>,
    wake: Notify,
}

impl Pump {
    /// Waits until units wait for somebody. Cancel-safe.
    pub async fn due(&self) {
        while self.readers().is_empty() {
            self.shared.wake.notified().await;
        }
    }

    /// Sends to as many as `most` readers, in the order in which their units came. False when nobody is
    /// left.
    pub fn go_round(&self, most: usize) -> bool {
        for _ in 0..most {
            let reader = self.readers().pop_front();
            let Some(reader) = reader else { return false };
            reader.pump();
        }
        !self.readers().is_empty()
    }

    pub(crate) fn push(&self, reader: Arc<Reader>) {
        let mut readers = self.readers();
        readers.push_back(reader);
        let first = readers.len() == 1;
        drop(readers);
        if first {
            self.shared.wake.notify_one();
        }
    }

    fn readers(&self) -> MutexGuard<'_, VecDeque<Arc<Reader>>> {
        self.shared.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
