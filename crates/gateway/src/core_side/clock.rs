//! Whether the host's clock is kept right: sender reports carry its time, and recorders store by it.

use std::io;
use std::time::Duration;

use cofferdam_jail::clock_is_synchronised;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::MissedTickBehavior;

/// The time between two looks: what keeps a clock takes minutes to notice anything.
const PERIOD: Duration = Duration::from_secs(30);

/// What an operator can do about it.
const MEND: &str = "readers are told its time with every stream: run chrony, ntpd or systemd-timesyncd on \
                    the host";

/// What is known of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Synchronised,
    Unsynchronised,
    /// The kernel does not say.
    Unknown(io::ErrorKind),
}

impl Clock {
    fn look() -> Self {
        match clock_is_synchronised() {
            Ok(true) => Self::Synchronised,
            Ok(false) => Self::Unsynchronised,
            Err(error) => Self::Unknown(error.kind()),
        }
    }

    /// The value of the metric: what is not known counts as not good.
    const fn value(self) -> i64 {
        matches!(self, Self::Synchronised) as i64
    }

    /// What is to be said in words, and whether it is good.
    fn told(self) -> (bool, String) {
        match self {
            Self::Synchronised => (true, "synchronised".into()),
            Self::Unsynchronised => (false, format!("NOT SYNCHRONISED: {MEND}")),
            Self::Unknown(kind) => (false, format!("UNKNOWN: the kernel does not say ({kind})")),
        }
    }

    fn log(self) {
        match self.told() {
            (true, told) => tracing::info!("host clock {told}"),
            (false, told) => tracing::warn!("host clock {told}"),
        }
    }
}

/// What `cofferdam check` says of it.
pub(crate) fn line() -> String {
    Clock::look().told().1
}

/// The host's clock, as a metric.
#[derive(Debug)]
pub(super) struct ClockMetric(Gauge);

impl ClockMetric {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let gauge = Gauge::default();
        registry.register(
            "clock_synchronised",
            "1 while the host's clock is kept right, as the kernel was told",
            gauge.clone(),
        );
        Self(gauge)
    }

    /// Looks again and again, for ever. A clock that is not right at the start is told, and so is each change.
    pub(super) async fn watch(self) {
        let mut last = Clock::Synchronised;
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Clock::look();
            self.0.set(now.value());
            if now != last {
                now.log();
            }
            last = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_known_to_be_right_is_told_as_not_right() {
        for (clock, value, good, word) in [
            (Clock::Synchronised, 1, true, "synchronised"),
            (Clock::Unsynchronised, 0, false, "NOT SYNCHRONISED: "),
            (Clock::Unknown(io::ErrorKind::PermissionDenied), 0, false, "UNKNOWN: "),
        ] {
            let (is_good, told) = clock.told();
            assert_eq!((clock.value(), is_good), (value, good));
            assert!(told.starts_with(word), "{told}");
        }
    }
}
