//! H.264: which NAL units of an access unit pass (ITU-T H.264, 7.3 and 7.4).

mod parameters;
mod slice;

use cofferdam_picture_ring::Filtered;

use crate::limits::UnitLimits;
use crate::nal_units::{Kind, Syntax};
use crate::sets::Shorter;
use crate::{LargestPicture, Refusal};
use parameters::ParameterSets;
use slice::{PictureOrder, Slice};

/// The rules, and the parameter sets accepted so far.
#[derive(Debug)]
pub(crate) struct Rules {
    sets: ParameterSets,
}

/// The kinds of parameter sets.
pub(crate) enum Set {
    Sequence,
    Picture,
}

impl Rules {
    pub(crate) const fn new(largest: LargestPicture, limits: UnitLimits) -> Self {
        Self { sets: ParameterSets::new(largest, limits) }
    }
}

impl Syntax for Rules {
    type Set = Set;
    type Order = PictureOrder;

    /// By `nal_unit_type` (table 7-1).
    fn kind(nal: &[u8]) -> Kind<Set> {
        // forbidden_zero_bit
        if nal[0] & 0x80 != 0 {
            return Kind::Dropped(Filtered::Reserved);
        }
        match nal[0] & 0x1f {
            1 | 5 => Kind::Slice,
            7 => Kind::Set(Set::Sequence),
            8 => Kind::Set(Set::Picture),
            6 => Kind::Dropped(Filtered::Sei),
            9..=11 => Kind::Dropped(Filtered::Delimiter),
            12 => Kind::Dropped(Filtered::Filler),
            // Data partitions, SPS extension, prefixes, subset SPS, auxiliary and extension slices.
            2..=4 | 13..=15 | 19..=21 => Kind::Dropped(Filtered::Extension),
            _ => Kind::Dropped(Filtered::Reserved),
        }
    }

    fn accept(&mut self, set: Set, nal: &[u8]) -> Result<Shorter, Refusal> {
        match set {
            Set::Sequence => self.sets.sequence(nal),
            Set::Picture => self.sets.picture(nal),
        }
    }

    fn knows(&self, nal: &[u8], order: &mut PictureOrder) -> Result<bool, Refusal> {
        let slice = Slice::parse(nal).ok_or(Refusal::Malformed)?;
        let Some(picture) = self.sets.of_picture(slice.parameter_set) else { return Ok(false) };
        order.follows(&slice, picture).ok_or(Refusal::Malformed)?;
        Ok(true)
    }

    fn forget(&mut self) {
        self.sets.forget();
    }
}

#[cfg(test)]
mod tests;
