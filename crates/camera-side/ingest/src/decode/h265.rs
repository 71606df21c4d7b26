//! H.265 (ITU-T H.265) by libavcodec.

use super::{Recipe, nal};

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

/// Whether decoding can begin with this unit: it has a slice of an IRAP picture (BLA, IDR, CRA).
pub(crate) fn is_random_access(unit: &[u8]) -> bool {
    nal::units(unit).any(|nal| matches!((nal[0] >> 1) & 0x3f, 16..=21))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_begins_at_clean_random_access_too() {
        let unit = |kind: u8| [0, 0, 0, 1, 35 << 1, 1, 0x50, 0, 0, 1, kind << 1, 1, 9];
        for kind in [16, 19, 20, 21] {
            assert!(is_random_access(&unit(kind)), "type {kind}");
        }
        for kind in [0, 1, 9, 22, 32, 39] {
            assert!(!is_random_access(&unit(kind)), "type {kind}");
        }
    }

    #[test]
    fn no_side_data_reaches_the_decoder() {
        let first = |kind: u8| kind << 1;
        assert!([0, 1, 9, 19, 20, 21, 32, 33, 34].map(first).into_iter().all(keep));
        assert!(![10, 15, 22, 31, 35, 38, 39, 40, 48, 63].map(first).into_iter().any(keep));
    }
}
