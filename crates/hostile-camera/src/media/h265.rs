//! H.265 (ITU-T H.265, 7.3).

use std::ops::Range;

use super::bits::Bits;

/// Of the clip: 64x64 grey, Main profile, made with x265.
pub(crate) const VPS: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x1e, 0x92, 0x80, 0x90,
];
pub(crate) const SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x1e, 0xa0, 0x20, 0x81, 0x05, 0x96, 0x4a, 0x92, 0x4c, 0xaf, 0x01, 0x68, 0x08, 0x00, 0x00,
    0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x40,
];
pub(crate) const PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x22, 0x40];
pub(crate) const IDR: &[u8] =
    &[0x28, 0x01, 0xaf, 0x1d, 0x80, 0xf7, 0x01, 0x5b, 0xd6, 0xbe, 0xcc, 0xf0];

/// An honest key picture, as NAL units.
pub(crate) fn key() -> Vec<Vec<u8>> {
    [VPS, SPS, PPS, IDR].map(<[u8]>::to_vec).to_vec()
}

/// A key picture with `units` before its slice.
pub(crate) fn key_with(units: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut key = key();
    key.splice(3..3, units.iter().cloned());
    key
}

/// A key picture of a sequence of that size with as many reference pictures, if its SPS is to be believed.
pub(crate) fn key_of(size: (u32, u32), references: u32) -> Vec<Vec<u8>> {
    // Where the sizes stand, and `sps_max_dec_pic_buffering_minus1` (7.3.2.2.1).
    const SIZE: Range<usize> = 124..150;
    const REFERENCES: Range<usize> = 159..164;
    let plain = unescaped(SPS);
    let bit = |at: usize| u64::from(plain[at / 8] >> (7 - at % 8) & 1);
    let last = (0..plain.len() * 8).rev().find(|at| bit(*at) == 1).unwrap_or(0);
    let mut sps = Bits::default();
    let copy = |sps: &mut Bits, bits: Range<usize>| {
        for at in bits {
            sps.u(1, bit(at));
        }
    };
    copy(&mut sps, 16..SIZE.start);
    sps.ue(size.0).ue(size.1);
    copy(&mut sps, SIZE.end..REFERENCES.start);
    sps.ue(references - 1);
    copy(&mut sps, REFERENCES.end..last);
    let mut key = key();
    key[1] = sps.nal(&SPS[..2]);
    key
}

/// The NAL unit without its emulation prevention.
fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut zeros = 0;
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

/// A fragment (FU, RFC 7798, 4.4.3) of a unit of that type.
pub(crate) fn fragment(kind: u8, start: bool, end: bool, bytes: &[u8]) -> Vec<u8> {
    let head = [49 << 1, 1, kind | u8::from(start) << 7 | u8::from(end) << 6];
    [&head[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sps_of_its_own_size_and_references_is_the_same() {
        assert_eq!(key_of((64, 64), 4), key());
    }
}
