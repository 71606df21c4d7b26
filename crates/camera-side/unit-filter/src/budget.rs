//! How fast a camera may send.

use cofferdam_picture::MonotonicTime;

const NANOS: u128 = 1_000_000_000;

/// A token bucket of bytes.
#[derive(Clone, Debug)]
pub struct ByteBudget {
    rate: u64,
    burst: u64,
    left: u64,
    at: MonotonicTime,
}

impl ByteBudget {
    /// A full bucket at time `now`: `burst` bytes at once, `rate` bytes a second in the long run.
    #[must_use]
    pub const fn new(rate: u64, burst: u64, now: MonotonicTime) -> Self {
        Self { rate, burst, left: burst, at: now }
    }

    /// Takes `bytes` that came by `now`. False when there were not so many left: the bucket is empty
    /// then.
    pub fn spend(&mut self, bytes: u64, now: MonotonicTime) -> bool {
        let passed = now.since(self.at);
        let earned = u128::from(self.rate).saturating_mul(passed.as_nanos()) / NANOS;
        // Less than a byte earned is kept as time.
        if earned > 0 {
            self.at = now;
        }
        let earned = u64::try_from(earned).unwrap_or(u64::MAX);
        let there = self.left.saturating_add(earned).min(self.burst);
        self.left = there.saturating_sub(bytes);
        bytes <= there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(us: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(us * 1000)
    }

    const fn ms(ms: u64) -> MonotonicTime {
        us(ms * 1000)
    }

    #[test]
    fn a_steady_camera_never_meets_it_and_a_flood_does() {
        let mut budget = ByteBudget::new(1_000_000, 500_000, ms(0));
        // One second's worth in every second, in lumps.
        assert!((1..1000).all(|tick| budget.spend(100_000, ms(tick * 100))));
        // Twice that: the burst lasts for half a second.
        let over = (1000..).position(|tick| !budget.spend(200_000, ms(tick * 100)));
        assert!((3..=5).contains(&over.unwrap()), "{over:?}");
    }

    #[test]
    fn rest_does_not_save_up_more_than_the_burst() {
        let mut budget = ByteBudget::new(1_000_000, 500_000, ms(0));
        assert!(!budget.spend(500_001, ms(3_600_000)));
        assert!(!budget.spend(1, ms(3_600_000)));
        assert!(budget.spend(1_000, ms(3_600_001)));
    }

    #[test]
    fn neither_time_nor_bytes_run_over() {
        let mut budget = ByteBudget::new(u64::MAX, u64::MAX, ms(0));
        assert!(budget.spend(u64::MAX, MonotonicTime::from_nanos(u64::MAX)));
        assert!(budget.spend(0, ms(0)));
        assert!(!budget.spend(1, ms(0)));
    }

    #[test]
    fn many_looks_in_a_moment_earn_as_much_as_one() {
        let mut budget = ByteBudget::new(1_000, 10, ms(0));
        assert!(budget.spend(10, ms(0)));
        // A byte a millisecond, looked for every microsecond.
        let earned = (1..=5_000).filter(|time| budget.spend(1, us(*time))).count();
        assert_eq!(earned, 5);
    }
}
