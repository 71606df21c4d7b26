//! H.265 (ITU-T H.265) by libavcodec.

use super::Recipe;

pub(super) const RECIPE: Recipe = Recipe {
    plugin: "libgstlibav.so",
    element: "avdec_h265",
    caps: "video/x-h265,stream-format=byte-stream,alignment=au",
    properties: super::LIBAV,
    keep: Some(keep),
};

/// Slice segments and parameter sets of the base layer's types (table 7-1): no SEI (39, 40),
/// nothing reserved or private.
const fn keep(first: u8) -> bool {
    matches!((first >> 1) & 0x3f, 0..=9 | 16..=21 | 32..=34)
}

#[cfg(test)]
mod tests {
    use super::keep;

    #[test]
    fn no_side_data_reaches_the_decoder() {
        let first = |kind: u8| kind << 1;
        assert!([0, 1, 9, 19, 20, 21, 32, 33, 34].map(first).into_iter().all(keep));
        assert!(![10, 15, 22, 31, 35, 38, 39, 40, 48, 63].map(first).into_iter().any(keep));
    }
}
