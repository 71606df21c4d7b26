//! When the access unit arrived that a picture was decoded from.
//!
//! Decoders give pictures out in the order they are shown, which with B-frames is not the order
//! they arrive in. A stamp that goes through the decoder tells them apart. It has to rise in the
//! order of showing, or the decoder "corrects" it, so it follows the camera's own time stamps,
//! without their jumps.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_picture::MonotonicTime;

/// Units a decoder may hold back: more than the 16 pictures that codecs allow.
const MOST_HELD: usize = 32;
/// A step of the camera's time larger than this is a jump.
const LARGEST_STEP: Duration = Duration::from_secs(2);
/// What takes the place of a jump.
const NOMINAL_STEP: i64 = 40_000_000;
/// Where stamps begin: far enough from zero to step back from.
const ORIGIN: i64 = 3_600_000_000_000;

#[derive(Debug)]
pub(super) struct Arrivals {
    held: VecDeque<(u64, MonotonicTime)>,
    /// The camera's time and ours of the unit before.
    last: Option<(i64, i64)>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { held: VecDeque::with_capacity(MOST_HELD + 1), last: None }
    }
}

impl Arrivals {
    /// Notes a unit of the camera's time `timestamp`, in nanoseconds of any origin, and gives the
    /// stamp to push it with.
    pub(super) fn enter(&mut self, timestamp: i64, arrived: MonotonicTime) -> u64 {
        let ours = match self.last {
            None => ORIGIN,
            Some((theirs, ours)) => {
                let largest = i64::try_from(LARGEST_STEP.as_nanos()).unwrap_or(i64::MAX);
                let step = timestamp
                    .checked_sub(theirs)
                    .filter(|step| *step != 0 && step.abs() <= largest)
                    .unwrap_or(NOMINAL_STEP);
                // Steps back for ever would end below zero, which is no stamp.
                ours.saturating_add(step).max(ORIGIN / 2)
            }
        };
        self.last = Some((timestamp, ours));
        let stamp = ours.unsigned_abs();
        self.held.push_back((stamp, arrived));
        if self.held.len() > MOST_HELD {
            self.held.pop_front();
        }
        stamp
    }

    /// The arrival of the unit pushed with `stamp`, and how many units before it are overdue: they
    /// came to no picture. Without such a unit, the arrival of the oldest held.
    pub(super) fn leave(&mut self, stamp: Option<u64>) -> (Option<MonotonicTime>, u64) {
        let found = self.held.iter().position(|(held, _)| Some(*held) == stamp).unwrap_or(0);
        let Some((_, arrived)) = self.held.remove(found) else { return (None, 0) };
        let overdue = found.saturating_sub(MOST_HELD / 2);
        self.held.drain(..overdue);
        (Some(arrived), overdue as u64)
    }

    /// Forgets all units: the decoder was emptied.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn at(ms: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn reordered_pictures_keep_their_arrivals() {
        let mut arrivals = Arrivals::default();
        // I P B B in the order of arrival; shown as I B B P.
        let stamps: Vec<u64> = [(0, 1), (120, 2), (40, 3), (80, 4)]
            .map(|(time, arrived)| arrivals.enter(time * MS, at(arrived)))
            .into();
        let mut shown = stamps.clone();
        shown.sort_unstable();
        assert_eq!(shown, [stamps[0], stamps[2], stamps[3], stamps[1]]);
        for (stamp, arrived) in shown.into_iter().zip([1, 3, 4, 2]) {
            assert_eq!(arrivals.leave(Some(stamp)), (Some(at(arrived)), 0));
        }
        assert_eq!(arrivals.leave(Some(5)), (None, 0));
    }

    #[test]
    fn jumps_of_the_cameras_clock_do_not_pass() {
        let mut arrivals = Arrivals::default();
        let mut last = arrivals.enter(0, at(0));
        for time in [40, 80, -9_800_000, -9_799_960, 37_600_000, i64::MAX / MS, i64::MIN / MS, 0] {
            let stamp = arrivals.enter(time * MS, at(0));
            assert_eq!(stamp - last, 40_000_000, "after the step to {time}");
            last = stamp;
        }
    }

    #[test]
    fn a_clock_that_only_goes_back_stays_above_zero() {
        let mut arrivals = Arrivals::default();
        for step in 0..5_000 {
            assert!(arrivals.enter(-step * 1_900 * MS, at(0)) >= 1);
        }
        assert!(arrivals.held.len() <= MOST_HELD);
    }

    #[test]
    fn units_without_a_picture_are_counted_once() {
        let mut arrivals = Arrivals::default();
        let mut lost = 0;
        for unit in 0..300_u64 {
            let stamp = arrivals.enter(i64::try_from(unit).unwrap() * 40 * MS, at(unit));
            // Every third unit comes to nothing.
            if unit % 3 != 0 {
                let (arrived, overdue) = arrivals.leave(Some(stamp));
                assert_eq!(arrived, Some(at(unit)));
                lost += overdue;
            }
        }
        assert!((80..=100).contains(&lost), "{lost}");
    }
}
