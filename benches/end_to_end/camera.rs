//! Simulated cameras, each a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::accounting::{Loop, Sent};
use crate::binaries::Binaries;

/// What a camera sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CameraSpec {
    /// Its number in the barcode.
    pub(crate) number: u8,
    pub(crate) size: (u32, u32),
    pub(crate) fps: u32,
    /// The length of its loop.
    pub(crate) loop_seconds: u32,
    /// The counter of a picture that it leaves out once.
    pub(crate) drop: Option<u32>,
}

impl CameraSpec {
    fn name(self) -> String {
        format!("camera-{}", self.number)
    }

    /// Its loop.
    pub(crate) fn clip(self) -> Loop {
        Loop {
            pictures: self.loop_seconds * self.fps,
            period: Duration::from_secs(1) / self.fps.max(1),
        }
    }
}

/// A running camera. It replays pictures that it drew and encoded before it began to listen, so that
/// it takes next to nothing from what is measured.
pub(crate) struct Camera {
    pub(crate) spec: CameraSpec,
    pub(crate) url: String,
    child: Child,
    /// It ends when this is closed, so that it does not outlive a benchmark that was killed.
    _input: Option<ChildStdin>,
    log: PathBuf,
}

impl Camera {
    /// Starts cameras, all at once, and waits until they listen. Their logs go to `folder`.
    pub(crate) fn start_all(
        specs: &[CameraSpec],
        binaries: &Binaries,
        folder: &Path,
    ) -> anyhow::Result<Vec<Self>> {
        let starting: Vec<Self> = specs
            .iter()
            .map(|spec| Self::spawn(*spec, binaries, folder))
            .collect::<anyhow::Result<_>>()?;
        starting.into_iter().map(Self::wait_until_listening).collect()
    }

    fn spawn(spec: CameraSpec, binaries: &Binaries, folder: &Path) -> anyhow::Result<Self> {
        let name = spec.name();
        let log = folder.join(format!("{name}.sent"));
        let ((width, height), fps) = (spec.size, spec.fps);
        let mut command = Command::new(binaries.simulator());
        command
            .args(["--camera", &format!("{name}:h264:{width}x{height}@{fps}")])
            .args(["--first-number", &spec.number.to_string()])
            .args(["--prerender", &spec.loop_seconds.to_string()])
            .arg("--log-sent")
            .arg(&log)
            .arg("--until-stdin-closes")
            .env("RUST_LOG", "warn");
        if let Some(counter) = spec.drop {
            command.args(["--drop", &counter.to_string()]);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        Ok(Self { spec, url: String::new(), child, _input: input, log })
    }

    fn wait_until_listening(mut self) -> anyhow::Result<Self> {
        let output = self.child.stdout.take().context("standard output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        ensure!(words.len() == 3 && words[0] == "camera", "a camera said {line:?}");
        self.url = words[2].to_owned();
        Ok(self)
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has sent since `begin`, in nanoseconds of the monotonic clock.
    pub(crate) fn sent_since(&self, begin: u64) -> anyhow::Result<Vec<Sent>> {
        let text = std::fs::read_to_string(&self.log)?;
        let mut sent = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            ensure!(words.len() == 3, "the camera's log has the line {line:?}");
            let picture = Sent { counter: words[1].parse()?, at: words[2].parse()? };
            if picture.at >= begin {
                sent.push(picture);
            }
        }
        Ok(sent)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
