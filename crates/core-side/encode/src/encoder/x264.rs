//! `x264enc`, the default.

use cofferdam_encode_link::EncoderSettings;
use cofferdam_pad_codec::{Encoder, MakeError};

use super::{Target, input_caps, key_interval};

pub(super) const PLUGIN: &str = "libgstx264.so";
pub(super) const ELEMENT: &str = "x264enc";

/// `x264enc` refuses 51.
const MOST_QUANTIZER: u32 = 50;

pub(super) fn make(settings: &EncoderSettings, target: Target) -> Result<Encoder, MakeError> {
    Encoder::new(
        ELEMENT,
        &[
            ("tune", &"zerolatency"),
            ("speed-preset", &settings.preset.as_str()),
            ("threads", &1),
            ("sliced-threads", &false),
            // Constant quality under a cap: `cbr`, the default, pads still scenes to the full rate.
            ("pass", &"qual"),
            ("quantizer", &settings.quality.min(MOST_QUANTIZER)),
            ("bitrate", &target.max_kbps),
            ("vbv-buf-capacity", &1000),
            ("key-int-max", &key_interval(settings, target.rate)),
            ("bframes", &0),
            // Key frames come when due or asked for. By itself x264 takes noise for new scenes.
            ("option-string", &"scenecut=0"),
            ("byte-stream", &true),
            ("aud", &false),
        ],
        &input_caps(target),
        &format!(
            "video/x-h264,stream-format=byte-stream,alignment=au,profile={}",
            settings.profile.as_str()
        ),
    )
}

/// An encoder for the known-answer test: one quantizer, whatever it costs.
pub(super) fn make_fixed(
    quantizer: u32,
    options: &str,
    input_caps: &str,
) -> Result<Encoder, MakeError> {
    Encoder::new(
        ELEMENT,
        &[
            ("tune", &"zerolatency"),
            ("speed-preset", &"superfast"),
            ("threads", &1),
            ("sliced-threads", &false),
            ("pass", &"quant"),
            ("quantizer", &quantizer),
            ("key-int-max", &250),
            ("bframes", &0),
            ("option-string", &options),
            ("byte-stream", &true),
            ("aud", &false),
        ],
        input_caps,
        "video/x-h264,stream-format=byte-stream,alignment=au,profile=main",
    )
}
