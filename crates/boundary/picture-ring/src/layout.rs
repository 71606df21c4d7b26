//! Where what lies in the ring's memory. Both sides compute this; neither reads it.

use cofferdam_picture::Geometry;

/// How many slots a ring has: 2 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotCount(u8);

impl SlotCount {
    /// The most slots, and so the length of the stamp table.
    pub const MAX: usize = 8;

    /// The slots as an index bound.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for SlotCount {
    /// Four: one being written, one being read, two for a hiccup.
    fn default() -> Self {
        Self(4)
    }
}

/// What a ring holds: pictures of one geometry, in a number of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSpec {
    /// The geometry of every picture.
    pub geometry: Geometry,
    /// How many pictures it holds.
    pub slots: SlotCount,
}

/// Why a number of slots is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 2 to 8 slots, found {0}")]
pub struct RingSpecError(pub u8);

impl TryFrom<u8> for SlotCount {
    type Error = RingSpecError;

    fn try_from(slots: u8) -> Result<Self, Self::Error> {
        if (2..=8).contains(&slots) { Ok(Self(slots)) } else { Err(RingSpecError(slots)) }
    }
}

impl From<SlotCount> for u8 {
    fn from(slots: SlotCount) -> Self {
        slots.0
    }
}

/// Bytes of the status block, and the unit slots are aligned to.
pub(crate) const PAGE: usize = 4096;

impl RingSpec {
    /// Bytes from one slot to the next: a picture, rounded up to whole pages.
    pub(crate) const fn stride(self) -> usize {
        self.geometry.picture_len().div_ceil(PAGE) * PAGE
    }

    /// Where slot `index` begins, in bytes. `index` is brought into range.
    pub(crate) const fn slot_offset(self, index: usize) -> usize {
        PAGE + (index % self.slots.get()) * self.stride()
    }

    /// Bytes of the whole memory.
    #[must_use]
    pub const fn total_len(self) -> usize {
        PAGE + self.slots.get() * self.stride()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_overlap_and_end_at_the_end() {
        for (w, h) in [(16, 16), (640, 360), (1920, 1080), (3840, 2160)] {
            for slots in 2..=8u8 {
                let spec = RingSpec {
                    geometry: Geometry::new(w, h).unwrap(),
                    slots: slots.try_into().unwrap(),
                };
                for index in 0..spec.slots.get() {
                    let end = spec.slot_offset(index) + spec.geometry.picture_len();
                    let next = if index + 1 < spec.slots.get() {
                        spec.slot_offset(index + 1)
                    } else {
                        spec.total_len()
                    };
                    assert!(end <= next);
                }
                assert_eq!(
                    spec.slot_offset(usize::MAX - 1),
                    spec.slot_offset((usize::MAX - 1) % spec.slots.get())
                );
            }
        }
        assert!(SlotCount::try_from(1).is_err() && SlotCount::try_from(9).is_err());
    }
}
