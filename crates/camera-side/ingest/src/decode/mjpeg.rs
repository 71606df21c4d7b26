//! Motion JPEG (RFC 2435) by libjpeg.

use cofferdam_unit_filter::Format;

use super::Recipe;

pub(super) const RECIPE: Recipe = Recipe {
    plugin: "libgstjpeg.so",
    element: "jpegdec",
    caps: "image/jpeg",
    // The default transform is the inaccurate one.
    properties: &[("idct-method", &"islow"), ("max-errors", &-1), ("qos", &false)],
    format: Format::Jpeg,
};
