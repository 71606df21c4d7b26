//! Picture parameter sets (ITU-T H.265, 7.3.2.3).

use crate::bits::{BadBits, Bits};

use super::parameters::Picture;
use super::sps::scaling_lists;

/// Columns and rows of tiles: the most of any level (table A.8).
const MOST_TILE_COLUMNS: u32 = 20;
const MOST_TILE_ROWS: u32 = 22;

/// What a PPS says that matters.
pub(super) struct Pps {
    /// Slice segments may depend on those before them.
    pub(super) dependent_segments: bool,
    /// It has an extension that is not of the Main profile.
    pub(super) extended: bool,
    /// Bits before the extension.
    pub(super) bits: usize,
}

/// The ids of a PPS and of its SPS.
pub(super) fn ids(payload: &[u8]) -> Result<(u8, u8), BadBits> {
    let mut bits = Bits::new(payload);
    let (picture, sequence) = (bits.at_most(63)?, bits.at_most(15)?);
    Ok((u8::try_from(picture).map_err(|_| BadBits)?, u8::try_from(sequence).map_err(|_| BadBits)?))
}

pub(super) fn parse(payload: &[u8], of: Picture) -> Result<Pps, BadBits> {
    let mut bits = Bits::new(payload);
    bits.at_most(63)?;
    bits.at_most(15)?;
    let dependent_segments = bits.flag()?;
    bits.skip(1)?;
    // num_extra_slice_header_bits: more than two are of extensions.
    if bits.read(3)? > 2 {
        return Err(BadBits);
    }
    bits.skip(2)?;
    bits.at_most(14)?;
    bits.at_most(14)?;
    bits.between(-26, 25)?;
    bits.skip(2)?;
    if bits.flag()? {
        bits.at_most(3)?;
    }
    bits.between(-12, 12)?;
    bits.between(-12, 12)?;
    bits.skip(4)?;
    let tiles = bits.flag()?;
    bits.skip(1)?;
    if tiles {
        tile_grid(&mut bits, of)?;
    }
    bits.skip(1)?;
    if bits.flag()? {
        bits.skip(1)?;
        if !bits.flag()? {
            bits.between(-6, 6)?;
            bits.between(-6, 6)?;
        }
    }
    if bits.flag()? {
        scaling_lists(&mut bits)?;
    }
    bits.skip(1)?;
    bits.at_most(4)?;
    bits.skip(1)?;
    let before = bits.position();
    let extended = bits.flag()? && bits.read(8)? != 0;
    Ok(Pps { dependent_segments, extended, bits: before })
}

fn tile_grid(bits: &mut Bits<'_>, of: Picture) -> Result<(), BadBits> {
    let columns_minus1 = bits.at_most(MOST_TILE_COLUMNS.min(of.columns) - 1)?;
    let rows_minus1 = bits.at_most(MOST_TILE_ROWS.min(of.rows) - 1)?;
    if !bits.flag()? {
        for (tiles, mut left) in [(columns_minus1, of.columns), (rows_minus1, of.rows)] {
            for _ in 0..tiles {
                // The last one has what is left, which is at least one block.
                let blocks = bits.at_most(left.checked_sub(2).ok_or(BadBits)?)? + 1;
                left -= blocks;
            }
        }
    }
    bits.skip(1)
}
