//! A GStreamer codec element driven as a synchronous function.
//!
//! An [`Encoder`] or [`Decoder`] is one element between two pads made by hand: data pushed into the
//! first pad comes out of the second before the push returns. There is no pipeline, bus, queue or
//! main loop, and no thread but the caller's, as long as the element is told to use one
//! (`threads=1`, `max-threads=1`).
//!
//! Only planes and bytes are handed out. A `GstBuffer` never leaves this crate, because what a
//! decoder hangs on it (captions, user data, colour volumes) is the camera's text.
//!
//! Plugins are loaded by file name and nothing else is: see [`init`].
#![forbid(unsafe_code)]

mod decoder;
mod drive;
mod encoder;
mod error;
mod init;

pub use decoder::{DecodedPicture, Decoder};
pub use encoder::{EncodedUnit, Encoder};
pub use error::{CodecError, InitError, MakeError};
/// What a decoded picture looks like, and the vocabulary of its fields.
pub use gstreamer_video::{
    VideoColorMatrix, VideoColorRange, VideoColorimetry, VideoFormat, VideoInfo, VideoInterlaceMode,
};
pub use init::{ENVIRONMENT, LoadedPlugin, PLUGIN_FOLDERS, init};

/// Properties of an element, each a name and a value as it would be typed on a command line:
/// `&[("threads", &1), ("tune", &"zerolatency")]`.
pub type Properties<'a> = [(&'a str, &'a dyn std::fmt::Display)];
