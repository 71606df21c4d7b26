//! The known-answer test: a built-in clip through the encoder, with settings under which the same
//! code gives the same bytes on every CPU.

use cofferdam_encode_link::{Digest, EncoderName};
use cofferdam_pad_codec::Encoder;
use cofferdam_picture::{FrameRate, Geometry};
use sha2::{Digest as _, Sha256};

use super::{EncoderError, Target, input_caps, openh264, x264};

/// The clip's size. Its height is no multiple of 16, so that cropping is part of the answer.
const SIZE: (u32, u32) = (320, 180);
const PICTURES: u64 = 12;
/// A second key frame in the middle.
const KEYS: [u64; 2] = [0, 7];
/// The quantizer of the test.
pub const QUANTIZER: u32 = 25;
/// What keeps x264's answer the same on every CPU: without it some of its functions have faster
/// versions that round otherwise. No scene cuts, as in the published stream.
pub const X264_OPTIONS: &str = "scenecut=0:cpu-independent=1";

/// What the encoder `name` makes of the clip; `load` must have been called for it.
///
/// # Errors
/// When the encoder fails.
pub fn answer(name: EncoderName) -> Result<Digest, EncoderError> {
    answer_at(name, QUANTIZER, X264_OPTIONS)
}

/// The same with another quantizer, and for x264 with other options: what must make a difference,
/// and what must make none, is for tests to see.
///
/// # Errors
/// When the encoder fails.
pub fn answer_at(
    name: EncoderName,
    quantizer: u32,
    x264_options: &str,
) -> Result<Digest, EncoderError> {
    let (Ok(geometry), Ok(rate)) = (Geometry::new(SIZE.0, SIZE.1), FrameRate::new(25)) else {
        return Err(EncoderError::Count(0));
    };
    let target = Target { geometry, rate, max_kbps: 0 };
    let mut encoder = match name {
        EncoderName::X264 => x264::make_fixed(quantizer, x264_options, &input_caps(target))?,
        EncoderName::Openh264 => openh264::make_fixed(quantizer, &input_caps(target))?,
    };
    let mut hash = Sha256::new();
    for number in 0..PICTURES {
        hash_picture(&mut encoder, number, rate, &mut hash)?;
    }
    Ok(Digest(hash.finalize().into()))
}

fn hash_picture(
    encoder: &mut Encoder,
    number: u64,
    rate: FrameRate,
    hash: &mut Sha256,
) -> Result<(), EncoderError> {
    if KEYS.contains(&number) {
        encoder.force_key()?;
    }
    let units = encoder.push(picture(number), number * rate.period_nanos())?;
    let [unit] = units.as_slice() else { return Err(EncoderError::Count(units.len())) };
    hash.update(unit.as_ref());
    Ok(())
}

/// The picture of that number: slopes that move, edges that move the other way, and noise in one
/// corner, so that prediction, transform and entropy coding all have something to do. Integers only.
fn picture(number: u64) -> Vec<u8> {
    let (width, height) = (u64::from(SIZE.0), u64::from(SIZE.1));
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 59
    };
    let mut planes = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let slope = (x + 2 * y + 5 * number) / 2 % 128;
        let edge = 48 * ((x + 400 - 3 * number) / 40 % 2);
        let grain = if x < 96 && y < 64 { noise() } else { 0 };
        planes.push(limited(24 + slope + edge + grain));
    }
    for plane in 0..2 {
        for (y, x) in (0..height / 2).flat_map(|y| (0..width / 2).map(move |x| (y, x))) {
            planes.push(limited(64 + (x * (1 + plane) + y + 4 * number) / 2 % 128));
        }
    }
    planes
}

fn limited(value: u64) -> u8 {
    u8::try_from(value.clamp(16, 235)).unwrap_or(235)
}
