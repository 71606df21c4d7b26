//! An honest camera beside others that are not, and a reader that counts its pictures.

use std::time::Duration;

use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_simulator::barcode::Barcode;
use cofferdam_simulator::{Camera, CameraSettings, Codec, Content, Drawn};

use crate::watcher::Watcher;
use crate::{CameraConfig, Client, Gateway, Player, Transport, until};

/// The honest camera's id.
pub const HONEST: &str = "honest";
/// Its size: small, so that two cores have room for the others.
pub const SIZE: (u32, u32) = (320, 240);
/// Its pictures a second.
pub const RATE: u32 = 10;
const DEADLINE: Duration = Duration::from_secs(60);

/// An honest camera.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn honest_camera() -> Camera {
    let geometry = Geometry::new(SIZE.0, SIZE.1).expect("a good size");
    let rate = FrameRate::new(RATE).expect("a good rate");
    let drawn = Drawn::new(Codec::H264, geometry, rate).expect("a size that every codec carries");
    let name = HONEST.parse().expect("a good name");
    let mut settings = CameraSettings::new(name, Content::Live(drawn));
    settings.number = 1;
    Camera::start(settings).expect("the camera starts")
}

/// Its table.
#[must_use]
pub fn config(honest: &Camera) -> CameraConfig {
    CameraConfig::new(HONEST, &honest.url(), (SIZE.0, SIZE.1, RATE))
}

/// How many pictures since its first the honest camera's reader has not got, and between which.
///
/// # Panics
/// When the camera has had a fault or a second worker.
#[must_use]
pub fn lost(gateway: &Gateway, honest: &Camera, watch: Watch) -> (u32, Vec<(u32, u32)>) {
    watch.wait_for(RATE as usize * 3);
    let metrics = gateway.metrics();
    let count = |name| metrics.value(name, &["camera=\"honest\""]).unwrap_or(0.0);
    assert!(count("cofferdam_camera_faults_total") == 0.0, "a fault of the honest camera");
    assert!(count("cofferdam_camera_worker_starts_total") == 1.0, "another worker of its");
    assert_eq!(honest.connections(), 1, "connections to the honest camera");
    let gaps = gaps(&watch.stop());
    // One that comes out of order counts as all.
    let lost = gaps.iter().map(|(before, after)| after.checked_sub(before + 1).unwrap_or(u32::MAX));
    (lost.fold(0, u32::saturating_add), gaps)
}

/// Counters of pictures that came one after the other, and were not sent so.
fn gaps(codes: &[Barcode]) -> Vec<(u32, u32)> {
    let pairs = codes.windows(2).map(|pair| (pair[0].counter, pair[1].counter));
    pairs.filter(|(before, after)| *after > before + 1 || after < before).collect()
}

/// A reader of the honest camera, and the barcodes of all pictures that it got.
#[derive(Debug)]
pub struct Watch(Watcher);

impl Watch {
    /// Begins to read.
    #[must_use]
    pub fn start(gateway: &Gateway) -> Self {
        let size = (SIZE.0 as usize, SIZE.1 as usize);
        let url = gateway.url(&format!("{HONEST}/main"));
        Self(Watcher::of(Player::start(Client::Ffmpeg, Transport::Tcp, &url, size)))
    }

    /// Waits until so many pictures have come.
    ///
    /// # Panics
    /// When they do not.
    pub fn wait_for(&self, count: usize) {
        until(DEADLINE, "pictures of the honest camera", || {
            (self.0.seen().iter().flatten().count() >= count).then_some(())
        });
    }

    fn stop(self) -> Vec<Barcode> {
        self.0.stop().0.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_picture_is_a_gap_and_a_repeated_one_is_none() {
        let of = |counters: &[u32]| {
            let codes = counters.iter().map(|counter| Barcode { camera: 1, counter: *counter });
            gaps(&codes.collect::<Vec<_>>())
        };
        assert_eq!(of(&[5, 6, 6, 7]), []);
        assert_eq!(of(&[5, 7, 8]), [(5, 7)]);
        assert_eq!(of(&[5, 4]), [(5, 4)]);
    }
}
