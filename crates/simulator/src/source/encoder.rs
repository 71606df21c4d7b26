//! Pictures in, access units out, each with its picture's number.

use std::collections::VecDeque;
use std::fmt::Display;

use bytes::Bytes;
use cofferdam_pad_codec::{CodecError, EncodedUnit, InitError, MakeError};
use cofferdam_picture::Picture;

use crate::settings::{Codec, Drawn};

/// What went wrong in an encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// GStreamer does not start, or the plugin is not installed.
    #[error(transparent)]
    Init(#[from] InitError),
    /// The element does not take its settings or caps.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// It refused a picture.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// It gave more access units than it was given pictures.
    #[error("an access unit without a picture")]
    Surplus,
}

/// One encoded picture.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) key: bool,
    pub(crate) counter: u32,
}

/// An H.264, H.265 or JPEG encoder that counts.
pub(crate) struct Encoder {
    encoder: cofferdam_pad_codec::Encoder,
    /// Counters of pictures that have not come out yet. There is no reordering.
    inside: VecDeque<u32>,
    period_nanos: u64,
    pushed: u64,
}

struct PictureBytes(Picture);

impl AsRef<[u8]> for PictureBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Encoder {
    /// An encoder whose key frames are one second apart.
    pub(crate) fn new(drawn: Drawn) -> Result<Self, EncodeError> {
        let encoder = match drawn.codec() {
            Codec::H264 => h264(drawn),
            Codec::H265 => h265(drawn),
            Codec::Mjpeg => mjpeg(drawn),
        }?;
        let period_nanos = drawn.rate().period_nanos();
        Ok(Self { encoder, inside: VecDeque::new(), period_nanos, pushed: 0 })
    }

    /// Makes the next picture a key frame.
    pub(crate) fn force_key(&mut self) -> Result<(), EncodeError> {
        Ok(self.encoder.force_key()?)
    }

    /// Encodes a picture.
    pub(crate) fn encode(
        &mut self,
        picture: Picture,
        counter: u32,
    ) -> Result<Vec<Encoded>, EncodeError> {
        self.inside.push_back(counter);
        let units = self.encoder.push(PictureBytes(picture), self.pushed * self.period_nanos)?;
        self.pushed += 1;
        self.count(units)
    }

    /// What is still inside.
    pub(crate) fn finish(mut self) -> Result<Vec<Encoded>, EncodeError> {
        let units = self.encoder.drain()?;
        self.count(units)
    }

    fn count(&mut self, units: Vec<EncodedUnit>) -> Result<Vec<Encoded>, EncodeError> {
        let encoded = |unit: EncodedUnit| {
            Ok(Encoded {
                key: unit.is_key(),
                counter: self.inside.pop_front().ok_or(EncodeError::Surplus)?,
                bytes: Bytes::from_owner(unit),
            })
        };
        units.into_iter().map(encoded).collect()
    }
}

/// A camera's constant quality with a cap.
///
/// Without scene cuts, key frames are where a loop needs them.
fn h264(drawn: Drawn) -> Result<cofferdam_pad_codec::Encoder, EncodeError> {
    let properties: [(&str, &dyn Display); 10] = [
        ("threads", &1),
        ("byte-stream", &true),
        ("aud", &false),
        ("key-int-max", &drawn.rate().per_second()),
        ("pass", &"qual"),
        ("quantizer", &25),
        ("bitrate", &6000),
        ("tune", &"zerolatency"),
        ("speed-preset", &"superfast"),
        ("option-string", &"scenecut=0:open-gop=0"),
    ];
    cofferdam_pad_codec::init(&["libgstx264.so"])?;
    let output = "video/x-h264,stream-format=byte-stream,alignment=au,profile=main";
    let input = input_caps(drawn, ",colorimetry=bt709");
    Ok(cofferdam_pad_codec::Encoder::new("x264enc", &properties, &input, output)?)
}

/// The element has no constant quality: a tenth of a bit for each pixel.
fn h265(drawn: Drawn) -> Result<cofferdam_pad_codec::Encoder, EncodeError> {
    let pixels = drawn.geometry().width() * drawn.geometry().height();
    let kbps = (pixels / 1000 * drawn.rate().per_second() / 10).clamp(200, 20_000);
    let properties: [(&str, &dyn Display); 5] = [
        ("key-int-max", &drawn.rate().per_second()),
        ("bitrate", &kbps),
        ("tune", &"zerolatency"),
        ("speed-preset", &"ultrafast"),
        // Without pools it runs on the caller's thread.
        ("option-string", &"scenecut=0:open-gop=0:pools=none:frame-threads=1:repeat-headers=1"),
    ];
    cofferdam_pad_codec::init(&["libgstx265.so"])?;
    let output = "video/x-h265,stream-format=byte-stream,alignment=au";
    let input = input_caps(drawn, ",colorimetry=bt709");
    Ok(cofferdam_pad_codec::Encoder::new("x265enc", &properties, &input, output)?)
}

fn mjpeg(drawn: Drawn) -> Result<cofferdam_pad_codec::Encoder, EncodeError> {
    let properties: [(&str, &dyn Display); 1] = [("quality", &75)];
    cofferdam_pad_codec::init(&["libgstjpeg.so"])?;
    let input = input_caps(drawn, "");
    Ok(cofferdam_pad_codec::Encoder::new("jpegenc", &properties, &input, "image/jpeg")?)
}

fn input_caps(drawn: Drawn, more: &str) -> String {
    format!(
        "video/x-raw,format=I420,width={},height={},framerate={}/1,pixel-aspect-ratio=1/1,\
         interlace-mode=progressive{more}",
        drawn.geometry().width(),
        drawn.geometry().height(),
        drawn.rate().per_second(),
    )
}
