//! Pictures in, access units out, without a pipeline.
//!
//! An encoder element between two pads of our own is a function: what it makes of a picture has
//! arrived when pushing the picture returns.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cofferdam_picture::Picture;
use gstreamer::prelude::*;
use gstreamer::{self as gst, BufferFlags, ClockTime, FlowSuccess};
use gstreamer_video as gst_video;

use crate::settings::{Codec, Drawn};

/// What went wrong in an encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// GStreamer does not start.
    #[error("GStreamer: {0}")]
    Gstreamer(#[from] gst::glib::Error),
    /// The element is not installed, or does not take its settings or caps.
    #[error("encoder element: {0}")]
    Element(#[from] gst::glib::BoolError),
    /// Its pads do not fit.
    #[error("encoder pads: {0}")]
    Link(#[from] gst::PadLinkError),
    /// It does not start.
    #[error("encoder state: {0}")]
    State(#[from] gst::StateChangeError),
    /// It refused a picture.
    #[error("encoding: {0}")]
    Flow(#[from] gst::FlowError),
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

/// An H.264, H.265 or JPEG encoder.
pub(crate) struct Encoder {
    element: gst::Element,
    input: gst::Pad,
    output: gst::Pad,
    collected: Arc<Mutex<Vec<gst::Buffer>>>,
    /// Counters of pictures that have not come out yet. There is no reordering.
    inside: VecDeque<u32>,
    drawn: Drawn,
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
        gst::init()?;
        let element = element(drawn)?;
        let collected = Arc::new(Mutex::new(Vec::new()));

        let input = gst::Pad::builder(gst::PadDirection::Src).name("pictures").build();
        let template = gst::PadTemplate::new(
            "units",
            gst::PadDirection::Sink,
            gst::PadPresence::Always,
            &output_caps(drawn.codec()),
        )?;
        let units = Arc::clone(&collected);
        let output = gst::Pad::builder_from_template(&template)
            .flags(gst::PadFlags::ACCEPT_TEMPLATE)
            .chain_function(move |_, _, buffer| {
                units.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
                Ok(FlowSuccess::Ok)
            })
            .event_function(|_, _, _| true)
            .build();

        let pad =
            |name| element.static_pad(name).ok_or_else(|| gst::glib::bool_error!("no pad {name}"));
        input.link(&pad("sink")?)?;
        pad("src")?.link(&output)?;
        input.set_active(true)?;
        output.set_active(true)?;
        element.set_state(gst::State::Playing)?;
        input.push_event(gst::event::StreamStart::new("camera"));
        input.push_event(gst::event::Caps::new(&input_caps(drawn)));
        input.push_event(gst::event::Segment::new(&gst::FormattedSegment::<ClockTime>::new()));
        Ok(Self { element, input, output, collected, inside: VecDeque::new(), drawn, pushed: 0 })
    }

    /// Makes the next picture a key frame.
    pub(crate) fn force_key(&self) {
        if let Some(pad) = self.element.static_pad("src") {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            pad.send_event(event);
        }
    }

    /// Encodes a picture.
    pub(crate) fn encode(
        &mut self,
        picture: Picture,
        counter: u32,
    ) -> Result<Vec<Encoded>, EncodeError> {
        let geometry = picture.geometry();
        let mut buffer = gst::Buffer::from_slice(PictureBytes(picture));
        if let Some(buffer) = buffer.get_mut() {
            let period = self.drawn.rate().period_nanos();
            buffer.set_pts(ClockTime::from_nseconds(self.pushed * period));
            buffer.set_duration(ClockTime::from_nseconds(period));
            let stride = i32::try_from(geometry.width()).unwrap_or(i32::MAX);
            gst_video::VideoMeta::add_full(
                buffer,
                gst_video::VideoFrameFlags::empty(),
                gst_video::VideoFormat::I420,
                geometry.width(),
                geometry.height(),
                &[0, geometry.luma_len(), geometry.luma_len() + geometry.chroma_len()],
                &[stride, stride / 2, stride / 2],
            )?;
        }
        self.pushed += 1;
        self.inside.push_back(counter);
        self.input.push(buffer)?;
        self.collect()
    }

    /// What is still inside.
    pub(crate) fn finish(mut self) -> Result<Vec<Encoded>, EncodeError> {
        self.input.push_event(gst::event::Eos::new());
        self.collect()
    }

    fn collect(&mut self) -> Result<Vec<Encoded>, EncodeError> {
        let buffers =
            std::mem::take(&mut *self.collected.lock().unwrap_or_else(PoisonError::into_inner));
        let encoded = |buffer: gst::Buffer| {
            Ok(Encoded {
                key: !buffer.flags().contains(BufferFlags::DELTA_UNIT),
                bytes: Bytes::copy_from_slice(&buffer.map_readable()?),
                counter: self.inside.pop_front().ok_or(EncodeError::Surplus)?,
            })
        };
        buffers.into_iter().map(encoded).collect()
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // An element that is dropped in another state leaks. That the pads do not go back is of no
        // concern: they go with it.
        let _ = self.input.set_active(false);
        let _ = self.output.set_active(false);
        let _ = self.element.set_state(gst::State::Null);
    }
}

fn element(drawn: Drawn) -> Result<gst::Element, EncodeError> {
    let gop = drawn.rate().per_second();
    let element = match drawn.codec() {
        // A camera's constant quality with a cap. Without scene cuts key frames are where the
        // loop of prerendered pictures needs them.
        Codec::H264 => gst::ElementFactory::make("x264enc")
            .property("threads", 1_u32)
            .property("byte-stream", true)
            .property("aud", false)
            .property("key-int-max", gop)
            .property("bitrate", 6000_u32)
            .property("quantizer", 25_u32)
            .property_from_str("pass", "qual")
            .property_from_str("tune", "zerolatency")
            .property_from_str("speed-preset", "superfast")
            .property("option-string", "scenecut=0:open-gop=0")
            .build()?,
        Codec::H265 => gst::ElementFactory::make("x265enc")
            .property("key-int-max", i32::try_from(gop).unwrap_or(i32::MAX))
            .property_from_str("tune", "zerolatency")
            .property_from_str("speed-preset", "ultrafast")
            // The element has no constant quality.
            .property("bitrate", kbps(drawn))
            // "none" keeps the encoder on the calling thread.
            .property(
                "option-string",
                "scenecut=0:open-gop=0:pools=none:frame-threads=1:repeat-headers=1",
            )
            .build()?,
        Codec::Mjpeg => gst::ElementFactory::make("jpegenc").property("quality", 75_i32).build()?,
    };
    Ok(element)
}

/// A tenth of a bit for each pixel.
fn kbps(drawn: Drawn) -> u32 {
    let pixels = drawn.geometry().width() * drawn.geometry().height();
    (pixels / 1000 * drawn.rate().per_second() / 10).clamp(200, 20_000)
}

fn input_caps(drawn: Drawn) -> gst::Caps {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", number(drawn.geometry().width()))
        .field("height", number(drawn.geometry().height()))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
        .field("framerate", gst::Fraction::new(number(drawn.rate().per_second()), 1));
    match drawn.codec() {
        Codec::H264 | Codec::H265 => caps.field("colorimetry", "bt709").build(),
        Codec::Mjpeg => caps.build(),
    }
}

fn output_caps(codec: Codec) -> gst::Caps {
    let byte_stream = |name| {
        gst::Caps::builder(name).field("stream-format", "byte-stream").field("alignment", "au")
    };
    match codec {
        Codec::H264 => byte_stream("video/x-h264").field("profile", "main").build(),
        Codec::H265 => byte_stream("video/x-h265").build(),
        Codec::Mjpeg => gst::Caps::builder("image/jpeg").build(),
    }
}
