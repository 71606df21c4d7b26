//! Access units in, planes out.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoColorimetry, VideoInfo};

use crate::drive::{Driven, Produced, parse_caps};
use crate::{CodecError, MakeError, Properties};

/// A decoder element as a synchronous function.
#[derive(Debug)]
pub struct Decoder {
    driven: Driven,
    /// The caps of the last picture and what they mean: they change with the stream.
    shape: Option<(gst::Caps, Shape)>,
}

/// What caps say of a picture.
#[derive(Clone, Debug)]
struct Shape {
    info: VideoInfo,
    /// What the stream says, without GStreamer's guesses.
    colorimetry: Option<VideoColorimetry>,
}

/// A picture as the decoder made it, mapped for reading.
///
/// It holds on to the decoder's memory: copy out of it and drop it before the next push.
pub struct DecodedPicture {
    frame: gst_video::VideoFrame<gst_video::video_frame::Readable>,
    shape: Shape,
    corrupted: bool,
    pts: Option<u64>,
}

impl DecodedPicture {
    /// Format, size, colour, aspect and scan of the picture, by the stream's word. Its strides and
    /// offsets are those of the format, not of this picture: see [`plane`](Self::plane).
    #[must_use]
    pub const fn info(&self) -> &VideoInfo {
        &self.shape.info
    }

    /// What the stream says about its colours, each part of it perhaps unknown; `None` when it says
    /// nothing.
    ///
    /// [`info`](Self::info) guesses instead, from the picture's height and all parts at once: a
    /// stream that says only that its range is full becomes one of limited range there.
    #[must_use]
    pub const fn colorimetry(&self) -> Option<&VideoColorimetry> {
        self.shape.colorimetry.as_ref()
    }

    /// Bytes of plane `index` and the distance from one row to the next, at least one row's worth
    /// in every row but perhaps the last; `None` when there is no such plane.
    #[must_use]
    pub fn plane(&self, index: u32) -> Option<(&[u8], usize)> {
        let stride = *self.frame.plane_stride().get(usize::try_from(index).ok()?)?;
        let data = self.frame.plane_data(index).ok()?;
        Some((data, usize::try_from(stride).ok()?))
    }

    /// The decoder concealed damage in it.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        self.corrupted
    }

    /// The picture was made of two fields.
    #[must_use]
    pub fn is_interlaced(&self) -> bool {
        self.frame.flags().contains(gst_video::VideoFrameFlags::INTERLACED)
            || self.shape.info.interlace_mode() == gst_video::VideoInterlaceMode::Interleaved
    }

    /// The stamp, in nanoseconds, that was pushed with the access unit it was decoded from.
    #[must_use]
    pub const fn pts(&self) -> Option<u64> {
        self.pts
    }
}

impl std::fmt::Debug for DecodedPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecodedPicture")
            .field("format", &self.shape.info.format())
            .field("width", &self.shape.info.width())
            .field("height", &self.shape.info.height())
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// Makes and starts the decoder element `factory` for a stream of `input_caps`
    /// (`video/x-h264,stream-format=byte-stream,alignment=au`).
    ///
    /// # Errors
    /// When the element is not there or takes these properties or caps not.
    pub fn new(
        factory: &str,
        properties: &Properties<'_>,
        input_caps: &str,
    ) -> Result<Self, MakeError> {
        let output = gst::Caps::new_empty_simple("video/x-raw");
        let driven = Driven::new(factory, properties, &parse_caps(input_caps)?, &output)?;
        Ok(Self { driven, shape: None })
    }

    /// Decodes one access unit and returns the pictures that came out, none or several.
    ///
    /// `data` is wrapped, not copied, and dropped as soon as the decoder lets go of it. `pts` is in
    /// nanoseconds.
    ///
    /// # Errors
    /// When the decoder gives up. It can be [flushed](Self::flush) and fed again.
    pub fn push(
        &mut self,
        data: impl AsRef<[u8]> + Send + 'static,
        pts: u64,
    ) -> Result<Vec<DecodedPicture>, CodecError> {
        let mut buffer = gst::Buffer::from_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(pts));
        }
        self.driven.push(buffer)?;
        self.collect()
    }

    /// Says that what follows is of other caps.
    ///
    /// # Errors
    /// When the text is no caps, or the decoder does not take them.
    pub fn set_input_caps(&mut self, caps: &str) -> Result<(), CodecError> {
        let caps = parse_caps(caps).map_err(|_| CodecError::NotNegotiated)?;
        self.driven.set_caps(&caps)
    }

    /// Gives out the pictures the decoder still holds and begins a new stream.
    ///
    /// # Errors
    /// When the decoder fails.
    pub fn drain(&mut self) -> Result<Vec<DecodedPicture>, CodecError> {
        self.driven.drain()?;
        self.collect()
    }

    /// Throws away what the decoder holds and begins a new stream.
    ///
    /// # Errors
    /// When the decoder does not take a flush.
    pub fn flush(&mut self) -> Result<(), CodecError> {
        let flushed = self.driven.flush();
        self.driven.produced().for_each(drop);
        flushed
    }

    fn collect(&mut self) -> Result<Vec<DecodedPicture>, CodecError> {
        let Self { driven, shape } = self;
        driven.produced().map(|produced| decoded(produced, shape)).collect()
    }
}

fn decoded(
    produced: Produced,
    known: &mut Option<(gst::Caps, Shape)>,
) -> Result<DecodedPicture, CodecError> {
    let Produced { buffer, caps } = produced;
    let caps = caps.ok_or(CodecError::Output)?;
    let shape = match known {
        Some((known, shape)) if *known == caps => shape.clone(),
        _ => {
            let info = VideoInfo::from_caps(&caps).map_err(|_| CodecError::Output)?;
            let colorimetry = caps
                .structure(0)
                .and_then(|fields| fields.get::<&str>("colorimetry").ok())
                .and_then(|text| text.parse().ok());
            let shape = Shape { info, colorimetry };
            *known = Some((caps, shape.clone()));
            shape
        }
    };
    let corrupted = buffer.flags().contains(gst::BufferFlags::CORRUPTED);
    let pts = buffer.pts().map(gst::ClockTime::nseconds);
    let frame = gst_video::VideoFrame::from_buffer_readable(buffer, &shape.info)
        .map_err(|_| CodecError::Output)?;
    Ok(DecodedPicture { frame, shape, corrupted, pts })
}
