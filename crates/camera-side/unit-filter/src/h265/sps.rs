//! Sequence parameter sets (ITU-T H.265, 7.3.2.2).

use crate::bits::{BadBits, Bits};
use crate::{LargestPicture, Refusal};

use super::parameters::Picture;
use super::profile::{MOST_SUB_LAYERS_MINUS1, is_main};
use super::vui;

/// The most pictures of a short-term set: as many as references (7.4.8).
const MOST_IN_SET: u32 = 16;

/// What an SPS says that matters.
pub(super) struct Sps {
    pub(super) id: u8,
    /// What slices need to know, or that it is no form that is decoded here.
    pub(super) judged: Result<Picture, Refusal>,
    /// Bits before what decoding needs nothing of.
    pub(super) bits: usize,
    /// Flags to write as zero after them.
    pub(super) zeros: usize,
}

pub(super) fn parse(payload: &[u8], largest: (LargestPicture, u64)) -> Result<Sps, BadBits> {
    let mut bits = Bits::new(payload);
    bits.skip(4)?;
    let sub_layers_minus1 = bits.read(3)?;
    if sub_layers_minus1 > MOST_SUB_LAYERS_MINUS1 {
        return Err(BadBits);
    }
    bits.skip(1)?;
    let main = is_main(&mut bits, sub_layers_minus1)?;
    let id = u8::try_from(bits.at_most(15)?).map_err(|_| BadBits)?;
    let chroma_format = bits.at_most(3)?;
    if chroma_format == 3 {
        bits.skip(1)?;
    }
    let (width, height) = (bits.unsigned()?, bits.unsigned()?);
    let window = if bits.flag()? { window(&mut bits)? } else { [0; 4] };
    let (luma_depth, chroma_depth) = (bits.at_most(8)?, bits.at_most(8)?);
    let order_count_bits = bits.at_most(12)? + 4;
    let all = bits.flag()?;
    let mut buffered = 0;
    for _ in if all { 0 } else { sub_layers_minus1 }..=sub_layers_minus1 {
        buffered = bits.at_most(15)? + 1;
        if bits.at_most(15)? >= buffered {
            return Err(BadBits);
        }
        bits.unsigned()?;
    }
    let smallest_block = bits.at_most(3)? + 3;
    let tree_block = smallest_block + bits.at_most(3)?;
    let smallest_transform = bits.at_most(3)? + 2;
    let largest_transform = smallest_transform + bits.at_most(3)?;
    if !(4..=6).contains(&tree_block)
        || smallest_transform >= smallest_block
        || largest_transform > tree_block.min(5)
    {
        return Err(BadBits);
    }
    bits.at_most(tree_block - smallest_transform)?;
    bits.at_most(tree_block - smallest_transform)?;
    if bits.flag()? && bits.flag()? {
        scaling_lists(&mut bits)?;
    }
    bits.skip(2)?;
    let pcm = bits.flag()?;
    let mut pcm_deeper = false;
    if pcm {
        pcm_deeper = bits.read(4)? > 7 || bits.read(4)? > 7;
        let smallest = bits.at_most(2)? + 3;
        if smallest + bits.at_most(2)? > 5 {
            return Err(BadBits);
        }
        bits.skip(1)?;
    }
    short_term_sets(&mut bits)?;
    if bits.flag()? {
        for _ in 0..bits.at_most(32)? {
            bits.read(order_count_bits)?;
            bits.skip(1)?;
        }
    }
    bits.skip(2)?;
    // Without VUI, nothing stands between what is needed and the extension.
    let (before, zeros) = if bits.flag()? {
        // No timing, no restrictions, no extension.
        (vui::parse(&mut bits, sub_layers_minus1)?, 3)
    } else {
        (bits.position(), 1)
    };
    // Range, multilayer, 3D, screen content and four more: none is of the Main profile.
    let extended = bits.flag()? && bits.read(8)? != 0;
    let eight_bits = luma_depth == 0 && chroma_depth == 0 && !pcm_deeper;
    let supported = cfg!(feature = "without-set-check")
        || main && eight_bits && chroma_format <= 1 && !extended;
    let judged = if supported {
        judge(largest, width, height, window, buffered, (smallest_block, tree_block), chroma_format)
    } else {
        Err(Refusal::Unsupported)
    };
    Ok(Sps { id, judged, bits: before, zeros })
}

fn window(bits: &mut Bits<'_>) -> Result<[u32; 4], BadBits> {
    Ok([bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?])
}

fn judge(
    (largest, luma_of_six_references): (LargestPicture, u64),
    width: u32,
    height: u32,
    window: [u32; 4],
    buffered: u32,
    (smallest_block, tree_block): (u32, u32),
    chroma_format: u32,
) -> Result<Picture, Refusal> {
    let block = 1 << smallest_block;
    if width == 0 || height == 0 || !width.is_multiple_of(block) || !height.is_multiple_of(block) {
        return Err(Refusal::Malformed);
    }
    // Encoders round up to whole tree blocks, of 64 at the most.
    if !largest.in_blocks_of(64).holds(width, height) {
        return Err(Refusal::Unsupported);
    }
    let step = if chroma_format == 1 { 2 } else { 1 };
    let cropped = |side: u32, before: u32, after: u32| {
        let cut = before.checked_add(after)?.checked_mul(step)?;
        side.checked_sub(cut).filter(|left| *left > 0)
    };
    let [left, right, top, bottom] = window;
    let shown = cropped(width, left, right).zip(cropped(height, top, bottom));
    let (across, down) = shown.ok_or(Refusal::Malformed)?;
    if !largest.holds(across, down) {
        return Err(Refusal::Unsupported);
    }
    // The size of the picture buffer by that of its pictures (A.4.2).
    let luma = u64::from(width) * u64::from(height);
    let most = match luma * 4 {
        quarter if quarter <= luma_of_six_references => 16,
        half if half <= 2 * luma_of_six_references => 12,
        most if most <= 3 * luma_of_six_references => 8,
        _ => 6,
    };
    if buffered > most {
        return Err(Refusal::Unsupported);
    }
    let blocks = |side: u32| side.div_ceil(1 << tree_block);
    // Both sides were just bounded.
    Ok(Picture {
        tree_blocks: blocks(width) * blocks(height),
        columns: blocks(width),
        rows: blocks(height),
    })
}

/// `scaling_list_data` (7.3.4).
pub(super) fn scaling_lists(bits: &mut Bits<'_>) -> Result<(), BadBits> {
    for size in 0..4_u32 {
        let step = if size == 3 { 3 } else { 1 };
        for matrix in (0..6_u32).step_by(step) {
            if bits.flag()? {
                if size > 1 {
                    bits.between(-7, 247)?;
                }
                for _ in 0..64.min(1 << (4 + 2 * size)) {
                    bits.between(-128, 127)?;
                }
            } else {
                // A matrix before it, or the default.
                bits.at_most(if size == 3 { matrix / 3 } else { matrix })?;
            }
        }
    }
    Ok(())
}

/// `st_ref_pic_set` for each of them (7.3.7), as far as the number of its pictures.
fn short_term_sets(bits: &mut Bits<'_>) -> Result<(), BadBits> {
    let sets = bits.at_most(64)?;
    let mut before = 0;
    for set in 0..sets {
        before = if set > 0 && bits.flag()? {
            // Predicted from the set before it: each of its pictures, and the picture itself, shifted.
            bits.skip(1)?;
            bits.at_most(0x7fff)?;
            let mut pictures = 0;
            for _ in 0..=before {
                let used = bits.flag()?;
                pictures += u32::from(used || bits.flag()?);
            }
            pictures
        } else {
            let (negative, positive) = (bits.at_most(MOST_IN_SET)?, bits.at_most(MOST_IN_SET)?);
            for _ in 0..negative + positive {
                bits.at_most(0x7fff)?;
                bits.skip(1)?;
            }
            negative + positive
        };
        if before > MOST_IN_SET {
            return Err(BadBits);
        }
    }
    Ok(())
}
