//! The encoders a mount may be published with, each a synchronous function from picture to access
//! unit. What they are told comes from configuration only: nothing in a picture's history, and no
//! camera's clock, reaches them.

pub mod known_answer;
mod openh264;
mod vui;
mod x264;

use std::sync::Arc;

use cofferdam_encode_link::{EncoderName, EncoderSettings};
use cofferdam_pad_codec::{CodecError, EncodedUnit, Encoder, InitError, LoadedPlugin, MakeError};
use cofferdam_picture::{FrameRate, Geometry, Picture};

use self::vui::Describer;

/// The least rate cap of a mount, in kbit/s: below it text on a slate falls apart.
const LEAST_KBPS: u32 = 256;

/// So many pictures in a row may break an encoder before the mount is given up.
const MOST_FAILURES: u32 = 8;

/// Why a mount has no encoder, or its encoder no access unit.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// The element could not be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The element failed on one picture after the other.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The encoder gave out several units for one picture.
    #[error("expected one access unit of a picture, found {0}")]
    Count(usize),
}

/// What one mount's encoder aims at.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Size of the pictures.
    pub geometry: Geometry,
    /// Rate of the pictures.
    pub rate: FrameRate,
    /// Cap on the rate of bits, in kbit/s.
    pub max_kbps: u32,
}

impl Target {
    /// What a mount of `geometry` aims at where a main mount of `main` is capped at `max_kbps`: the
    /// cap follows by area, down to 256 kbit/s (or to the main cap, where that is less).
    #[must_use]
    pub fn by_area(geometry: Geometry, rate: FrameRate, main: Geometry, max_kbps: u32) -> Self {
        let area = |g: Geometry| u64::from(g.width()) * u64::from(g.height());
        let share = u64::from(max_kbps) * area(geometry) / area(main);
        let max_kbps = u32::try_from(share)
            .unwrap_or(u32::MAX)
            .clamp(LEAST_KBPS.min(max_kbps), max_kbps.max(1));
        Self { geometry, rate, max_kbps }
    }
}

/// Starts GStreamer with the plugin of the encoder `name` and nothing else.
///
/// # Errors
/// When the library or the plugin cannot be loaded.
pub fn load(name: EncoderName) -> Result<LoadedPlugin, InitError> {
    let file = match name {
        EncoderName::X264 => x264::PLUGIN,
        EncoderName::Openh264 => openh264::PLUGIN,
    };
    let loaded = cofferdam_pad_codec::init(&[file])?;
    loaded.into_iter().next().ok_or_else(|| InitError::Missing(file.to_owned()))
}

/// The name of the element behind `name`.
#[must_use]
pub const fn element(name: EncoderName) -> &'static str {
    match name {
        EncoderName::X264 => x264::ELEMENT,
        EncoderName::Openh264 => openh264::ELEMENT,
    }
}

/// The encoder of one mount.
///
/// Some pictures break some encoders (OpenH264 gives up on white noise that does not fit its buffer).
/// Such a picture is lost and the element is replaced, which readers see as a key frame: parameter
/// sets depend on nothing but the settings.
#[derive(Debug)]
pub struct MountEncoder {
    settings: EncoderSettings,
    target: Target,
    encoder: Encoder,
    /// For an encoder that does not describe its pictures itself.
    describer: Option<Describer>,
    encoded: u64,
    failures: u32,
}

/// One access unit.
#[derive(Debug)]
pub struct Unit {
    bytes: Bytes,
    key: bool,
}

#[derive(Debug)]
enum Bytes {
    Encoded(EncodedUnit),
    Described(Vec<u8>),
}

impl Unit {
    /// Whether it can be decoded without those before it.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        self.key
    }
}

impl AsRef<[u8]> for Unit {
    fn as_ref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Encoded(unit) => unit.as_ref(),
            Bytes::Described(bytes) => bytes,
        }
    }
}

/// A picture lent to the encoder, which copies it before it returns.
struct Lent(Arc<Picture>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl MountEncoder {
    /// Makes the encoder; [`load`] must have been called for it.
    ///
    /// # Errors
    /// When the element is not there or takes the settings not.
    pub fn new(settings: &EncoderSettings, target: Target) -> Result<Self, EncoderError> {
        let encoder = make(settings, target)?;
        let describer =
            (settings.name == EncoderName::Openh264).then(|| Describer::new(target.rate));
        Ok(Self { settings: settings.clone(), target, encoder, describer, encoded: 0, failures: 0 })
    }

    /// Encodes `picture`, as an IDR picture with parameter sets in front if `key`. `None` when the
    /// encoder made nothing of it, or broke on it: a key frame follows then.
    ///
    /// # Errors
    /// When the encoder breaks on every picture, or cannot be replaced.
    pub fn encode(
        &mut self,
        picture: &Arc<Picture>,
        key: bool,
    ) -> Result<Option<Unit>, EncoderError> {
        match self.push(picture, key) {
            Ok(mut units) => {
                self.failures = 0;
                match units.len() {
                    0 | 1 => Ok(units.pop().map(|unit| self.described(unit))),
                    several => Err(EncoderError::Count(several)),
                }
            }
            Err(error) if self.failures >= MOST_FAILURES => Err(error.into()),
            Err(_) => {
                self.failures += 1;
                self.encoder = make(&self.settings, self.target)?;
                self.encoded = 0;
                Ok(None)
            }
        }
    }

    fn described(&mut self, unit: EncodedUnit) -> Unit {
        let key = unit.is_key();
        let describer = self.describer.as_mut().filter(|_| key);
        let bytes = match describer.and_then(|describer| describer.describe(unit.as_ref())) {
            Some(bytes) => Bytes::Described(bytes),
            None => Bytes::Encoded(unit),
        };
        Unit { bytes, key }
    }

    fn push(&mut self, picture: &Arc<Picture>, key: bool) -> Result<Vec<EncodedUnit>, CodecError> {
        if key {
            self.encoder.force_key()?;
        }
        // Evenly spaced stamps, whatever the ticks do: rate control goes by them, and the same
        // pictures give the same bytes.
        let pts = self.encoded.saturating_mul(self.target.rate.period_nanos());
        self.encoded += 1;
        self.encoder.push(Lent(Arc::clone(picture)), pts)
    }
}

fn make(settings: &EncoderSettings, target: Target) -> Result<Encoder, MakeError> {
    match settings.name {
        EncoderName::X264 => x264::make(settings, target),
        EncoderName::Openh264 => openh264::make(settings, target),
    }
}

/// Raw caps of the one picture form.
fn input_caps(target: Target) -> String {
    let Target { geometry, rate, .. } = target;
    format!(
        "video/x-raw,format=I420,width={},height={},framerate={}/1,pixel-aspect-ratio=1/1,\
         colorimetry=bt709,interlace-mode=progressive",
        geometry.width(),
        geometry.height(),
        rate.per_second(),
    )
}

/// From one regular key frame to the next, in pictures.
#[must_use]
pub fn key_interval(settings: &EncoderSettings, rate: FrameRate) -> u32 {
    rate.per_second().saturating_mul(settings.gop_seconds).max(1)
}
