//! The parent of both sides: starts them, introduces them to each other, replaces one that dies.
//!
//! It opens no network socket and reads nothing from either side but single bytes: "started", and from the core side
//! whether accounts were taken over.

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
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::{Config, Texts};
use crate::exit::Exit;
use crate::isolation::SelfCheck;
use crate::parent::{DESCRIPTOR, REFUSED, STARTED, TAKEN};
use crate::programs::Programs;
use crate::signals::{Asked, Signals};
use crate::take_over::{Step, TakeOver};
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
    /// A byte on its socket.
    Said(u8),
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
    let mut accounts = Accounts::default();
    let outcome = loop {
        let (index, event) = tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => break Ok(()),
                Asked::Reload => {
                    let step = accounts.take_over.handle_request();
                    accounts.carry_out(step, &launcher, &mut core);
                    continue;
                }
            },
            texts = accounts.read() => {
                let step = accounts.take_over.handle_read(texts);
                accounts.carry_out(step, &launcher, &mut core);
                continue;
            }
            event = core.event() => (0, event),
            event = camera.event() => (1, event),
        };
        let side = if index == 0 { &mut core } else { &mut camera };
        match event {
            Event::Said(STARTED) => side.note_start(),
            // The camera side has no say in accounts.
            Event::Said(answer @ (TAKEN | REFUSED)) if index == 0 => {
                let (texts, step) = accounts.take_over.handle_answer(answer == TAKEN);
                launcher.texts = texts.unwrap_or(launcher.texts);
                accounts.carry_out(step, &launcher, &mut core);
            }
            Event::Said(_) => {}
            Event::Ended(status) => {
                if let Err(exit) = side.note_end(status) {
                    break Err(exit);
                }
                // Whoever comes back has what was there before.
                core.is_to_reload |= core.child.is_none() && accounts.take_over.is_asked();
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

/// Accounts that the core side is asked to take over.
#[derive(Default)]
struct Accounts {
    take_over: TakeOver,
    reading: Option<JoinHandle<Option<Texts>>>,
}

impl Accounts {
    fn carry_out(&mut self, step: Step, launcher: &Launcher, core: &mut SideProcess) {
        match step {
            Step::Wait => {}
            Step::Read => {
                // Files may be slow; sides do not wait for them, and whoever stops the gateway neither.
                let (texts, path) = (launcher.texts.clone(), launcher.config.clone());
                let read = move || texts.with_accounts(&path);
                self.reading = Some(tokio::task::spawn_blocking(read));
            }
            Step::Ask => core.reload(),
        }
    }

    /// What has been read; never where nothing is. Safe to cancel.
    async fn read(&mut self) -> Option<Texts> {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let read = reading.await.unwrap_or_default();
        self.reading = None;
        read
    }
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
                tokio::select! {
                    status = child.wait() => {
                        Event::Ended(status.unwrap_or_else(|_| ExitStatus::from_raw(1 << 8)))
                    }
                    byte = said(self.socket.as_mut()) => Event::Said(byte),
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

    /// Has the side read anew what it can. Before it is up nobody might be there yet to take the signal, and what it
    /// has read by then may be what was before.
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

/// The next byte that a side says; never once it is gone. Safe to cancel.
async fn said(socket: Option<&mut tokio::net::UnixStream>) -> u8 {
    let Some(socket) = socket else { return std::future::pending().await };
    let mut byte = [0];
    match socket.read_exact(&mut byte).await {
        Ok(_) => byte[0],
        // Its end is what will be told next.
        Err(_) => std::future::pending().await,
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
