//! Whether the camera's rate is the published one: repeats and skips, weighed against each other.

use std::collections::VecDeque;

/// Over how long they are weighed, in nanoseconds.
const WINDOW: u64 = 6_000_000_000;

/// So much of one and not of the other is another rate: lost pictures are rarer than this.
const ANOTHER_RATE: i32 = 4;

/// So little is the same rate again.
const SAME_RATE: i32 = 1;

/// Repeats less skips of the last seconds.
///
/// A stall gives a run of repeats and then, when what was late arrives, a run of skips; so runs are
/// counted, not ticks, and a stall comes out even.
#[derive(Debug, Default)]
pub(super) struct Balance {
    events: VecDeque<(u64, i32)>,
    sum: i32,
    last: Option<Run>,
    since: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Repeats,
    Skips,
}

impl Balance {
    /// Starts anew at `now`.
    pub(super) fn reset(&mut self, now: u64) {
        *self = Self { since: now, ..Self::default() };
    }

    /// A picture was shown: runs end.
    pub(super) const fn shown(&mut self) {
        self.last = None;
    }

    pub(super) fn repeated(&mut self, now: u64) {
        self.event(now, Run::Repeats, 1);
    }

    pub(super) fn skipped(&mut self, now: u64) {
        self.event(now, Run::Skips, -1);
    }

    fn event(&mut self, now: u64, run: Run, weight: i32) {
        if self.last != Some(run) {
            self.events.push_back((now, weight));
            self.sum += weight;
        }
        self.last = Some(run);
    }

    fn forget(&mut self, now: u64) {
        let oldest = now.saturating_sub(WINDOW);
        while let Some((at, weight)) = self.events.front().copied()
            && at < oldest
        {
            self.sum -= weight;
            self.events.pop_front();
        }
    }

    /// The camera comes at another rate.
    pub(super) fn is_another_rate(&mut self, now: u64) -> bool {
        self.forget(now);
        self.sum.abs() >= ANOTHER_RATE
    }

    /// The camera has come at the published rate for a whole window.
    pub(super) fn is_same_rate(&mut self, now: u64) -> bool {
        self.forget(now);
        now.saturating_sub(self.since) >= WINDOW && self.sum.abs() <= SAME_RATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_stall_comes_out_even_and_a_slow_camera_does_not() {
        let mut balance = Balance::default();
        for _ in 0..20 {
            balance.repeated(SECOND);
        }
        for _ in 0..3 {
            balance.skipped(2 * SECOND);
        }
        balance.shown();
        assert_eq!(balance.sum, 0);
        for n in 0..4 {
            assert!(!balance.is_another_rate(3 * SECOND));
            balance.repeated(3 * SECOND + n);
            balance.shown();
        }
        assert!(balance.is_another_rate(3 * SECOND));
        assert!(!balance.is_another_rate(10 * SECOND));
        assert!(balance.is_same_rate(10 * SECOND));
    }
}
