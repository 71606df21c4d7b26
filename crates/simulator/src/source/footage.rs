//! The video of a file.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gstreamer::prelude::*;
use gstreamer::{self as gst, BufferFlags, ClockTime};

use super::clip::{Clip, ClipUnit};
use crate::packetize::jpeg;
use crate::settings::Codec;

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum FootageError {
    /// GStreamer does not start, or an element is missing.
    #[error("GStreamer: {0}")]
    Gstreamer(#[from] gst::glib::Error),
    /// An element is not installed, or elements do not fit together.
    #[error("GStreamer: {0}")]
    Element(#[from] gst::glib::BoolError),
    /// The pipeline does not start.
    #[error("GStreamer: {0}")]
    State(#[from] gst::StateChangeError),
    /// Reading it failed.
    #[error("reading footage: {0}")]
    Read(gst::glib::Error),
    /// It has no H.264, H.265 or JPEG video that begins with a key frame.
    #[error("no H.264, H.265 or JPEG video that begins with a key frame")]
    NoVideo,
}

/// The rate of an Annex B file that does not say.
const DEFAULT_PERIOD: Duration = Duration::from_millis(40);

/// A unit as the demultiplexer gave it.
struct Raw {
    bytes: Bytes,
    key: bool,
    decoded: Option<ClockTime>,
    shown: Option<ClockTime>,
    duration: Option<ClockTime>,
}

#[derive(Default)]
struct Collected {
    codec: Option<Codec>,
    units: Vec<Raw>,
}

/// Reads the whole video of the file at `path`, without the unit `dropped`, the first time round.
///
/// JPEG pictures that RFC 2435 cannot carry (Huffman tables of their own) are encoded again.
pub(crate) fn read(path: &Path, dropped: Option<u32>) -> Result<(Codec, Clip), FootageError> {
    gst::init()?;
    let mut collected = collect(path, false)?;
    let codec = collected.codec.ok_or(FootageError::NoVideo)?;
    let awkward = |unit: &Raw| jpeg::parse(&unit.bytes).is_err();
    if codec == Codec::Mjpeg && collected.units.iter().any(awkward) {
        collected = collect(path, true)?;
    }
    let clip = clip(collected.units).ok_or(FootageError::NoVideo)?;
    match dropped {
        None => Ok((codec, clip)),
        Some(dropped) => Ok((codec, clip.without(dropped))),
    }
}

fn clip(raw: Vec<Raw>) -> Option<Clip> {
    let mut raw: Vec<Raw> = raw.into_iter().skip_while(|unit| !unit.key).collect();
    let first = raw.first()?;
    let period = first.duration.map_or(DEFAULT_PERIOD, Duration::from);
    let origin = first.decoded.or(first.shown).unwrap_or(ClockTime::ZERO);
    let since = |time: ClockTime| Duration::from(time.saturating_sub(origin));

    let mut next = Duration::ZERO;
    let mut units = Vec::new();
    for (unit, counter) in raw.drain(..).zip(0..) {
        let due = unit.decoded.or(unit.shown).map_or(next, since).max(next);
        let shown = unit.shown.map_or(due, since);
        units.push(ClipUnit { bytes: unit.bytes, key: unit.key, counter, due, shown });
        next = due + unit.duration.map_or(period, Duration::from);
    }
    Clip::new(units, next)
}

/// Everything that comes out of the file's video track.
fn collect(path: &Path, encode_jpeg: bool) -> Result<Collected, FootageError> {
    let pipeline = gst::Pipeline::new();
    let file = gst::ElementFactory::make("filesrc")
        .property("location", path.as_os_str().to_string_lossy().as_ref())
        .build()?;
    pipeline.add(&file)?;
    let collected = Arc::new(Mutex::new(Collected::default()));

    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("h264" | "264" | "avc") => {
            let head = branch(&pipeline, Codec::H264, false, &collected)?;
            file.link(&head)?;
        }
        Some("h265" | "265" | "hevc") => {
            let head = branch(&pipeline, Codec::H265, false, &collected)?;
            file.link(&head)?;
        }
        _ => {
            let demux = gst::ElementFactory::make("qtdemux").build()?;
            pipeline.add(&demux)?;
            file.link(&demux)?;
            let weak = pipeline.downgrade();
            let collected = Arc::clone(&collected);
            demux.connect_pad_added(move |_, pad| {
                let Some(pipeline) = weak.upgrade() else { return };
                if let Err(error) = attach(&pipeline, pad, encode_jpeg, &collected) {
                    // The pipeline then ends with an error of its own: nothing is linked.
                    tracing::error!(%error, "cannot read the video track");
                }
            });
        }
    }
    let ended = run(&pipeline);
    pipeline.set_state(gst::State::Null)?;
    ended?;
    let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *collected))
}

fn run(pipeline: &gst::Pipeline) -> Result<(), FootageError> {
    pipeline.set_state(gst::State::Playing)?;
    let bus = pipeline.bus().ok_or(FootageError::NoVideo)?;
    for message in bus.iter_timed(ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => return Err(FootageError::Read(error.error())),
            _ => {}
        }
    }
    Ok(())
}

/// Leads a video pad of the demultiplexer, the first one, to where units are collected.
fn attach(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    encode_jpeg: bool,
    collected: &Arc<Mutex<Collected>>,
) -> Result<(), gst::glib::BoolError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let codec = match caps.structure(0).map(gst::StructureRef::name).map(|name| name.as_str()) {
        Some("video/x-h264") => Codec::H264,
        Some("video/x-h265") => Codec::H265,
        Some("image/jpeg") => Codec::Mjpeg,
        _ => return Ok(()),
    };
    if collected.lock().unwrap_or_else(PoisonError::into_inner).codec.is_some() {
        return Ok(());
    }
    let head = branch(pipeline, codec, encode_jpeg, collected)?;
    let sink = head.static_pad("sink").ok_or_else(|| gst::glib::bool_error!("no pad"))?;
    pad.link(&sink).map_err(|_| gst::glib::bool_error!("the parser refuses the track"))?;
    Ok(())
}

/// Elements that make whole access units of a stream and collect them; returns the first.
fn branch(
    pipeline: &gst::Pipeline,
    codec: Codec,
    encode_jpeg: bool,
    collected: &Arc<Mutex<Collected>>,
) -> Result<gst::Element, gst::glib::BoolError> {
    let parser = |name| {
        // -1: parameter sets before every key frame.
        gst::ElementFactory::make(name).property("config-interval", -1_i32).build()
    };
    let byte_stream = |name| {
        let caps = gst::Caps::builder(name)
            .field("stream-format", "byte-stream")
            .field("alignment", "au")
            .build();
        gst::ElementFactory::make("capsfilter").property("caps", caps).build()
    };
    let make = |name| gst::ElementFactory::make(name).build();
    let mut elements = match codec {
        Codec::H264 => vec![parser("h264parse")?, byte_stream("video/x-h264")?],
        Codec::H265 => vec![parser("h265parse")?, byte_stream("video/x-h265")?],
        Codec::Mjpeg if encode_jpeg => {
            // 4:2:0 is the one form that all senders and receivers of RFC 2435 know.
            let caps = gst::Caps::builder("video/x-raw").field("format", "I420").build();
            let filter = gst::ElementFactory::make("capsfilter").property("caps", caps).build()?;
            vec![make("jpegdec")?, make("videoconvert")?, filter, make("jpegenc")?]
        }
        Codec::Mjpeg => vec![make("jpegparse")?],
    };
    elements.push(gst::ElementFactory::make("fakesink").property("sync", false).build()?);
    pipeline.add_many(&elements)?;
    gst::Element::link_many(&elements)?;

    let (Some(first), Some(last)) = (elements.first(), elements.last()) else {
        return Err(gst::glib::bool_error!("no elements"));
    };
    let pad = last.static_pad("sink").ok_or_else(|| gst::glib::bool_error!("no pad"))?;
    collected.lock().unwrap_or_else(PoisonError::into_inner).codec = Some(codec);
    let units = Arc::clone(collected);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(Ok(unit)) = info.buffer().map(|buffer| raw(buffer)) {
            units.lock().unwrap_or_else(PoisonError::into_inner).units.push(unit);
        }
        gst::PadProbeReturn::Ok
    });
    for element in &elements {
        element.sync_state_with_parent()?;
    }
    Ok(first.clone())
}

fn raw(buffer: &gst::BufferRef) -> Result<Raw, gst::glib::BoolError> {
    Ok(Raw {
        bytes: Bytes::copy_from_slice(&buffer.map_readable()?),
        key: !buffer.flags().contains(BufferFlags::DELTA_UNIT),
        decoded: buffer.dts(),
        shown: buffer.pts(),
        duration: buffer.duration(),
    })
}
