//! The parent of both sides: starts them, introduces them to each other, replaces one that dies.
//!
//! It opens no network socket and reads nothing from either side but one byte: "started".

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use cofferdam_handover::send_with_descriptor;
use cofferdam_isolation::Stance;
use cofferdam_jail::{Streams, WorkerCommand};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::process::Child;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use crate::config::{Config, Texts};
use crate::exit::Exit;
use crate::isolation::SelfCheck;
use crate::parent::{DESCRIPTOR, STARTED};
use crate::programs::Programs;
use crate::signals::{Asked, Signals};
use crate::{camera_side, core_side};

/// How long the sides may take to stop before they are killed.
const DRAIN: Duration = Duration::from_secs(5);
/// The wait before a side that died is started again: 100 ms, doubling to a second.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// A side that ran this long was well.
const PROVEN: Duration = Duration::from_secs(2);

/// One side's process.
struct SideProcess {
    name: &'static str,
    child: Option<Child>,
    /// This process's end of the side's socket.
    socket: Option<tokio::net::UnixStream>,
    /// It said so, now or before it was last replaced.
    has_ever_started: bool,
    /// It said so.
    is_up: bool,
    /// It is to read anew what it can, once it is up.
    is_to_reload: bool,
    since: Instant,
    wait: Duration,
    /// When it is to be started again.
    start_at: Option<Instant>,
}

/// What happened to a side.
enum Event {
    Started,
    Ended(ExitStatus),
    Due,
}

/// Runs both sides of `config`, which `texts` of the file at `path` say, until the operating system asks to stop.
pub(crate) async fn run(config: &Config, texts: Texts, path: &Path) -> Result<(), Exit> {
    let mut signals = Signals::take()?;
    let programs = Programs::find()?;
    // Missing programs are found here, before anything runs.
    programs.ingest()?;
    programs.encode()?;
    camera_side::require_interface(config)?;
    core_side::listeners::require_interface(&config.core)?;
    if let Some(check) = SelfCheck::new(config, Stance::Together, path) {
        check.require().await?;
    }
    let mut launcher = Launcher { program: programs, config: path.to_owned(), texts };
    let mut core = SideProcess::new("core");
    let mut camera = SideProcess::new("camera");
    launcher.start(&mut core)?;
    launcher.start(&mut camera)?;
    introduce(&core, &camera)?;
    let mut reading = None;
    let outcome = loop {
        let (index, event) = tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break Ok(()),
                Asked::Reload => {
                    // Files may be slow; sides do not wait for them, and whoever stops the gateway neither.
                    let (mut texts, path) = (launcher.texts.clone(), path.to_owned());
                    let take = move || {
                        texts.take_accounts(&path);
                        texts
                    };
                    reading = Some(tokio::task::spawn_blocking(take));
                    core.reload();
                    continue;
                }
            },
            read = read(&mut reading) => {
                reading = None;
                launcher.texts = read.unwrap_or(launcher.texts);
                continue;
            }
            event = core.event() => (0, event),
            event = camera.event() => (1, event),
        };
        let side = if index == 0 { &mut core } else { &mut camera };
        match event {
            Event::Started => side.note_start(),
            Event::Ended(status) => {
                if let Err(exit) = side.note_end(status) {
                    break Err(exit);
                }
            }
            Event::Due => {
                // Such as a program that is being replaced at this moment.
                if let Err(exit) = launcher.start(side) {
                    side.note_failure(&exit);
                } else if let Err(exit) = introduce(&core, &camera) {
                    break Err(exit);
                }
            }
        }
    };
    stop([&mut core, &mut camera]).await;
    outcome
}

/// How sides are started.
struct Launcher {
    program: Programs,
    /// The configuration's file.
    config: PathBuf,
    /// What it holds for a side.
    texts: Texts,
}

impl Launcher {
    fn start(&self, side: &mut SideProcess) -> Result<(), Exit> {
        let failed =
            |what: String| Exit::run_time(format!("starting the {} side: {what}", side.name));
        let config = self.config.to_str().ok_or_else(|| failed("the path is not UTF-8".into()))?;
        let (ours, theirs) = UnixStream::pair().map_err(|e| failed(e.to_string()))?;
        // One for each: what is shared could be used to signal.
        let texts = self.texts.to_descriptor().map_err(|e| failed(e.to_string()))?;
        let mut command = WorkerCommand::new(self.program.cofferdam());
        for argument in ["run", "--config", config, "--side", side.name, "--inherited"] {
            command = command.argument(argument);
        }
        for (name, value) in passed_environment() {
            command = command.environment(&name, &value);
        }
        let child = command
            .descriptor(DESCRIPTOR, theirs.into())
            .descriptor(Texts::DESCRIPTOR, texts)
            .streams(Streams::Inherit)
            .spawn()
            .map_err(|e| failed(e.to_string()))?;
        ours.set_nonblocking(true).map_err(|e| failed(e.to_string()))?;
        let ours = tokio::net::UnixStream::from_std(ours).map_err(|e| failed(e.to_string()))?;
        side.child = Some(child);
        side.socket = Some(ours);
        side.since = Instant::now();
        side.start_at = None;
        Ok(())
    }
}

/// The configuration's variables, and what a log needs; nothing else of this environment.
fn passed_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| name.starts_with("COFFERDAM__") || name == "TZ")
}

/// Gives each side one end of a fresh connection. A side that is down gets its end when it is
/// started again, with a new introduction.
fn introduce(core: &SideProcess, camera: &SideProcess) -> Result<(), Exit> {
    let (Some(core), Some(camera)) = (&core.socket, &camera.socket) else { return Ok(()) };
    let (core_end, camera_end) = UnixStream::pair()
        .map_err(|error| Exit::run_time(format!("connecting the sides: {error}")))?;
    let give = |socket: &tokio::net::UnixStream, end: UnixStream| {
        let end = OwnedFd::from(end);
        // A side that died in this moment is introduced again when it is back.
        if let Err(error) = send_with_descriptor(socket.as_fd(), &[0], end.as_fd()) {
            tracing::debug!(%error, "introducing the sides");
        }
    };
    give(core, core_end);
    give(camera, camera_end);
    Ok(())
}

impl SideProcess {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            child: None,
            socket: None,
            has_ever_started: false,
            is_up: false,
            is_to_reload: false,
            since: Instant::now(),
            wait: FIRST_WAIT,
            start_at: None,
        }
    }

    /// The next thing that happens to this side. Safe to cancel.
    async fn event(&mut self) -> Event {
        match (&mut self.child, self.start_at) {
            (Some(child), _) => {
                let socket = self.socket.as_mut().filter(|_| !self.is_up);
                tokio::select! {
                    status = child.wait() => {
                        Event::Ended(status.unwrap_or_else(|_| ExitStatus::from_raw(1 << 8)))
                    }
                    () = started(socket) => Event::Started,
                }
            }
            (None, Some(at)) => {
                tokio::time::sleep_until(at).await;
                Event::Due
            }
            (None, None) => std::future::pending().await,
        }
    }

    /// A side ended: before it ever started that is a refusal, which ends the gateway with the
    /// side's own exit code; later it is a fault, and the side comes back.
    fn note_end(&mut self, status: ExitStatus) -> Result<(), Exit> {
        self.child = None;
        self.socket = None;
        self.is_up = false;
        if !self.has_ever_started {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).filter(|c| *c != 0);
            return Err(code.map_or_else(
                || Exit::run_time(format!("the {} side ended at its start: {status}", self.name)),
                Exit::passed_on,
            ));
        }
        if self.since.elapsed() >= PROVEN {
            self.wait = FIRST_WAIT;
        }
        let retry_ms = self.back_off();
        tracing::error!(side = self.name, %status, retry_ms, "a side ended");
        Ok(())
    }

    /// The side could not be started again.
    fn note_failure(&mut self, exit: &Exit) {
        let retry_ms = self.back_off();
        tracing::error!(side = self.name, retry_ms, "{exit}");
    }

    /// Sets the time of the next start, and gives the wait until then in milliseconds.
    fn back_off(&mut self) -> u64 {
        let wait = self.wait;
        self.start_at = Some(Instant::now() + wait);
        self.wait = (wait * 2).min(LONGEST_WAIT);
        u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
    }

    fn note_start(&mut self) {
        self.has_ever_started = true;
        self.is_up = true;
        if std::mem::take(&mut self.is_to_reload) {
            self.signal(Signal::HUP);
        }
    }

    /// Has the side read anew what it can. Before it is up nobody might be there yet to take the signal, which
    /// ends who does not; and what it has read by then may be what was before.
    fn reload(&mut self) {
        if self.is_up {
            self.signal(Signal::HUP);
        } else {
            self.is_to_reload = true;
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // Fails only for a side that is gone already.
            let _ = kill_process(pid, signal);
        }
    }
}

/// What has been read; never where nothing is. Cancel-safe.
async fn read(reading: &mut Option<JoinHandle<Texts>>) -> Result<Texts, JoinError> {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

/// Completes when the side says that it has started; never where nothing is waited for.
async fn started(socket: Option<&mut tokio::net::UnixStream>) {
    let Some(socket) = socket else { return std::future::pending().await };
    let mut byte = [0];
    match socket.read_exact(&mut byte).await {
        Ok(_) if byte[0] == STARTED => {}
        // Its end is what will be told next.
        _ => std::future::pending().await,
    }
}

async fn stop(sides: [&mut SideProcess; 2]) {
    for side in &sides {
        side.signal(Signal::TERM);
    }
    let deadline = Instant::now() + DRAIN;
    for side in sides {
        if let Some(child) = &mut side.child
            && tokio::time::timeout_at(deadline, child.wait()).await.is_err()
        {
            tracing::warn!(side = side.name, "did not stop in time: killed");
            let _ = child.kill().await;
        }
    }
}
