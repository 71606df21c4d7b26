//! H.265: which NAL units of an access unit pass (ITU-T H.265, 7.3 and 7.4).

mod parameters;
mod pps;
mod profile;
mod slice;
mod sps;
mod vps;
mod vui;

use cofferdam_picture_ring::Filtered;

use crate::nal_units::{Kind, Syntax};
use crate::sets::Shorter;
use crate::{LargestPicture, Refusal};
use parameters::ParameterSets;
use slice::{PictureOrder, Slice};

/// Bytes of a NAL unit header (7.3.1.2).
const HEADER: usize = 2;

/// The rules, and the parameter sets accepted so far.
#[derive(Debug)]
pub(crate) struct Rules {
    sets: ParameterSets,
}

/// The kinds of parameter sets.
pub(crate) enum Set {
    Video,
    Sequence,
    Picture,
}

impl Rules {
    pub(crate) const fn new(largest: LargestPicture, luma_of_six_references: u64) -> Self {
        Self { sets: ParameterSets::new(largest, luma_of_six_references) }
    }
}

impl Syntax for Rules {
    type Set = Set;
    type Order = PictureOrder;

    /// By `nal_unit_type` (table 7-1) and layer.
    fn kind(nal: &[u8]) -> Kind<Set> {
        let &[first, second, _, ..] = nal else { return Kind::Dropped(Filtered::Reserved) };
        // forbidden_zero_bit, and a temporal id plus one of zero.
        if first & 0x80 != 0 || second & 7 == 0 {
            return Kind::Dropped(Filtered::Reserved);
        }
        let layer = (first & 1) << 5 | second >> 3;
        match first >> 1 {
            35..=37 => Kind::Dropped(Filtered::Delimiter),
            38 => Kind::Dropped(Filtered::Filler),
            39 | 40 => Kind::Dropped(Filtered::Sei),
            0..=9 | 16..=21 | 32..=34 if layer != 0 => Kind::Dropped(Filtered::Extension),
            0..=9 | 16..=21 => Kind::Slice,
            32 => Kind::Set(Set::Video),
            33 => Kind::Set(Set::Sequence),
            34 => Kind::Set(Set::Picture),
            _ => Kind::Dropped(Filtered::Reserved),
        }
    }

    fn accept(&mut self, set: Set, nal: &[u8]) -> Result<Shorter, Refusal> {
        match set {
            Set::Video => self.sets.video(nal),
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
