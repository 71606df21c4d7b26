//! A mount's RTP clock: the gateway's monotonic clock, 90 000 times a second, from a random origin.

use cofferdam_picture::MonotonicTime;
use cofferdam_rtp::{RtpTimestamp, VIDEO_CLOCK_RATE};

/// Maps monotonic time to RTP time. The same for units and for sender reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RtpClock {
    origin: RtpTimestamp,
}

impl RtpClock {
    pub(crate) const fn new(origin: RtpTimestamp) -> Self {
        Self { origin }
    }

    pub(crate) fn at(self, time: MonotonicTime) -> RtpTimestamp {
        self.reading(ticks(time))
    }

    fn reading(self, ticks: u64) -> RtpTimestamp {
        let [_, _, _, _, a, b, c, d] = ticks.to_be_bytes();
        self.origin.wrapping_add(u32::from_be_bytes([a, b, c, d]))
    }
}

/// Ticks of the RTP clock since the origin of the monotonic clock, before they wrap.
fn ticks(time: MonotonicTime) -> u64 {
    let ticks = u128::from(time.as_nanos()) * u128::from(VIDEO_CLOCK_RATE) / 1_000_000_000;
    // 2⁶⁴ ns are fewer than 2⁵¹ ticks.
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Gives each unit of a mount its timestamp: later than that of every unit before.
#[derive(Debug)]
pub(crate) struct UnitClock {
    clock: RtpClock,
    last: Option<u64>,
}

impl UnitClock {
    pub(crate) const fn new(clock: RtpClock) -> Self {
        Self { clock, last: None }
    }

    /// The timestamp of a unit that was due at `time`, moved on by as little as it takes when an
    /// earlier unit has it already: a receiver takes equal timestamps for one access unit.
    pub(crate) fn stamp(&mut self, time: MonotonicTime) -> RtpTimestamp {
        let ticks = self.last.map_or(0, |last| last + 1).max(ticks(time));
        self.last = Some(ticks);
        self.clock.reading(ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(nanos)
    }

    #[test]
    fn ninety_thousand_a_second_from_the_origin() {
        let clock = RtpClock::new(RtpTimestamp::new(u32::MAX));
        assert_eq!(clock.at(at(0)).get(), u32::MAX);
        assert_eq!(clock.at(at(1_000_000_000)).get(), 89_999);
        let day = 86_400_u64;
        let wrapped = u32::try_from(day * 90_000 % (1 << 32)).unwrap();
        assert_eq!(clock.at(at(day * 1_000_000_000)).get(), wrapped.wrapping_sub(1));
        let end = clock.at(at(u64::MAX)).get();
        assert_eq!(end, clock.at(at(u64::MAX - 100)).get());
    }

    #[test]
    fn a_unit_is_always_later_than_the_one_before() {
        let mut clock = UnitClock::new(RtpClock::new(RtpTimestamp::new(0)));
        let stamps: Vec<u32> = [40_000_000, 80_000_000, 80_000_000, 10_000_000, 120_000_000]
            .map(|nanos| clock.stamp(at(nanos)).get())
            .to_vec();
        assert_eq!(stamps, [3600, 7200, 7201, 7202, 10_800]);
    }
}
