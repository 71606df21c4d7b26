//! Pictures in, access units out.

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::VideoFormat;

use crate::drive::{Driven, Produced, parse_caps};
use crate::{CodecError, MakeError, Properties};

/// An encoder element as a synchronous function.
#[derive(Debug)]
pub struct Encoder {
    driven: Driven,
    layout: Layout,
}

/// Where the planes of a raw input picture lie.
#[derive(Debug)]
struct Layout {
    format: VideoFormat,
    width: u32,
    height: u32,
    len: usize,
    /// Offsets and strides, where they differ from the ones GStreamer would assume.
    packed: Option<([usize; 3], [i32; 3])>,
}

/// One thing an encoder gave out: an access unit, for the encoders used here.
pub struct EncodedUnit {
    bytes: gst::MappedBuffer<gst::buffer::Readable>,
    key: bool,
}

impl EncodedUnit {
    /// Whether it can be decoded without those before it.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        self.key
    }
}

impl AsRef<[u8]> for EncodedUnit {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

impl std::fmt::Debug for EncodedUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let len = self.bytes.as_slice().len();
        f.debug_struct("EncodedUnit").field("key", &self.key).field("len", &len).finish()
    }
}

impl Encoder {
    /// Makes and starts the encoder element `factory`.
    ///
    /// `input_caps` are fixed raw-video caps
    /// (`video/x-raw,format=I420,width=640,height=360,framerate=25/1`); `output_caps` choose what is
    /// made (`video/x-h264,stream-format=byte-stream,profile=main`).
    ///
    /// # Errors
    /// When the element is not there or takes these properties or caps not.
    pub fn new(
        factory: &str,
        properties: &Properties<'_>,
        input_caps: &str,
        output_caps: &str,
    ) -> Result<Self, MakeError> {
        let input = parse_caps(input_caps)?;
        let info = gst_video::VideoInfo::from_caps(&input)
            .map_err(|_| MakeError::Caps(input_caps.to_owned()))?;
        let driven = Driven::new(factory, properties, &input, &parse_caps(output_caps)?)?;
        Ok(Self { driven, layout: Layout::of(&info)? })
    }

    /// Encodes one picture and returns what came of it: one unit, from an encoder without delay.
    ///
    /// I420 pictures are planes one after the other without padding, whatever their width; other
    /// formats lie as GStreamer lays them by default. `data` is wrapped, not copied, and dropped as
    /// soon as the encoder lets go of it. `pts` is in nanoseconds and counts up.
    ///
    /// # Errors
    /// When `data` is of another length than a picture, or the encoder fails.
    pub fn push(
        &mut self,
        data: impl AsRef<[u8]> + Send + 'static,
        pts: u64,
    ) -> Result<Vec<EncodedUnit>, CodecError> {
        let found = data.as_ref().len();
        if found != self.layout.len {
            return Err(CodecError::Size { expected: self.layout.len, found });
        }
        let mut buffer = gst::Buffer::from_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(pts));
            self.layout.describe(buffer).map_err(|_| CodecError::NotNegotiated)?;
        }
        self.driven.push(buffer)?;
        self.collect()
    }

    /// Makes the next picture a key frame with its parameter sets in front.
    ///
    /// # Errors
    /// When the element does not know such requests.
    pub fn force_key(&mut self) -> Result<(), CodecError> {
        self.driven.force_key()
    }

    /// Gives out what the encoder still holds and begins a new stream.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn drain(&mut self) -> Result<Vec<EncodedUnit>, CodecError> {
        self.driven.drain()?;
        self.collect()
    }

    fn collect(&self) -> Result<Vec<EncodedUnit>, CodecError> {
        self.driven.produced().map(EncodedUnit::new).collect()
    }
}

impl EncodedUnit {
    fn new(produced: Produced) -> Result<Self, CodecError> {
        let key = !produced.buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let bytes =
            produced.buffer.into_mapped_buffer_readable().map_err(|_| CodecError::Output)?;
        Ok(Self { bytes, key })
    }
}

impl Layout {
    fn of(info: &gst_video::VideoInfo) -> Result<Self, MakeError> {
        let (format, width, height) = (info.format(), info.width(), info.height());
        if format != VideoFormat::I420 {
            return Ok(Self { format, width, height, len: info.size(), packed: None });
        }
        // GStreamer rounds strides up to four bytes; our pictures have none of that.
        let half = (width.div_ceil(2), height.div_ceil(2));
        let luma = width as usize * height as usize;
        let chroma = half.0 as usize * half.1 as usize;
        let stride =
            |w: u32| i32::try_from(w).map_err(|_| MakeError::Caps(format!("width={width}")));
        let strides = [stride(width)?, stride(half.0)?, stride(half.0)?];
        let packed = Some(([0, luma, luma + chroma], strides));
        Ok(Self { format, width, height, len: luma + 2 * chroma, packed })
    }

    fn describe(&self, buffer: &mut gst::BufferRef) -> Result<(), gst::glib::BoolError> {
        let Some((offsets, strides)) = &self.packed else { return Ok(()) };
        gst_video::VideoMeta::add_full(
            buffer,
            gst_video::VideoFrameFlags::empty(),
            self.format,
            self.width,
            self.height,
            offsets,
            strides,
        )
        .map(|_| ())
    }
}
