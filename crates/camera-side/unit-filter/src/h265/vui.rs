//! Video usability information (ITU-T H.265, annex E).

use crate::bits::{BadBits, Bits};

/// Reads it to its end. Gives how many bits stand before the timing, of which, and of what follows
/// it, decoding needs nothing.
pub(super) fn parse(bits: &mut Bits<'_>, sub_layers_minus1: u32) -> Result<usize, BadBits> {
    // Sample aspect ratio; 255 is one spelt out.
    if bits.flag()? && bits.read(8)? == 255 {
        bits.skip(32)?;
    }
    // Overscan.
    if bits.flag()? {
        bits.skip(1)?;
    }
    // Video format and range, then primaries, transfer and matrix.
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    // Chroma sample positions.
    if bits.flag()? {
        bits.at_most(5)?;
        bits.at_most(5)?;
    }
    // neutral_chroma_indication, field_seq, frame_field_info_present.
    bits.skip(3)?;
    // Default display window.
    if bits.flag()? {
        for _ in 0..4 {
            bits.unsigned()?;
        }
    }
    let before_timing = bits.position();
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.unsigned()?;
        }
        if bits.flag()? {
            hypothetical_decoder(bits, sub_layers_minus1)?;
        }
    }
    // Bitstream restriction.
    if bits.flag()? {
        bits.skip(3)?;
        bits.at_most(4095)?;
        bits.at_most(16)?;
        bits.at_most(16)?;
        bits.at_most(15)?;
        bits.at_most(15)?;
    }
    Ok(before_timing)
}

/// `hrd_parameters` (E.2.2), with its common information.
fn hypothetical_decoder(bits: &mut Bits<'_>, sub_layers_minus1: u32) -> Result<(), BadBits> {
    let nal = bits.flag()?;
    let vcl = bits.flag()?;
    let mut sub_picture = false;
    if nal || vcl {
        sub_picture = bits.flag()?;
        bits.skip(if sub_picture { 19 } else { 0 })?;
        bits.skip(8)?;
        bits.skip(if sub_picture { 4 } else { 0 })?;
        bits.skip(15)?;
    }
    for _ in 0..=sub_layers_minus1 {
        let fixed_in_general = bits.flag()?;
        let fixed_within = fixed_in_general || bits.flag()?;
        let mut low_delay = false;
        if fixed_within {
            bits.at_most(2047)?;
        } else {
            low_delay = bits.flag()?;
        }
        let buffers = if low_delay { 0 } else { bits.at_most(31)? };
        for _ in 0..u32::from(nal) + u32::from(vcl) {
            for _ in 0..=buffers {
                for _ in 0..if sub_picture { 4 } else { 2 } {
                    bits.unsigned()?;
                }
                bits.skip(1)?;
            }
        }
    }
    Ok(())
}
