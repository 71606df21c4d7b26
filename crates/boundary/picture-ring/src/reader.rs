//! The core side's end of a ring: looks, copies, and believes nothing.

use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;

use cofferdam_picture::{MonotonicTime, Picture, Untrusted};

use crate::layout::RingSpec;
use crate::map::{Map, MapError};
use crate::status::{STAMPS, StatusSnapshot, WRITE_COUNTER};

/// When a picture arrived and when it was complete, by the writer's word, brought into the ten
/// seconds before it was read. For pacing and metrics only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotStamps {
    /// The last byte of the encoded picture was received.
    pub arrived: MonotonicTime,
    /// The picture was complete in the ring.
    pub complete: MonotonicTime,
}

/// Reads pictures out of a ring that a hostile process may be writing.
///
/// The reader goes by its *own* counter. The writer's counter is only ever used for the distance
/// between the two, which is clamped to what the ring can hold.
pub struct Reader {
    map: Map,
    position: u64,
}

/// How old a stamp may be before it is taken for nonsense.
const OLDEST_STAMP_NANOS: u64 = 10_000_000_000;

impl Reader {
    /// Maps the ring behind `fd`, which should have been reopened read-only, and begins at the
    /// writer's present position: what was written before is not read.
    ///
    /// # Errors
    /// When the descriptor is not a sealed ring of this specification.
    pub fn map(fd: BorrowedFd<'_>, spec: RingSpec) -> Result<Self, MapError> {
        let map = Map::new(fd, spec, false)?;
        let position = map.word(WRITE_COUNTER).load(Ordering::Acquire);
        Ok(Self { map, position })
    }

    /// What the ring holds.
    #[must_use]
    pub const fn spec(&self) -> RingSpec {
        self.map.spec()
    }

    /// How many pictures wait, and how many were overwritten before they could be read.
    ///
    /// At most `slots − 1` wait, because the writer may be painting one. The position moves past
    /// what was overwritten. A counter that jumps (a hostile or replaced writer) costs pictures,
    /// never more.
    pub fn look(&mut self) -> (usize, u64) {
        let written = Untrusted::new(self.map.word(WRITE_COUNTER).load(Ordering::Acquire));
        let distance = written.validate(|counter| counter.wrapping_sub(self.position));
        let most = self.map.spec().slots.get() as u64 - 1;
        if distance <= most {
            return (usize::try_from(distance).unwrap_or_default(), 0);
        }
        let skipped = distance - most;
        self.position = self.position.wrapping_add(skipped);
        // A jump backwards is a distance of nearly 2^64: count what a ring could have held instead.
        let counted = if skipped > u64::from(u32::MAX) { 1 } else { skipped };
        (usize::try_from(most).unwrap_or_default(), counted)
    }

    /// When the next picture was complete, without taking it; `None` when none waits.
    pub fn peek(&mut self, now: MonotonicTime) -> Option<SlotStamps> {
        (self.look().0 > 0).then(|| self.stamps(self.slot(), now))
    }

    /// Copies the next picture into `picture` and moves on; `None` when none waits.
    ///
    /// `picture` must be of the ring's geometry; one of another geometry is left as it is.
    pub fn next_into(&mut self, picture: &mut Picture, now: MonotonicTime) -> Option<SlotStamps> {
        if self.look().0 == 0 || picture.geometry() != self.map.spec().geometry {
            return None;
        }
        let slot = self.slot();
        let stamps = self.stamps(slot, now);
        self.map.copy_out(slot, picture.as_bytes_mut());
        self.position = self.position.wrapping_add(1);
        Some(stamps)
    }

    /// Passes over the next picture unread; false when none waits.
    pub fn skip(&mut self) -> bool {
        let waits = self.look().0 > 0;
        if waits {
            self.position = self.position.wrapping_add(1);
        }
        waits
    }

    /// The status block as it stands.
    #[must_use]
    pub fn status(&self) -> StatusSnapshot {
        StatusSnapshot::read(&self.map)
    }

    fn slot(&self) -> usize {
        usize::try_from(self.position % self.map.spec().slots.get() as u64).unwrap_or_default()
    }

    fn stamps(&self, slot: usize, now: MonotonicTime) -> SlotStamps {
        let now = now.as_nanos();
        let clamped = |word: usize| {
            let stamp = Untrusted::new(self.map.word(word).load(Ordering::Relaxed));
            let oldest = now.saturating_sub(OLDEST_STAMP_NANOS);
            MonotonicTime::from_nanos(stamp.clamp(oldest, now))
        };
        SlotStamps { arrived: clamped(STAMPS + slot * 2), complete: clamped(STAMPS + slot * 2 + 1) }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("spec", &self.spec()).finish_non_exhaustive()
    }
}
