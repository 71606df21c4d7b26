//! Small cameras that draw themselves, and the configuration that fits them.

use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_simulator::{Camera, CameraSettings, Codec, Content, Drawn, Script};

use crate::CameraConfig;

/// The size of a scene's pictures, in pixels: small, so that tests share two cores well.
pub const SIZE: (u32, u32) = (640, 360);
/// Its pictures a second.
pub const RATE: u32 = 15;

/// [`SIZE`] as a player takes it.
#[must_use]
pub const fn size() -> (usize, usize) {
    (SIZE.0 as usize, SIZE.1 as usize)
}

/// Settings of a camera that draws itself in `codec`, called `number` in its barcode.
///
/// # Panics
/// Never: the size and rate are good ones.
#[must_use]
pub fn settings(name: &str, number: u8, codec: Codec) -> CameraSettings {
    let geometry = Geometry::new(SIZE.0, SIZE.1).expect("a good size");
    let rate = FrameRate::new(RATE).expect("a good rate");
    let drawn = Drawn::new(codec, geometry, rate).expect("a size that every codec carries");
    let mut settings =
        CameraSettings::new(name.parse().expect("a good name"), Content::Live(drawn));
    settings.number = number;
    settings
}

/// A running H.264 camera.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn camera(name: &str, number: u8) -> Camera {
    Camera::start(settings(name, number, Codec::H264)).expect("the camera starts")
}

/// A running H.264 camera that misbehaves.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn scripted(name: &str, script: Script) -> Camera {
    let mut settings = settings(name, 0, Codec::H264);
    settings.script = script;
    Camera::start(settings).expect("the camera starts")
}

/// The table for a camera of a scene.
#[must_use]
pub fn config(id: &str, camera: &Camera) -> CameraConfig {
    CameraConfig::new(id, &camera.url(), (SIZE.0, SIZE.1, RATE))
}
