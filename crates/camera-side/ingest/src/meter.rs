//! How much a camera may send, counted at its socket.
//!
//! retina takes in answers, headers and access units of whatever length a camera announces, or never
//! ends. What arrives is the one thing that can be counted from outside of it: so the bytes of the
//! connection are looked at after every few reads, and a camera that sends more than it can need is
//! left before it has filled the memory.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;

use cofferdam_jail::bytes_received;
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::Fault;
use cofferdam_unit_filter::ByteBudget;

use crate::limits::Limits;

/// What a connection may bring. Sans-IO: its bytes so far and the time come in.
#[derive(Debug)]
struct Allowance {
    limits: Limits,
    budget: ByteBudget,
    seen: u64,
    /// Bytes at the last access unit, once the camera was asked to play.
    at_unit: Option<u64>,
}

impl Allowance {
    const fn new(limits: Limits, now: MonotonicTime) -> Self {
        let budget = ByteBudget::new(limits.rate, limits.burst, now);
        Self { limits, budget, seen: 0, at_unit: None }
    }

    /// The camera was asked to play, or an access unit came.
    const fn progress(&mut self) {
        self.at_unit = Some(self.seen);
    }

    /// Takes note of the bytes so far.
    ///
    /// # Errors
    /// The fault of a camera that has sent too much.
    fn look(&mut self, received: u64, now: MonotonicTime) -> Result<(), Fault> {
        let more = received.saturating_sub(self.seen);
        self.seen = self.seen.max(received);
        let within = match self.at_unit {
            None => self.seen <= self.limits.answers,
            Some(before) => self.seen - before <= self.limits.without_unit,
        };
        if self.budget.spend(more, now) && within { Ok(()) } else { Err(Fault::TooMuchData) }
    }
}

/// Watches the connection of a session.
#[derive(Debug)]
pub struct Meter {
    limits: Limits,
    connection: RefCell<Option<(OwnedFd, Allowance)>>,
    /// A connection was to be watched and could not.
    blind: Cell<bool>,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(Limits::SHIPPED)
    }
}

impl Meter {
    /// Nothing is watched yet.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, connection: RefCell::new(None), blind: Cell::new(false) }
    }

    /// The limits of the session.
    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Watches `connection` from now on, a second handle on the session's socket.
    pub(crate) fn watch(&self, connection: Option<OwnedFd>, now: MonotonicTime) {
        self.blind.set(connection.is_none());
        *self.connection.borrow_mut() =
            connection.map(|connection| (connection, Allowance::new(self.limits, now)));
    }

    /// The camera was asked to play, or an access unit came.
    pub(crate) fn progress(&self) {
        if let Some((_, allowance)) = &mut *self.connection.borrow_mut() {
            allowance.progress();
        }
    }

    /// Looks at what has arrived.
    ///
    /// # Errors
    /// [`Fault::TooMuchData`], or [`Fault::WorkerSetup`] when it cannot be looked at.
    pub(crate) fn look(&self, now: MonotonicTime) -> Result<(), Fault> {
        if self.blind.get() {
            return Err(Fault::WorkerSetup);
        }
        match &mut *self.connection.borrow_mut() {
            None => Ok(()),
            Some((connection, allowance)) => {
                let received = bytes_received(connection).map_err(|_| Fault::WorkerSetup)?;
                allowance.look(received, now)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNALLING: u64 = Limits::SHIPPED.answers;
    const WITHOUT_UNIT: u64 = Limits::SHIPPED.without_unit;
    const BURST: u64 = Limits::SHIPPED.burst;
    const BYTES_A_SECOND: u64 = Limits::SHIPPED.rate;
    const SECOND: MonotonicTime = at(1000);

    const fn at(millis: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(millis * 1_000_000)
    }

    fn playing() -> Allowance {
        let mut allowance = Allowance::new(Limits::SHIPPED, at(0));
        allowance.progress();
        allowance
    }

    #[test]
    fn answers_are_short() {
        let mut allowance = Allowance::new(Limits::SHIPPED, at(0));
        assert_eq!(allowance.look(SIGNALLING, SECOND), Ok(()));
        assert_eq!(allowance.look(SIGNALLING + 1, SECOND), Err(Fault::TooMuchData));
        // What comes after PLAY is video.
        let mut allowance = Allowance::new(Limits::SHIPPED, at(0));
        assert_eq!(allowance.look(SIGNALLING, SECOND), Ok(()));
        allowance.progress();
        assert_eq!(allowance.look(SIGNALLING + WITHOUT_UNIT, SECOND), Ok(()));
    }

    #[test]
    fn an_access_unit_ends() {
        let mut allowance = playing();
        assert_eq!(allowance.look(WITHOUT_UNIT, SECOND), Ok(()));
        allowance.progress();
        assert_eq!(allowance.look(2 * WITHOUT_UNIT, at(2000)), Ok(()));
        assert_eq!(allowance.look(2 * WITHOUT_UNIT + 1, at(2000)), Err(Fault::TooMuchData));
    }

    #[test]
    fn a_flood_of_access_units_is_one_too() {
        let mut allowance = playing();
        // Twice the rate, a unit every tenth of a second: the burst lasts for a while.
        let over = (1..).find(|tenth| {
            allowance.progress();
            let look = allowance.look(tenth * BYTES_A_SECOND / 5, at(tenth * 100));
            assert!(look.is_ok() || look == Err(Fault::TooMuchData));
            look.is_err()
        });
        let lasts = BURST / (BYTES_A_SECOND / 10);
        assert!((lasts..lasts + 3).contains(&over.unwrap()), "{over:?}");
    }

    #[test]
    fn a_count_that_goes_back_counts_once() {
        let mut allowance = playing();
        for received in [10_000_000, 0, 10_000_000, 10_000_001] {
            assert_eq!(allowance.look(received, SECOND), Ok(()));
        }
        assert_eq!(allowance.seen, 10_000_001);
    }

    #[test]
    fn a_connection_that_cannot_be_counted_is_not_read() {
        let meter = Meter::default();
        assert_eq!(meter.look(SECOND), Ok(()));
        meter.watch(None, SECOND);
        assert_eq!(meter.look(SECOND), Err(Fault::WorkerSetup));
        let (_, no_socket) = rustix::pipe::pipe().unwrap();
        meter.watch(Some(no_socket), SECOND);
        assert_eq!(meter.look(SECOND), Err(Fault::WorkerSetup));
    }
}
