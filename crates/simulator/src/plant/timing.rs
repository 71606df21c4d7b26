//! Timing and buffer models in the VUI of an SPS (H.264 and H.265, annex E): numbers that an encoder
//! chooses freely and no decoder needs.

use super::bits::Bits;

/// Pictures a second, as the encoder was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u32);

/// Which codec's VUI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vui {
    H264,
    H265,
}

/// Numbers of a buffer model that hold a mark.
const NUMBERS: usize = 4;
/// Random bits of each.
const RANDOM: u32 = 31;

/// Four numbers as the HRD parameters have them, cut to whole bytes; and as words.
pub(super) fn draw_hrd() -> Result<Vec<Vec<u8>>, getrandom::Error> {
    let mut numbers = [0; NUMBERS];
    for number in &mut numbers {
        // Written as value + 1, which then has 32 bits: 31 zeros before it.
        *number = getrandom::u32()? & !(1 << RANDOM) | 1 << RANDOM;
        // 2^32 - 1 is no legal value.
        *number -= 1;
    }
    let words = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    Ok(vec![hrd_numbers(numbers).to_bytes(), words])
}

/// Two alternatives of two numbers each, and flags that say nothing.
fn hrd_numbers(numbers: [u32; NUMBERS]) -> Bits {
    let mut bits = Bits::default();
    for pair in numbers.chunks(2) {
        pair.iter().for_each(|number| bits.ue(*number));
        // cbr_flag
        bits.put(1, 0);
    }
    bits
}

/// The SPS whose bits are `sps`, with `timing` for its clock and `hrd` for its buffer model; the same
/// where it has no clock to replace.
pub(super) fn replace(vui: Vui, sps: &Bits, rate: Rate, timing: &[u8], hrd: &[u8]) -> Bits {
    // H.264 counts fields.
    let scale = match vui {
        Vui::H264 => 2 * u64::from(rate.0),
        Vui::H265 => u64::from(rate.0),
    };
    let mut clock = Bits::default();
    clock.put(32, 1);
    clock.put(32, scale);
    let Some(at) = sps.find(&clock) else { return sps.clone() };
    let (mut out, rest) = sps.split(at);
    let (_, rest) = rest.split(clock.len());
    out.append(&Bits::of(timing));
    let (flag, rest) = rest.split(1);
    out.append(&flag);
    let numbers = words(hrd);
    match vui {
        Vui::H264 => {
            // E.1.1: fixed_frame_rate_flag was copied; neither model was there.
            let (_, rest) = rest.split(2);
            out.put(1, 1);
            h264_hrd(&mut out, numbers);
            out.put(1, 0);
            // low_delay_hrd_flag
            out.put(1, 0);
            out.append(&rest);
        }
        Vui::H265 => {
            // E.2.1: vui_poc_proportional_to_timing_flag was copied, and is 0.
            let (_, rest) = rest.split(1);
            out.put(1, 1);
            h265_hrd(&mut out, numbers);
            out.append(&rest);
        }
    }
    out
}

fn words(hrd: &[u8]) -> [u32; NUMBERS] {
    let mut numbers = [0; NUMBERS];
    for (number, word) in numbers.iter_mut().zip(hrd.chunks_exact(4)) {
        *number = u32::from_be_bytes([word[0], word[1], word[2], word[3]]);
    }
    numbers
}

/// `hrd_parameters()` (E.1.2) with two alternatives.
fn h264_hrd(out: &mut Bits, numbers: [u32; NUMBERS]) {
    out.ue(1);
    out.put(8, 0);
    out.append(&hrd_numbers(numbers));
    // Lengths of fields in SEI messages that are not sent.
    out.put(20, 0b10111_10111_10111_11000);
}

/// `hrd_parameters( 1, 0 )` (E.2.2) with two alternatives.
fn h265_hrd(out: &mut Bits, numbers: [u32; NUMBERS]) {
    // nal, vcl, sub_pic_hrd_params_present_flag
    out.put(3, 0b100);
    out.put(8, 0);
    out.put(15, 0b10111_10111_10111);
    // fixed_pic_rate_general_flag, elemental_duration_in_tc_minus1, cpb_cnt_minus1
    out.put(1, 1);
    out.ue(0);
    out.ue(1);
    out.append(&hrd_numbers(numbers));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_buffer_model_is_in_its_bits() {
        let forms = draw_hrd().unwrap();
        let mut out = Bits::default();
        h264_hrd(&mut out, words(&forms[1]));
        assert!(out.find(&Bits::of(&forms[0])).is_some());
        assert_eq!(forms[0].len(), 31);
    }

    #[test]
    fn an_sps_without_a_clock_stays_as_it_is() {
        let sps = Bits::of(&[1, 2, 3, 4]);
        assert_eq!(replace(Vui::H264, &sps, Rate(25), &[1; 8], &[2; 16]), sps);
    }
}
