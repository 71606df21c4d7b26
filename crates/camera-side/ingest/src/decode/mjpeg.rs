//! Motion JPEG (RFC 2435) by libjpeg.
//!
//! No filter: the payload format carries scans and tables only, and the JFIF headers are written
//! by the depacketizer.

use super::Recipe;

pub(super) const RECIPE: Recipe = Recipe {
    plugin: "libgstjpeg.so",
    element: "jpegdec",
    caps: "image/jpeg",
    // The default transform is the inaccurate one.
    properties: &[("idct-method", &"islow"), ("max-errors", &-1), ("qos", &false)],
    keep: None,
};
