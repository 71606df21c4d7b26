//! What happened to each picture: how late it came, whether it came at all, and how often.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

/// A stamp may be taken this long after the bytes had left, on a machine that is busy.
const LATE_STAMP: u64 = 50_000_000;

/// A camera's loop: its counter is a picture's position in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loop {
    /// Pictures in the loop.
    pub(crate) pictures: u32,
    /// Time from one picture to the next.
    pub(crate) period: Duration,
}

/// A picture that a camera sent: the counter in it, and when its last packet had left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) counter: u32,
    /// Nanoseconds of the monotonic clock.
    pub(crate) at: u64,
}

/// A picture that a reader decoded: the counter in it, and when its last packet had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// `None` when it has no legible counter of that camera, as a slate has not.
    pub(crate) counter: Option<u32>,
    /// Nanoseconds of the monotonic clock.
    pub(crate) at: u64,
}

/// The pictures that were sent within a window of time, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Pictures the camera made, those it left out included.
    pub(crate) made: u64,
    /// Nanoseconds from the last packet of each picture to the last packet of its first re-encoding,
    /// in the order of the pictures.
    pub(crate) latencies: Vec<u64>,
    /// Counters of the pictures that never came.
    pub(crate) lost: Vec<u32>,
    /// Counters of the pictures that came again, once for each time too often.
    pub(crate) repeated: Vec<u32>,
    /// Pictures received within the window that are no picture of the camera.
    pub(crate) foreign: u64,
}

/// A picture's number since the camera's start, whatever its counter says.
type Index = u64;

/// Follows the pictures that were sent at a time within `window`.
pub(crate) fn account(
    sent: &[Sent],
    received: &[Received],
    clip: Loop,
    window: Range<u64>,
) -> Account {
    let sent = unwrap(sent, clip);
    let (Some(first), Some(last)) = (
        sent.iter().find(|(_, sent)| window.contains(&sent.at)),
        sent.iter().rfind(|(_, sent)| window.contains(&sent.at)),
    ) else {
        return Account::default();
    };
    let indices = first.0..=last.0;

    let mut by_counter: HashMap<u32, Vec<(Index, Sent)>> = HashMap::new();
    for (index, sent) in &sent {
        by_counter.entry(sent.counter).or_default().push((*index, *sent));
    }
    let mut account = Account { made: last.0 - first.0 + 1, ..Account::default() };
    let mut seen = HashSet::new();
    for picture in received {
        let candidates = picture.counter.and_then(|counter| by_counter.get(&counter));
        let matching = candidates.and_then(|candidates| {
            candidates.iter().rfind(|(_, sent)| sent.at <= picture.at.saturating_add(LATE_STAMP))
        });
        let Some((index, sent)) = matching else {
            account.foreign += u64::from(window.contains(&picture.at));
            continue;
        };
        if !indices.contains(index) {
            continue;
        }
        if seen.insert(*index) {
            account.latencies.push(picture.at.saturating_sub(sent.at));
        } else {
            account.repeated.push(sent.counter);
        }
    }
    let counter = |index: &Index| u32::try_from(index % u64::from(clip.pictures)).unwrap_or(0);
    account.lost = indices.filter(|index| !seen.contains(index)).map(|i| counter(&i)).collect();
    account
}

/// Numbers pictures through the rounds of a loop.
///
/// The time between two stamps says how many rounds lie between them, should the camera have been
/// silent for longer than one. Two readers of one camera leave two stamps for one picture.
fn unwrap(sent: &[Sent], clip: Loop) -> Vec<(Index, Sent)> {
    let pictures = i64::from(clip.pictures.max(1));
    let period = i64::try_from(clip.period.as_nanos()).unwrap_or(i64::MAX).max(1);
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut numbered: Vec<(Index, Sent)> = Vec::with_capacity(sent.len());
    for picture in sent {
        let index = match numbered.last() {
            // A round before the first, in case a second reader's stamp is a little behind.
            None => signed(u64::from(picture.counter)) + pictures,
            Some((index, before)) => {
                let expected = (signed(picture.at) - signed(before.at) + period / 2) / period;
                let step = i64::from(picture.counter) - i64::from(before.counter);
                // The step that is right modulo the loop and nearest to what the clock says.
                let error = (step - expected + pictures / 2).rem_euclid(pictures) - pictures / 2;
                signed(*index) + expected + error
            }
        };
        numbered.push((u64::try_from(index).unwrap_or(0), *picture));
    }
    numbered
}

/// The nearest-rank percentile of values in any order; `None` of none.
pub(crate) fn percentile(values: &[u64], percent: u32) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * usize::try_from(percent).unwrap_or(100)).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
