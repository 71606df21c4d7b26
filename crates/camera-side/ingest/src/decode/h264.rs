//! H.264 (ITU-T H.264) by libavcodec.

use cofferdam_unit_filter::Format;

use super::Recipe;

pub(super) const RECIPE: Recipe = Recipe {
    plugin: "libgstlibav.so",
    element: "avdec_h264",
    caps: "video/x-h264,stream-format=byte-stream,alignment=au",
    properties: super::LIBAV,
    format: Format::H264,
};
