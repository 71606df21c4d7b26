//! `profile_tier_level` (ITU-T H.265, 7.3.3).

use crate::bits::{BadBits, Bits};

/// `sps_max_sub_layers_minus1` and its like: 0 to 6.
pub(super) const MOST_SUB_LAYERS_MINUS1: u32 = 6;

/// Reads it. Says whether it is the Main profile, or compatible with it (A.3.2).
pub(super) fn is_main(bits: &mut Bits<'_>, sub_layers_minus1: u32) -> Result<bool, BadBits> {
    let space = bits.read(2)?;
    bits.skip(1)?;
    let profile = bits.read(5)?;
    let compatible = bits.read(32)?;
    // Constraints: 43 bits by profile, four flags, one more bit. Then the level.
    bits.skip(48)?;
    bits.skip(8)?;
    // Flag 1 is the second from the left.
    let main = space == 0 && (profile == 1 || compatible & 1 << 30 != 0);
    if sub_layers_minus1 > 0 {
        let mut present = Vec::new();
        for _ in 0..sub_layers_minus1 {
            present.push((bits.flag()?, bits.flag()?));
        }
        // reserved_zero_2bits up to the eighth.
        for _ in sub_layers_minus1..8 {
            bits.skip(2)?;
        }
        for (profile, level) in present {
            bits.skip(if profile { 88 } else { 0 })?;
            bits.skip(if level { 8 } else { 0 })?;
        }
    }
    Ok(main)
}
