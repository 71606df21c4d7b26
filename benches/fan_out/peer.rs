//! The peer: Debian's GStreamer RTSP server, compiled from `benches/peer`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::subject::{SERVER_CORE, Subject, pinned};

/// The compiled peer.
pub(crate) struct Peer(PathBuf);

impl Peer {
    /// Compiles the peer into `folder`.
    ///
    /// # Errors
    /// When there is no compiler, or no GStreamer RTSP server library to compile against.
    pub(crate) fn compile(folder: &Path) -> anyhow::Result<Self> {
        let library = Command::new("pkg-config")
            .args(["--cflags", "--libs", "gstreamer-rtsp-server-1.0", "gstreamer-app-1.0"])
            .output()
            .context("pkg-config")?;
        ensure!(
            library.status.success(),
            "pkg-config does not know gstreamer-rtsp-server-1.0: \
             install libgstrtspserver-1.0-dev"
        );
        let flags = String::from_utf8(library.stdout)?;
        let program = folder.join("peer");
        let status = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(&program)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer/fan_out.c"))
            .args(flags.split_whitespace())
            .status()
            .context("cc")?;
        ensure!(status.success(), "cc ended with {status}");
        Ok(Self(program))
    }

    /// Starts it on `film`.
    pub(crate) fn start(&self, film: &Path) -> anyhow::Result<Subject> {
        let mut command = pinned(SERVER_CORE, &self.0);
        command.arg(film);
        Subject::start(command, "rtsp://", "main")
    }
}
