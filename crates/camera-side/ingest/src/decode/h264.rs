//! H.264 (ITU-T H.264) by libavcodec.

use super::Recipe;

pub(super) const RECIPE: Recipe = Recipe {
    plugin: "libgstlibav.so",
    element: "avdec_h264",
    caps: "video/x-h264,stream-format=byte-stream,alignment=au",
    properties: super::LIBAV,
    keep: Some(keep),
};

/// Slices, partitions, parameter sets and their extensions (table 7-1): no SEI (6), nothing
/// auxiliary, reserved or private.
const fn keep(first: u8) -> bool {
    matches!(first & 0x1f, 1..=5 | 7 | 8 | 13)
}

#[cfg(test)]
mod tests {
    use super::keep;

    #[test]
    fn no_side_data_reaches_the_decoder() {
        // IDR and other slices, SPS, PPS with their usual reference bits.
        assert!([0x65, 0x41, 0x01, 0x67, 0x68].into_iter().all(keep));
        // SEI, delimiter, end of stream, filler, auxiliary picture, and vendors' 24 to 31.
        assert!(![0x06, 0x09, 0x0b, 0x0c, 0x13, 0x18, 0x1f, 0x7f].into_iter().any(keep));
    }
}
