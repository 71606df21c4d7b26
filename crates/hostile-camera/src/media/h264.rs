//! H.264 (ITU-T H.264, 7.3).

use super::bits::Bits;

/// Of the clip: 64x64 grey, Main profile, made with x264.
pub(crate) const SPS: &[u8] = &[
    0x67, 0x4d, 0x40, 0x0a, 0xd9, 0x04, 0x26, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00,
    0x03, 0x00, 0xc8, 0x3c, 0x48, 0x99, 0x20,
];
pub(crate) const PPS: &[u8] = &[0x68, 0xeb, 0xc3, 0xcb, 0x20];
pub(crate) const IDR: &[u8] = &[
    0x65, 0x88, 0x84, 0x0b, 0xff, 0xfe, 0xf6, 0xae, 0xfc, 0xdc, 0x54, 0xa9, 0x70, 0xea, 0xcb, 0xda,
    0x58, 0xdc, 0xbd, 0xc3, 0xbd, 0x69, 0x41, 0xf0, 0x0f, 0xf1, 0x94, 0x05,
];

/// The same of 160x96.
const OTHER_SPS: &[u8] = &[
    0x67, 0x4d, 0x40, 0x0a, 0xec, 0xa1, 0x46, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00,
    0x00, 0x0a, 0x07, 0x89, 0x12, 0xcb,
];
const OTHER_PPS: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x20];
const OTHER_IDR: &[u8] = &[
    0x65, 0x88, 0x84, 0x00, 0x37, 0xff, 0xfe, 0xf6, 0xf0, 0xfe, 0x03, 0x42, 0x50, 0x97, 0x11, 0xcd,
    0xe8, 0x9d, 0x33, 0x1f, 0xbf, 0x15, 0xb8, 0xbd, 0x66, 0x53, 0xf9, 0x92, 0xe0, 0x2b, 0x2e, 0xa7,
    0x02, 0x98, 0xaa, 0x00, 0x1c, 0x80, 0x01, 0x38, 0x08, 0x10, 0xb9,
];

/// Key pictures of 64x64 in Annex B, made with x264: in fields, and of pixels at their extremes.
pub(crate) const INTERLACED: &[u8] = include_bytes!("clips/interlaced.h264");
pub(crate) const BLACK: &[u8] = include_bytes!("clips/black.h264");
pub(crate) const WHITE: &[u8] = include_bytes!("clips/white.h264");
/// Every pixel the opposite of its neighbours.
pub(crate) const CHECKERED: &[u8] = include_bytes!("clips/checker.h264");

/// The NAL units of a clip whose start codes have four bytes.
pub(crate) fn units_of(clip: &[u8]) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    let mut rest = clip;
    while let Some(more) = rest.strip_prefix(&[0, 0, 0, 1]) {
        let next = more.windows(4).position(|window| window == [0, 0, 0, 1]);
        let (unit, after) = more.split_at(next.unwrap_or(more.len()));
        units.push(unit.to_vec());
        rest = after;
    }
    units
}

/// An honest key picture, as NAL units.
pub(crate) fn key() -> Vec<Vec<u8>> {
    vec![SPS.to_vec(), PPS.to_vec(), IDR.to_vec()]
}

/// Another honest key picture, of another size.
pub(crate) fn other_key() -> Vec<Vec<u8>> {
    [OTHER_SPS, OTHER_PPS, OTHER_IDR].map(<[u8]>::to_vec).to_vec()
}

/// A key picture with `units` before its slice.
pub(crate) fn key_with(units: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut key = key();
    key.splice(2..2, units.iter().cloned());
    key
}

/// A key picture of the sequence that `sps` tells of.
pub(crate) fn key_of(sps: &Sps) -> Vec<Vec<u8>> {
    vec![sps.nal(), pps(0), slice(0x65, 0)]
}

/// A sequence parameter set: 640x368, unless something of it is changed.
#[derive(Clone, Copy)]
pub(crate) struct Sps {
    pub(crate) profile: u64,
    /// `chroma_format_idc`, of High profiles.
    pub(crate) chroma: u32,
    /// Above 8 bits, of High profiles.
    pub(crate) depth: u32,
    pub(crate) references: u32,
    /// In macroblocks.
    pub(crate) size: (u32, u32),
}

impl Default for Sps {
    fn default() -> Self {
        Self { profile: 66, chroma: 1, depth: 0, references: 1, size: (40, 23) }
    }
}

impl Sps {
    fn nal(&self) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.u(8, self.profile).u(8, 0).u(8, 30).ue(0);
        if [100, 110, 122, 244, 44, 118, 128].contains(&self.profile) {
            bits.ue(self.chroma);
            if self.chroma == 3 {
                bits.u(1, 0);
            }
            bits.ue(self.depth).ue(self.depth).u(2, 0);
        }
        // frame_num of 4 bits, order count type 2.
        bits.ue(0).ue(2).ue(self.references).u(1, 0);
        bits.ue(self.size.0 - 1).ue(self.size.1 - 1);
        // Frames only, direct_8x8_inference; neither crop nor VUI.
        bits.u(4, 0b1100);
        bits.nal(&[0x67])
    }
}

/// A picture parameter set with so many slice groups beyond the first.
pub(crate) fn pps(slice_groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.ue(0).ue(0).u(2, 0).ue(slice_groups);
    if slice_groups > 0 {
        // Dispersed.
        bits.ue(1);
    }
    bits.ue(0).ue(0).u(3, 0).ue(0).ue(0).ue(0).u(3, 0b100);
    bits.nal(&[0x68])
}

/// A slice from macroblock `first` on, of nothing that can be decoded.
pub(crate) fn slice(header: u8, first: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.ue(first).ue(7).ue(0).u(4, 0).u(32, 0x1234_5678);
    bits.nal(&[header])
}

/// A fragment (FU-A, RFC 6184, 5.8) of a unit of that type.
pub(crate) fn fragment(kind: u8, start: bool, end: bool, bytes: &[u8]) -> Vec<u8> {
    let head = [0x7c, kind | u8::from(start) << 7 | u8::from(end) << 6];
    [&head[..], bytes].concat()
}
