//! Counters that another process keeps, made into growth.

/// A counter that runs on for as long as the gateway lives. Its keeper is not trusted: a value
/// below the highest seen is no growth, so it cannot count anything twice or backwards.
#[derive(Debug, Default)]
pub(super) struct HighWater(u64);

impl HighWater {
    /// By how much `value` exceeds everything seen before.
    pub(super) fn growth(&mut self, value: u64) -> u64 {
        let growth = value.saturating_sub(self.0);
        self.0 = self.0.max(value);
        growth
    }
}

/// A counter that begins again with each worker.
#[derive(Debug, Default)]
pub(super) struct PerWorker(u64);

impl PerWorker {
    /// What a worker can honestly count from one report to the next, many times over; keeps a lie
    /// from ever wrapping the sum.
    const MOST: u64 = u32::MAX as u64;

    /// What was counted since the last report. A smaller value is a count begun anew.
    pub(super) fn growth(&mut self, value: u64) -> u64 {
        let growth = value.checked_sub(self.0).unwrap_or(value);
        self.0 = value;
        growth.min(Self::MOST)
    }

    /// Another worker counts from here on.
    pub(super) const fn restart(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_counter_never_counts_twice() {
        let mut counter = HighWater::default();
        let growth: Vec<u64> =
            [5, 9, 0, 9, 10, u64::MAX, 3].map(|value| counter.growth(value)).to_vec();
        assert_eq!(growth, [5, 4, 0, 0, 1, u64::MAX - 10, 0]);
    }

    #[test]
    fn a_counter_per_worker_adds_up() {
        let mut counter = PerWorker::default();
        assert_eq!([5, 9, 2].map(|value| counter.growth(value)), [5, 4, 2]);
        counter.restart();
        assert_eq!(counter.growth(2), 2);
        assert_eq!(counter.growth(u64::MAX), PerWorker::MOST);
    }
}
