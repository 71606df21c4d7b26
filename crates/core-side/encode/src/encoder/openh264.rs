//! `openh264enc`, for those who may not use GPL code.

use cofferdam_encode_link::EncoderSettings;
use cofferdam_pad_codec::{Encoder, MakeError};

use super::{Target, input_caps, key_interval};

pub(super) const PLUGIN: &str = "libgstopenh264.so";
pub(super) const ELEMENT: &str = "openh264enc";

pub(super) fn make(settings: &EncoderSettings, target: Target) -> Result<Encoder, MakeError> {
    let bits = target.max_kbps.saturating_mul(1000);
    Encoder::new(
        ELEMENT,
        &[
            ("usage-type", &"camera"),
            ("complexity", &"low"),
            ("multi-thread", &1),
            ("slice-mode", &"n-slices"),
            ("num-slices", &1),
            ("rate-control", &"bitrate"),
            ("bitrate", &bits),
            // With the aimed-at quantizer as the least, the rate is a cap and not an aim.
            ("qp-min", &settings.quality),
            ("qp-max", &51),
            ("enable-frame-skip", &false),
            // Key frames come when due or asked for, and at no other time.
            ("scene-change-detection", &false),
            ("gop-size", &key_interval(settings, target.rate)),
        ],
        &input_caps(target),
        "video/x-h264,stream-format=byte-stream,alignment=au,profile=constrained-baseline",
    )
}

/// An encoder for the known-answer test. With a rate that is never reached, and the least quantizer
/// the greatest one as well, there is only one to choose; what adapts to the pictures is off.
pub(super) fn make_fixed(quantizer: u32, input_caps: &str) -> Result<Encoder, MakeError> {
    Encoder::new(
        ELEMENT,
        &[
            ("usage-type", &"camera"),
            ("complexity", &"low"),
            ("multi-thread", &1),
            ("slice-mode", &"n-slices"),
            ("num-slices", &1),
            ("rate-control", &"bitrate"),
            ("bitrate", &100_000_000),
            ("qp-min", &quantizer),
            ("qp-max", &quantizer),
            ("enable-frame-skip", &false),
            ("adaptive-quantization", &false),
            ("background-detection", &false),
            ("scene-change-detection", &false),
            ("gop-size", &250),
        ],
        input_caps,
        "video/x-h264,stream-format=byte-stream,alignment=au,profile=constrained-baseline",
    )
}
