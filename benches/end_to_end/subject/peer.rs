//! The peer: a GStreamer transcoder in one process, compiled from `benches/peer`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context as _;
use cofferdam_system_tests::processes::{self, Process};

use super::Subject;
use crate::compile::compile;

/// The compiled peer.
pub(crate) struct Program(PathBuf);

impl Program {
    /// Compiles the peer into `folder`.
    ///
    /// # Errors
    /// When there is no compiler, or no GStreamer RTSP server library to compile against.
    pub(crate) fn compile(folder: &Path) -> anyhow::Result<Self> {
        compile("transcoder", &["gstreamer-rtsp-server-1.0"], folder).map(Self)
    }

    /// Starts it on the cameras at these URLs.
    pub(crate) fn start(&self, cameras: &[&str]) -> anyhow::Result<Peer> {
        let mut child = Command::new(&self.0)
            .args(cameras)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("standard output is piped")?;
        let mut peer = Peer { child, _input: input, port: 0 };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().strip_prefix("listening ").context("the peer ended")?;
        peer.port = port.parse()?;
        Ok(peer)
    }
}

/// A running peer.
pub(crate) struct Peer {
    child: Child,
    /// It ends when this is closed, so that it does not outlive a benchmark that was killed.
    _input: Option<ChildStdin>,
    port: u16,
}

impl Subject for Peer {
    fn name(&self) -> &'static str {
        "peer"
    }

    fn url(&self, index: usize) -> String {
        format!("rtsp://127.0.0.1:{}/{index}", self.port)
    }

    fn processes(&self) -> Vec<(&'static str, Process)> {
        let tree = processes::tree(i32::try_from(self.child.id()).unwrap_or(0));
        tree.into_iter().map(|process| ("transcoder", process)).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
