//! The beginning of a slice segment header (ITU-T H.265, 7.3.6.1).

use super::HEADER;
use super::parameters::SlicePicture;
use crate::annexb::unescape;
use crate::bits::Bits;

/// More than the fields that are read take, escapes included.
const LONGEST_BEGINNING: usize = 32;

/// Fields of a slice segment header that need no parameter set.
#[derive(Debug)]
pub(super) struct Slice {
    is_first: bool,
    pub(super) parameter_set: u8,
    payload: Vec<u8>,
    /// Bits of it read so far.
    position: usize,
}

impl Slice {
    /// `None` when it is no slice segment.
    pub(super) fn parse(nal: &[u8]) -> Option<Self> {
        let payload = unescape(nal.get(HEADER..nal.len().min(LONGEST_BEGINNING))?)?;
        let mut bits = Bits::new(&payload);
        let is_first = bits.flag().ok()?;
        // Of a random access picture: no_output_of_prior_pics_flag.
        if matches!(nal[0] >> 1, 16..=23) {
            bits.skip(1).ok()?;
        }
        let parameter_set = u8::try_from(bits.at_most(63).ok()?).ok()?;
        let position = bits.position();
        Some(Self { is_first, parameter_set, payload, position })
    }
}

/// Slice segments of a picture in the order of their addresses, as they must be (7.4.7.1).
#[derive(Debug, Default)]
pub(crate) struct PictureOrder {
    last: Option<u32>,
}

impl PictureOrder {
    /// `None` when `slice` cannot come after those before it.
    pub(super) fn follows(&mut self, slice: &Slice, of: SlicePicture) -> Option<()> {
        if slice.is_first {
            self.last = Some(0);
            return Some(());
        }
        let mut bits = Bits::new(&slice.payload);
        bits.skip(slice.position).ok()?;
        if of.dependent_segments {
            bits.skip(1).ok()?;
        }
        // Ceil(Log2(PicSizeInCtbsY)) bits.
        let address = bits.read(u32::BITS - (of.picture.tree_blocks - 1).leading_zeros()).ok()?;
        let in_order = self.last.is_some_and(|last| address > last);
        self.last = Some(address);
        (in_order && address < of.picture.tree_blocks).then_some(())
    }
}
