//! H.265 (ITU-T H.265) by libavcodec.

use cofferdam_unit_filter::{Format, annexb};

use super::Recipe;

pub(super) const RECIPE: Recipe = Recipe {
    plugin: "libgstlibav.so",
    element: "avdec_h265",
    caps: "video/x-h265,stream-format=byte-stream,alignment=au",
    properties: super::LIBAV,
    format: Format::H265,
};

/// Whether decoding can begin with this unit: it has a slice of an IRAP picture (BLA, IDR, CRA).
pub(crate) fn is_random_access(unit: &[u8]) -> bool {
    annexb::nals(unit).any(|nal| matches!((nal[0] >> 1) & 0x3f, 16..=21))
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
}
