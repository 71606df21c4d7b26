//! The beginning of a slice header (ITU-T H.264, 7.3.3).

use super::parameters::Picture;
use crate::annexb::unescape;
use crate::bits::Bits;

/// Bytes. More than the fields that are read take, escapes included.
const LONGEST_BEGINNING: usize = 32;

/// The beginning of a slice, read as far as it goes without its parameter sets.
#[derive(Debug)]
pub(super) struct Slice {
    first_macroblock: u32,
    pub(super) parameter_set: u8,
    payload: Vec<u8>,
    /// Bits of it read so far.
    position: usize,
}

impl Slice {
    /// `None` when it is no slice of the profiles accepted here.
    pub(super) fn parse(nal: &[u8]) -> Option<Self> {
        let payload = unescape(&nal[1..nal.len().min(LONGEST_BEGINNING)])?;
        let mut bits = Bits::new(&payload);
        let first_macroblock = bits.unsigned().ok()?;
        // 0 to 4, and the same as 5 to 9 when all slices of the picture are alike. SP and SI (3, 4)
        // belong to the Extended profile.
        if bits.at_most(9).ok()? % 5 > 2 {
            return None;
        }
        let parameter_set = u8::try_from(bits.unsigned().ok()?).ok()?;
        let position = bits.position();
        Some(Self { first_macroblock, parameter_set, payload, position })
    }
}

/// Slices of a picture in the order of their macroblocks: arbitrary slice order and redundant slices
/// are features of the Baseline profile that no camera uses.
#[derive(Debug, Default)]
pub(crate) struct PictureOrder {
    last: Option<u32>,
}

impl PictureOrder {
    /// `None` when `slice` cannot come after those before it.
    pub(super) fn follows(&mut self, slice: &Slice, picture: Picture) -> Option<()> {
        let first = slice.first_macroblock;
        let mut bits = Bits::new(&slice.payload);
        bits.skip(slice.position).ok()?;
        bits.skip(picture.frame_num_bits).ok()?;
        let field = !picture.frames_only && bits.flag().ok()?;
        // A field has half of the macroblocks; pairs of them are counted in an adaptive frame.
        let halved = field || picture.adaptive;
        let macroblocks = if halved { picture.macroblocks / 2 } else { picture.macroblocks };
        // A second field, or picture, begins anew.
        let in_order = first == 0 || self.last.is_some_and(|last| first > last);
        self.last = Some(first);
        (in_order && first < macroblocks).then_some(())
    }
}
