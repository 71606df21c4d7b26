//! When things are sent.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::random::Random;
use crate::settings::Pace;

/// Turns a stream's own time into the host's, with the deviation and the jitter asked for.
#[derive(Debug)]
pub(crate) struct Schedule {
    origin: Instant,
    pace: Pace,
    random: Random,
    last: Instant,
}

impl Schedule {
    pub(crate) fn new(origin: Instant, pace: Pace) -> Self {
        Self { origin, pace, random: Random::new(pace.seed), last: origin }
    }

    /// `nominal` as the camera's clock, which runs fast or slow, measures it.
    pub(crate) fn deviated(&self, nominal: Duration) -> Duration {
        const MILLION: i128 = 1_000_000;
        let nanos = i128::try_from(nominal.as_nanos()).unwrap_or(i128::MAX / MILLION);
        let speed = (MILLION + i128::from(self.pace.deviation_ppm)).max(1);
        Duration::from_nanos(u64::try_from(nanos * MILLION / speed).unwrap_or(u64::MAX))
    }

    /// When to send what is due at `nominal`. Never before what was asked for last.
    pub(crate) fn send_at(&mut self, nominal: Duration) -> Instant {
        let width = 2 * u64::try_from(self.pace.jitter.as_nanos()).unwrap_or(u64::MAX / 2);
        // Nothing can be sent before its time, so all of it is late by the greatest jitter.
        let late = Duration::from_nanos(self.random.below(width.saturating_add(1)));
        self.last = self.last.max(self.origin + self.deviated(nominal) + late);
        self.last
    }

    /// The stream time that is due at `now`.
    pub(crate) fn due(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.origin)
    }
}

/// Waits until `deadline`; `false` when the camera was stopped before.
pub(crate) fn wait_until(deadline: Instant, stopped: &Receiver<()>) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    matches!(stopped.recv_timeout(left), Err(RecvTimeoutError::Timeout))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(40);

    #[test]
    fn is_exact_without_jitter() {
        let origin = Instant::now();
        let mut schedule = Schedule::new(origin, Pace::default());
        for k in 0..100 {
            assert_eq!(schedule.send_at(PERIOD * k), origin + PERIOD * k);
        }
    }

    #[test]
    fn a_fast_clock_measures_less() {
        let pace = Pace { deviation_ppm: 1000, ..Pace::default() };
        let schedule = Schedule::new(Instant::now(), pace);
        assert_eq!(schedule.deviated(Duration::from_nanos(1_001_000)).as_nanos(), 1_000_000);
        let pace = Pace { deviation_ppm: i32::MIN, ..Pace::default() };
        assert!(Schedule::new(Instant::now(), pace).deviated(PERIOD) > PERIOD);
    }

    #[test]
    fn jitter_is_reproducible_bounded_used_whole_and_keeps_order() {
        let origin = Instant::now();
        let pace = Pace { jitter: Duration::from_millis(10), seed: 3, ..Pace::default() };
        let times = |pace| {
            let mut schedule = Schedule::new(origin, pace);
            (0..1000).map(|k| schedule.send_at(PERIOD * k)).collect::<Vec<_>>()
        };
        let first = times(pace);
        assert_eq!(first, times(pace));
        assert_ne!(first, times(Pace { seed: 4, ..pace }));
        let late: Vec<Duration> =
            first.iter().zip(0..).map(|(at, k)| *at - (origin + PERIOD * k)).collect();
        assert!(late.iter().all(|l| *l <= Duration::from_millis(20)));
        assert!(late.iter().any(|l| *l < Duration::from_millis(1)));
        assert!(late.iter().any(|l| *l > Duration::from_millis(19)));

        let wild = times(Pace { jitter: Duration::from_millis(200), ..pace });
        assert!(wild.is_sorted());
    }

    #[test]
    fn waiting_ends_with_the_camera() {
        let (stop, stopped) = mpsc::channel();
        assert!(wait_until(Instant::now(), &stopped));
        drop(stop);
        assert!(!wait_until(Instant::now() + Duration::from_secs(3600), &stopped));
    }
}
