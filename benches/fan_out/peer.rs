//! The peer: Debian's GStreamer RTSP server, compiled from `benches/peer`.

use std::path::{Path, PathBuf};

use crate::compile::compile;
use crate::subject::{SERVER_CORE, Subject, pinned};

/// The compiled peer.
pub(crate) struct Peer(PathBuf);

impl Peer {
    /// Compiles the peer into `folder`.
    ///
    /// # Errors
    /// When there is no compiler, or no GStreamer RTSP server library to compile against.
    pub(crate) fn compile(folder: &Path) -> anyhow::Result<Self> {
        let libraries = ["gstreamer-rtsp-server-1.0", "gstreamer-app-1.0"];
        compile("fan_out", &libraries, folder).map(Self)
    }

    /// Starts it on `film`.
    pub(crate) fn start(&self, film: &Path) -> anyhow::Result<Subject> {
        let mut command = pinned(SERVER_CORE, &self.0);
        command.arg(film);
        Subject::start(command, "rtsp://", "main")
    }
}
