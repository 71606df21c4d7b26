//! What was dropped, by kind.

use cofferdam_picture_ring::Filtered;

/// How many things of each kind were dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u64; Filtered::COUNT]);

impl Tally {
    pub(crate) const fn count(&mut self, kind: Filtered) {
        self.0[kind as usize] += 1;
    }

    /// How many of `kind`.
    #[must_use]
    pub const fn of(&self, kind: Filtered) -> u64 {
        self.0[kind as usize]
    }

    /// How many of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds of which there are some, with how many.
    pub fn iter(&self) -> impl Iterator<Item = (Filtered, u64)> {
        Filtered::ALL.iter().map(|kind| (*kind, self.of(*kind))).filter(|(_, count)| *count > 0)
    }
}
