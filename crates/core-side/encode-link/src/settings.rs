//! What an encode worker is told at its start. Nothing in it is secret.

use cofferdam_picture::{CameraId, FrameRate, Geometry};
use serde::{Deserialize, Serialize};

/// Everything an encode worker needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodeSettings {
    /// Whose pictures these are.
    pub camera: CameraId,
    /// The geometry of the ring's pictures and of the main mount.
    pub geometry: Geometry,
    /// How many slots the ring has.
    pub slots: u8,
    /// The published rate of both mounts.
    pub rate: FrameRate,
    /// How the pictures are encoded.
    pub encoder: EncoderSettings,
    /// The geometry of the sub mount.
    pub sub: Geometry,
    /// A picture older than this, in milliseconds, is never shown as if it were live.
    pub stale_after_ms: u64,
    /// The most camera jitter that is smoothed, in milliseconds: a bound on added delay.
    pub max_jitter_ms: u64,
    /// The loud opt-out of the jail: burned into every picture.
    pub unjailed: bool,
}

/// How pictures are encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderSettings {
    /// Which encoder.
    pub name: EncoderName,
    /// Speed against size; x264 only.
    pub preset: Preset,
    /// H.264 profile; x264 only (OpenH264 makes Constrained Baseline).
    pub profile: Profile,
    /// Quantizer aimed at: 10 (best) to 51.
    pub quality: u32,
    /// Cap on the rate of the main mount, in kbit/s. The sub mount's cap follows by area.
    pub max_kbps: u32,
    /// Seconds from one regular key frame to the next.
    pub gop_seconds: u32,
}

/// The encoders that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderName {
    /// `x264enc`.
    X264,
    /// `openh264enc`.
    Openh264,
}

impl EncoderName {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X264, Self::Openh264];

    /// The encoder's name in configuration, lists, metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X264 => "x264",
            Self::Openh264 => "openh264",
        }
    }
}

/// x264's speed presets that keep up with live pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Fastest and largest.
    Ultrafast,
    /// The default.
    Superfast,
    /// About a third more CPU, smaller still scenes.
    Veryfast,
    /// For few cameras.
    Faster,
    /// For few cameras.
    Fast,
    /// For one camera and many cores.
    Medium,
}

impl Preset {
    /// The preset's name, as `x264enc` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
        }
    }
}

/// The H.264 profiles published, both without B-frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Main: what every recorder takes.
    Main,
    /// High: some percent smaller.
    High,
}

impl Profile {
    /// The profile's name in GStreamer caps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::High => "high",
        }
    }
}
