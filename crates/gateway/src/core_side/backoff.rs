//! How long to wait before an encode worker is started again. Sans-IO.

use std::time::Duration;

use cofferdam_picture::MonotonicTime;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);
/// A worker that ran this long was well.
const PROVEN: Duration = Duration::from_secs(2);

/// Doubles the wait from 100 ms to a second, and begins again after a run of two seconds.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after a run that began at `started` and has just ended. `chance` is a random number
    /// that spreads it by up to a quarter either way: workers that died of one cause do not all
    /// start in one burst.
    pub(crate) fn handle_end(
        &mut self,
        started: MonotonicTime,
        now: MonotonicTime,
        chance: u8,
    ) -> Duration {
        if now.since(started) >= PROVEN {
            self.failures = 0;
        }
        let wait = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(0.75 + f64::from(chance) / 510.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_second_and_begins_again_after_a_good_run() {
        let mut backoff = Backoff::default();
        let start = MonotonicTime::from_nanos(0);
        let mut after = |run: u64| {
            let wait = backoff.handle_end(start, start + Duration::from_millis(run), 127);
            (wait.as_millis() + 50) / 100 * 100
        };
        let waits: Vec<_> = (0..6).map(|_| after(1999)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(after(2000), 100);
    }

    #[test]
    fn chance_spreads_the_wait_by_a_quarter() {
        let start = MonotonicTime::from_nanos(0);
        let wait = |chance| Backoff::default().handle_end(start, start, chance);
        assert_eq!(wait(0), Duration::from_millis(75));
        assert_eq!(wait(255), Duration::from_millis(125));
    }
}
