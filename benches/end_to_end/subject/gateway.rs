//! Cofferdam itself: the release binaries on an ordinary configuration, jail included.

use cofferdam_system_tests::http::Metrics;
use cofferdam_system_tests::processes::Process;
use cofferdam_system_tests::{CameraConfig, Gateway, GatewayConfig};

use super::Subject;
use crate::binaries::Binaries;

/// The peer's settings, in the words of our configuration.
const ENCODER: &str = "encoder = { name = \"x264\", preset = \"superfast\", quality = 25, \
                       max_kbps = 4000, gop_seconds = 2 }";

/// A running gateway.
pub(crate) struct Ours(Gateway);

impl Ours {
    /// Starts a gateway that reads `cameras`: for each its URL, the size of its pictures and their
    /// rate.
    pub(crate) fn start(binaries: &Binaries, cameras: &[(&str, (u32, u32), u32)]) -> Self {
        let table = |(index, (url, (width, height), fps)): (usize, &(&str, (u32, u32), u32))| {
            CameraConfig::new(&format!("camera-{index}"), url, (*width, *height, *fps))
                .with(ENCODER)
        };
        let cameras = cameras.iter().enumerate().map(table).collect();
        let config = GatewayConfig::open(cameras);
        Self(Gateway::start_with(&config, &binaries.cofferdam(), |_| ()))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.0.rtsp
    }
}

impl Subject for Ours {
    fn name(&self) -> &'static str {
        "cofferdam"
    }

    fn url(&self, index: usize) -> String {
        self.0.url(&format!("camera-{index}/main"))
    }

    fn processes(&self) -> Vec<(&'static str, Process)> {
        self.0.processes().into_iter().map(|process| (part(&process), process)).collect()
    }

    fn metrics(&self) -> Option<Metrics> {
        Some(self.0.metrics())
    }
}

fn part(process: &Process) -> &'static str {
    match process.program.as_str() {
        // The kernel keeps 15 characters.
        "cofferdam-inges" => "ingest",
        "cofferdam-encod" => "encode",
        _ if process.arguments.contains("--side core") => "core side",
        _ if process.arguments.contains("--side camera") => "camera side",
        _ => "parent",
    }
}
