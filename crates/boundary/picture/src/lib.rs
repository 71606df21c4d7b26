//! The one picture form, and the small vocabulary both sides of the boundary share.
//!
//! A *picture* is raw pixels: 8-bit 4:2:0 planar (I420), limited range, BT.709, square pixels,
//! progressive. Any bit pattern of the right length is a valid picture, so nothing here parses.
//! Used by every process; knows no codec, no socket and no camera.
#![forbid(unsafe_code)]

mod camera_id;
mod geometry;
mod image;
mod time;
mod untrusted;

pub use camera_id::{CameraId, CameraIdError};
pub use geometry::{FrameRate, FrameRateError, Geometry, GeometryError};
pub use image::{Picture, PictureMut, PictureRef};
pub use time::MonotonicTime;
pub use untrusted::Untrusted;
