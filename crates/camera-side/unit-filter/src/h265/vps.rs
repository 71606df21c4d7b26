//! Video parameter sets (ITU-T H.265, 7.3.2.1).

use crate::bits::{BadBits, Bits};

use super::profile::{MOST_SUB_LAYERS_MINUS1, is_main};

/// What a VPS says that matters.
pub(super) struct Vps {
    /// One layer. What profile it has, the SPS says: some cameras leave it open here.
    pub(super) supported: bool,
    /// Bits before the timing and the extension, of which decoding needs nothing.
    pub(super) bits: usize,
}

pub(super) fn parse(payload: &[u8]) -> Result<Vps, BadBits> {
    let mut bits = Bits::new(payload);
    // Its id.
    bits.skip(4)?;
    let base_layer_internal = bits.flag()?;
    let base_layer_available = bits.flag()?;
    let layers_minus1 = bits.read(6)?;
    let sub_layers_minus1 = bits.read(3)?;
    if sub_layers_minus1 > MOST_SUB_LAYERS_MINUS1 {
        return Err(BadBits);
    }
    bits.skip(1)?;
    if bits.read(16)? != 0xffff {
        return Err(BadBits);
    }
    is_main(&mut bits, sub_layers_minus1)?;
    let all = bits.flag()?;
    for _ in if all { 0 } else { sub_layers_minus1 }..=sub_layers_minus1 {
        bits.at_most(15)?;
        bits.at_most(15)?;
        bits.unsigned()?;
    }
    let max_layer_id = bits.read(6)?;
    let layer_sets_minus1 = bits.at_most(1023)?;
    let one_layer = layers_minus1 == 0 && max_layer_id == 0 && layer_sets_minus1 == 0;
    let supported = one_layer && base_layer_internal && base_layer_available;
    Ok(Vps { supported, bits: bits.position() })
}
