//! Cameras for the demo, tests and benchmarks.
//!
//! A [`Camera`] is a real RTSP server (RFC 2326) on a port of its own that plays H.264, H.265 or
//! MJPEG over RTP interleaved in TCP. Its pictures are drawn here, or are somebody's footage; drawn
//! ones carry a machine-readable counter ([`barcode`]), so that a test or a benchmark can tell at
//! the far end which picture arrived, and when. A [`Script`] makes a camera misbehave as real ones
//! do.
//!
//! A tool, on neither side of the boundary: nothing shipped links it.
#![forbid(unsafe_code)]

mod camera;
mod hub;
mod packetize;
mod picture;
mod plant;
mod rtsp;
mod script;
mod sent_log;
mod settings;
mod source;
mod spec;

pub use camera::{Camera, StartError};
pub use picture::barcode;
pub use rtsp::{Authentication, Credentials};
pub use script::{Advertised, Script, Step};
pub use sent_log::SentLog;
pub use settings::{CameraSettings, Codec, Content, Drawn, DrawnError, Pace};
pub use source::{EncodeError, FootageError, SourceError};
pub use spec::{CameraSpec, SpecError};
