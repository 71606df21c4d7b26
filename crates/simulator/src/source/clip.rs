//! A fixed piece of video, played for ever.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use bytes::Bytes;

use super::schedule::{Schedule, wait_until};
use crate::hub::{AccessUnit, Hub};

/// Access units in the order in which they are sent, and the time until the first is due again.
/// The first is a key frame, so that the end can be followed by the beginning.
#[derive(Debug)]
pub(crate) struct Clip {
    units: Vec<ClipUnit>,
    length: Duration,
    /// The counter that is left out once, and what is played for that once.
    interlude: Option<(u32, Vec<ClipUnit>)>,
}

/// An access unit and its times since the clip's start.
#[derive(Clone, Debug)]
pub(crate) struct ClipUnit {
    pub(crate) bytes: Bytes,
    pub(crate) key: bool,
    pub(crate) counter: u32,
    /// When it is sent.
    pub(crate) due: Duration,
    /// When it is shown, which is later where there are B-frames.
    pub(crate) shown: Duration,
}

impl Clip {
    /// `None` when there is nothing, or nothing to start with.
    pub(crate) fn new(units: Vec<ClipUnit>, length: Duration) -> Option<Self> {
        let begins_with_key = units.first().is_some_and(|unit| unit.key);
        (begins_with_key && !length.is_zero()).then_some(Self { units, length, interlude: None })
    }

    /// Plays `units` instead of the clip once, when somebody has seen a round of it.
    ///
    /// They lack the picture with the counter `dropped`.
    pub(crate) fn with_interlude(mut self, dropped: u32, units: Vec<ClipUnit>) -> Self {
        self.interlude = Some((dropped, units));
        self
    }

    /// Leaves out the picture with the counter `dropped` once, as it stands: whatever refers to it
    /// is damaged.
    pub(crate) fn without(self, dropped: u32) -> Self {
        let units = self.units.iter().filter(|unit| unit.counter != dropped).cloned().collect();
        self.with_interlude(dropped, units)
    }

    /// The access unit that decoders start with.
    pub(crate) fn first_unit(&self) -> &[u8] {
        self.units.first().map_or(&[], |unit| &unit.bytes)
    }

    /// Plays until stopped.
    pub(crate) fn play(mut self, hub: &Hub, mut schedule: Schedule, stopped: &Receiver<()>) {
        let mut start = Duration::ZERO;
        let mut had_readers = false;
        loop {
            // A reader that begins with this round would not know what was there before the gap.
            let has_readers = hub.has_readers();
            let interlude = self.interlude.take_if(|_| had_readers && has_readers);
            had_readers = has_readers;
            if let Some((dropped, _)) = interlude {
                tracing::info!(counter = dropped, "leaving a picture out");
            }
            let units = interlude.as_ref().map_or(&self.units, |(_, units)| units);
            for unit in units {
                if !wait_until(schedule.send_at(start + unit.due), stopped) {
                    return;
                }
                hub.publish(AccessUnit {
                    bytes: unit.bytes.clone(),
                    key: unit.key,
                    counter: unit.counter,
                    media_time: schedule.deviated(start + unit.shown),
                });
            }
            start += self.length;
        }
    }
}
