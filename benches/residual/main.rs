//! How much a camera can still say by its pixels to somebody who reads the published pictures.
//!
//! Bits are spread over blocks of a camera's luma, as in `signal`, and read off what a player decodes
//! from the real gateway at its default encoder settings. Printed: the share of wrong bits, and the
//! capacity `blocks * rate * (1 - H(share))` of that channel in bit/s.
//!
//! The receiver knows the key and which picture is which, and is otherwise simple. So this is what a
//! camera and a colluding reader can do at least, not at most.
//!
//! `cargo bench --bench residual -- [--film FILE]`
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod film;
mod signal;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use cofferdam_simulator::{Camera, CameraSettings, Content};
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, programs,
};
use tempfile::TempDir;

use signal::{Reading, Signal};

/// Pictures a second.
const RATE: u32 = 25;
/// Pictures that carry bits, played in a loop.
const PICTURES: usize = 75;
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Parser)]
struct Options {
    /// What the camera sees: any video. Without one, street footage where the repository's neighbour
    /// has it, a drawn scene otherwise.
    #[arg(long)]
    film: Option<PathBuf>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Amplitude, side of a block, side of a chip.
const SIGNALS: [Signal; 6] = [
    Signal { amplitude: 2, block: 32, chip: 1 },
    Signal { amplitude: 3, block: 32, chip: 1 },
    Signal { amplitude: 2, block: 32, chip: 4 },
    Signal { amplitude: 3, block: 32, chip: 4 },
    Signal { amplitude: 8, block: 16, chip: 4 },
    Signal { amplitude: 24, block: 8, chip: 4 },
];

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let film = options.film.or_else(|| programs::footage("street-1080p25-h264.mp4"));
    match &film {
        Some(path) => println!("scene: {}", path.file_name().unwrap_or_default().display()),
        None => println!("scene: drawn"),
    }
    println!("encoder: the defaults (x264 superfast, quality 25), {RATE} pictures/s");
    println!();
    println!(
        "| picture | amplitude | block | chip | bits/picture | wrong bits | capacity, bit/s |"
    );
    println!("|---|---|---|---|---|---|---|");
    for size in [(1920, 1080), (640, 360)] {
        let scene = film::scene(film.as_deref(), size, PICTURES)?;
        for signal in SIGNALS {
            let reading = measure(&scene, size, signal)?;
            println!(
                "| {}x{} | ±{} | {} | {} | {} | {:.3} | {:.0} |",
                size.0,
                size.1,
                signal.amplitude,
                signal.block,
                signal.chip,
                signal.blocks(size),
                reading.wrong(),
                capacity(reading.wrong()) * f64::from(RATE) * signal.blocks(size) as f64,
            );
        }
    }
    Ok(())
}

fn measure(scene: &[Vec<u8>], size: (usize, usize), signal: Signal) -> anyhow::Result<Reading> {
    let folder = TempDir::new()?;
    let path = folder.path().join("camera.mp4");
    let pictures = scene.iter().enumerate().map(|(number, picture)| {
        let mut picture = picture.clone();
        signal.write(&mut picture, size, number);
        picture
    });
    film::encode(pictures, size, RATE, &path)?;
    let camera = Camera::start(CameraSettings::new("cam".parse()?, Content::Footage(path)))?;
    let shape = (u32::try_from(size.0)?, u32::try_from(size.1)?, RATE);
    let gateway =
        Gateway::start(&GatewayConfig::open(vec![CameraConfig::new("cam", &camera.url(), shape)]));
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
    let player = Player::start(Client::Ffmpeg, Transport::Tcp, &gateway.url("cam/main"), size);
    let mut reading = Reading::default();
    for _ in 0..PICTURES {
        let shown = player.next(PATIENCE).context("the player ended")?;
        signal.read(&shown.luma, size, scene.len(), &mut reading);
    }
    ensure!(reading.bits > 0, "no bits in a picture of {size:?}");
    Ok(reading)
}

/// What a binary channel with this share of wrong bits carries, for each bit sent.
fn capacity(wrong: f64) -> f64 {
    let part = |p: f64| if p <= 0.0 { 0.0 } else { -p * p.log2() };
    // More than half wrong is chance, which the receiver cannot turn round.
    let wrong = wrong.clamp(0.0, 0.5);
    1.0 - part(wrong) - part(1.0 - wrong)
}
