//! A server that is measured: a process pinned to the first core.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::Context as _;

use crate::bare;

/// The core that serves, and the core that reads.
pub(crate) const SERVER_CORE: &str = "0";
pub(crate) const READER_CORE: &str = "1";

/// A deliberate fault, to see that it shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Every unit is held back by so many milliseconds.
    Hold(u64),
    /// This unit is left out.
    LeaveOut(u32),
}

/// A running server.
pub(crate) struct Subject {
    child: Child,
    /// It ends when this is closed, so that it does not outlive a benchmark that was killed.
    _input: Option<ChildStdin>,
    pub(crate) url: String,
}

impl Subject {
    /// Cofferdam's server on `film`.
    pub(crate) fn ours(film: &Path, fault: Option<Fault>) -> anyhow::Result<Self> {
        let mut command = pinned(SERVER_CORE, &std::env::current_exe()?);
        command.arg("serve").arg(film);
        match fault {
            None => {}
            Some(Fault::Hold(millis)) => drop(command.args(["--hold", &millis.to_string()])),
            Some(Fault::LeaveOut(unit)) => drop(command.args(["--leave-out", &unit.to_string()])),
        }
        Self::start(command, "rtsp://", "lobby/main")
    }

    /// What sends `film` by itself, without any protocol.
    pub(crate) fn bare(film: &Path) -> anyhow::Result<Self> {
        let mut command = pinned(SERVER_CORE, &std::env::current_exe()?);
        command.arg("serve").arg(film).arg("--bare");
        Self::start(command, bare::SCHEME, "")
    }

    /// Starts a server that says "listening PORT" when it does.
    pub(crate) fn start(mut command: Command, scheme: &str, path: &str) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("standard output is piped")?;
        let mut subject = Self { child, _input: input, url: String::new() };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().strip_prefix("listening ").context("the server ended")?;
        subject.url = format!("{scheme}127.0.0.1:{port}/{path}");
        Ok(subject)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `program`, to run on one core.
pub(crate) fn pinned(core: &str, program: &Path) -> Command {
    // It becomes the program, so the process counted is the one that was started.
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", core]).arg(program);
    command
}
