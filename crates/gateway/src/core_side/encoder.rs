//! One camera's encode worker: vetted, started, read, commanded, watched, replaced.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_encode_link::{
    Attestation, Command, EncodeSettings, Record, RecordError, RecordReader, descriptors,
};
use cofferdam_jail::{Program, SpawnError, WorkerCommand, pipe, set_nonblocking};
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::{JailLayer, RingSpec};
use cofferdam_publish::{CameraPublisher, Commands, OutputFault};
use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::sync::{oneshot, watch};

use super::backoff::Backoff;
use super::metrics::{CameraAttested, WorkerFaults};
use crate::config::{Camera, Sandbox};
use crate::programs::WORKER_ENVIRONMENT;
use crate::vetting::{NotVetted, Vetted, Vetting};

/// What an encoder's supervisor works with.
#[derive(Debug)]
pub(crate) struct EncoderPlan {
    pub(crate) settings: EncodeSettings,
    pub(crate) program: Arc<Program>,
    /// The ring, reopened read-only.
    pub(crate) ring: OwnedFd,
    pub(crate) faults: WorkerFaults,
    pub(crate) vetting: Vetting,
    pub(crate) verdicts: Verdicts,
}

/// Where it is told whether the camera's encoder is vetted.
#[derive(Debug)]
pub(crate) struct Verdicts {
    pub(crate) metric: CameraAttested,
    /// Hears of the first worker, and nothing when that ended before it was judged.
    pub(crate) first: Option<oneshot::Sender<Result<(), NotVetted>>>,
}

impl Verdicts {
    fn vetted(&mut self, vetted: &Vetted) {
        self.metric.set(Some(vetted));
        if let Some(first) = self.first.take() {
            // Whoever asked may have gone: the gateway is stopping then.
            let _ = first.send(Ok(()));
        }
    }

    /// A worker's run ended so.
    fn ended(&mut self, end: RunEnd) {
        let first = self.first.take();
        if let RunEnd::NotVetted(refused) = end {
            self.metric.set(None);
            if let Some(first) = first {
                let _ = first.send(Err(refused));
            }
        }
    }
}

/// A worker reports every 250 ms; silence for this long means that it is wedged.
const WEDGED: Duration = Duration::from_secs(2);
/// Until its first record a worker is given longer: a loaded host starts programs slowly.
const START_ALLOWANCE: Duration = Duration::from_secs(10);
/// What the kernel may hold of a worker's records: the most an unprivileged process may ask for.
const PIPE_SIZE: usize = 1 << 20;

/// Why a worker's run ended.
#[derive(Debug, thiserror::Error)]
enum RunEnd {
    #[error("the gateway is stopping")]
    Stopped,
    #[error("{0}")]
    NotStarted(#[from] SpawnError),
    #[error("expected the worker to run on, found it ended by {0}")]
    Exited(ExitStatus),
    #[error("expected the worker to keep to its system calls, found it killed for another")]
    Violation,
    #[error("expected every layer of the worker's jail, found {0} missing: it needs {needs}", needs = .0.needs())]
    Jail(JailLayer),
    #[error("expected a record within {0:?}, found none: killed")]
    Wedged(Duration),
    #[error("expected records, found bytes that are none ({0}): killed")]
    Record(#[from] RecordError),
    #[error("{0}")]
    NotVetted(#[from] NotVetted),
    #[error("expected it to say first, and once, what its encoder is, found otherwise: killed")]
    Unvetted,
    #[error("expected vetted output, found other ({0}): killed")]
    Output(#[from] OutputFault),
    #[error("reading the worker's pipe: {0}")]
    Pipe(#[from] io::Error),
}

impl RunEnd {
    /// The labels of all faults.
    const FAULTS: [&'static str; 9] = [
        "not_started",
        "exited",
        "jail_violation",
        "jail_refused",
        "wedged",
        "not_vetted",
        "record",
        "output",
        "pipe",
    ];

    /// What an exit status says.
    fn of(status: ExitStatus) -> Self {
        if status.signal() == Some(Signal::SYS.as_raw()) {
            return Self::Violation;
        }
        let layer = status.code().and_then(JailLayer::from_exit_code);
        layer.map_or(Self::Exited(status), Self::Jail)
    }

    /// The metric label of the fault.
    const fn label(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::NotStarted(_) => "not_started",
            Self::Exited(_) => "exited",
            Self::Violation => "jail_violation",
            Self::Jail(_) => "jail_refused",
            Self::Wedged(_) => "wedged",
            Self::NotVetted(_) => "not_vetted",
            Self::Record(_) | Self::Unvetted => "record",
            Self::Output(_) => "output",
            Self::Pipe(_) => "pipe",
        }
    }
}

/// What a camera's encode worker is told.
pub(crate) fn settings(camera: &Camera, ring: RingSpec, sandbox: Sandbox) -> EncodeSettings {
    EncodeSettings {
        camera: camera.id.clone(),
        geometry: ring.geometry,
        slots: ring.slots.into(),
        rate: camera.rate,
        encoder: camera.encoder.clone(),
        sub: camera.sub,
        stale_after_ms: millis(camera.signal_loss.stale_after),
        max_jitter_ms: millis(camera.max_jitter),
        unjailed: sandbox == Sandbox::Off,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A random number. The kernel's generator only fails before it is seeded at boot.
fn chance() -> u8 {
    let mut byte = [127];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

/// Keeps one camera's encode worker running until `stopped` says otherwise.
pub(crate) async fn supervise(
    mut plan: EncoderPlan,
    mut publisher: CameraPublisher,
    mut stopped: watch::Receiver<bool>,
) {
    let camera = plan.settings.camera.clone();
    plan.faults.show(&camera, &RunEnd::FAULTS);
    let commands = publisher.commands();
    let mut backoff = Backoff::default();
    let mut told = String::new();
    loop {
        let started = MonotonicTime::now();
        let end = run_worker(&mut plan, &mut publisher, &commands, &mut stopped).await;
        let now = MonotonicTime::now();
        publisher.handle_worker_ended(now);
        if matches!(end, RunEnd::Stopped) {
            publisher.stop();
            return;
        }
        plan.faults.count(&camera, end.label());
        let wait = backoff.handle_end(started, now, chance());
        let line = end.to_string();
        // A first worker that is refused ends the gateway, which says so. Later, what is refused is
        // refused every second, until somebody does something about it.
        let is_told = line == told || plan.verdicts.first.is_some();
        if is_told && matches!(end, RunEnd::NotVetted(_)) {
            tracing::debug!(%camera, worker = "encode", retry_ms = millis(wait), "{line}");
        } else {
            tracing::warn!(%camera, worker = "encode", retry_ms = millis(wait), "{line}");
        }
        told = line;
        plan.verdicts.ended(end);
        if idle(&mut publisher, now + wait, &mut stopped).await {
            publisher.stop();
            return;
        }
    }
}

/// Lets the publisher keep its readers on a slate until `until`; true when the gateway stops.
async fn idle(
    publisher: &mut CameraPublisher,
    until: MonotonicTime,
    stopped: &mut watch::Receiver<bool>,
) -> bool {
    while MonotonicTime::now() < until {
        let next = publisher.poll_timeout().map_or(until, |timeout| timeout.min(until));
        tokio::select! {
            () = sleep_until(next) => publisher.handle_timeout(MonotonicTime::now()),
            _ = stopped.changed() => return true,
        }
    }
    false
}

async fn run_worker(
    plan: &mut EncoderPlan,
    publisher: &mut CameraPublisher,
    commands: &Commands,
    stopped: &mut watch::Receiver<bool>,
) -> RunEnd {
    // Before anything of it runs.
    if let Err(refused) = plan.vetting.check(plan.settings.encoder.name).await {
        return refused.into();
    }
    let (mut child, mut records, orders) = match start(plan) {
        Ok(started) => started,
        Err(end) => return end,
    };
    publisher.handle_worker_started(MonotonicTime::now());
    let mut worker = Running { child: &mut child, records: &mut records, orders: &orders };
    let end = worker.serve(plan, publisher, commands, stopped).await;
    // Fails only for a child that is gone already.
    let _ = child.kill().await;
    end
}

/// Starts a worker: the process, the pipe of its records, the pipe of its commands.
fn start(plan: &EncoderPlan) -> Result<(Child, Receiver, OwnedFd), RunEnd> {
    let json = serde_json::to_vec(&plan.settings).map_err(io::Error::from)?;
    let (settings_read, settings_write) = pipe()?;
    let (records_read, records_write) = pipe()?;
    let (commands_read, commands_write) = pipe()?;
    for end in [&records_read, &records_write, &commands_read, &commands_write] {
        set_nonblocking(end)?;
    }
    // A smaller pipe only means earlier drops.
    let _ = rustix::pipe::fcntl_setpipe_size(&records_read, PIPE_SIZE);
    let mut command = WorkerCommand::of(&plan.program)?
        .argument("--camera")
        .argument(plan.settings.camera.as_str())
        .descriptor(descriptors::SETTINGS, settings_read)
        .descriptor(descriptors::RING, plan.ring.try_clone()?)
        .descriptor(descriptors::RECORDS, records_write)
        .descriptor(descriptors::COMMANDS, commands_read);
    for (name, value) in WORKER_ENVIRONMENT {
        command = command.environment(name, value);
    }
    let child = command.spawn()?;
    // Settings are far smaller than a pipe, so this cannot block.
    std::fs::File::from(settings_write).write_all(&json)?;
    Ok((child, Receiver::from_owned_fd(records_read)?, commands_write))
}

/// A worker that runs: its process, the pipe of its records, the pipe of its commands.
struct Running<'a> {
    child: &'a mut Child,
    records: &'a mut Receiver,
    orders: &'a OwnedFd,
}

impl Running<'_> {
    async fn serve(
        &mut self,
        plan: &mut EncoderPlan,
        publisher: &mut CameraPublisher,
        commands: &Commands,
        stopped: &mut watch::Receiver<bool>,
    ) -> RunEnd {
        let mut reader = RecordReader::new();
        let mut buffer = vec![0; 256 << 10];
        let mut allowance = START_ALLOWANCE;
        let mut silent_at = MonotonicTime::now() + allowance;
        let (mut ended, mut vetted) = (false, false);
        loop {
            let timeout = publisher.poll_timeout();
            let next = timeout.map_or(silent_at, |timeout| timeout.min(silent_at));
            tokio::select! {
                biased;
                _ = stopped.changed() => return RunEnd::Stopped,
                read = self.records.read(&mut buffer), if !ended => {
                    let length = match read {
                        Ok(length) => length,
                        Err(error) => return error.into(),
                    };
                    // The worker closed its pipe: its exit status, a moment later, says why.
                    ended = length == 0;
                    reader.push(&buffer[..length]);
                    loop {
                        let record = match reader.next_record() {
                            Ok(None) => break,
                            Ok(Some(record)) => record,
                            Err(error) => return error.into(),
                        };
                        match (record, vetted) {
                            (Record::Attestation(attestation), false) => {
                                if let Err(end) = self.vet(plan, *attestation).await {
                                    return end;
                                }
                                vetted = true;
                            }
                            (Record::Attestation(_), true) | (_, false) => return RunEnd::Unvetted,
                            (record, true) => {
                                allowance = WEDGED;
                                let now = MonotonicTime::now();
                                if let Err(fault) = publisher.handle_record(record, now) {
                                    return fault.into();
                                }
                            }
                        }
                        silent_at = MonotonicTime::now() + allowance;
                    }
                }
                command = commands.next(), if vetted => order(self.orders, command),
                status = self.child.wait() => {
                    return status.map_or_else(RunEnd::Pipe, RunEnd::of);
                }
                () = sleep_until(next) => {
                    let now = MonotonicTime::now();
                    if now >= silent_at {
                        return RunEnd::Wedged(allowance);
                    }
                    publisher.handle_timeout(now);
                }
            }
        }
    }

    /// Judges the worker by what it says and what it runs, and lets it go on if it is vetted.
    async fn vet(
        &mut self,
        plan: &mut EncoderPlan,
        attestation: Attestation,
    ) -> Result<(), RunEnd> {
        // A worker that is waited for already has no number: it ended.
        let Some(pid) = self.child.id() else { return Err(RunEnd::Unvetted) };
        let name = plan.settings.encoder.name;
        match plan.vetting.judge(name, pid, attestation).await {
            Ok(vetted) => plan.verdicts.vetted(&vetted),
            // Nothing can be seen of a worker that was killed meanwhile: that is its end, not a verdict.
            Err(refused) => {
                return Err(match self.child.try_wait() {
                    Ok(Some(status)) => RunEnd::of(status),
                    _ => refused.into(),
                });
            }
        }
        order(self.orders, Command::Vetted);
        Ok(())
    }
}

/// Writes one command, past the event loop: that knows a new pipe to be writable only later, and the
/// first commands, which say what a worker is to encode, come at once. A worker whose pipe is full
/// (65536 commands) is about to be found wedged, and one whose pipe is closed to be found dead:
/// nothing is lost with the command.
fn order(orders: &OwnedFd, command: Command) {
    let _ = rustix::io::write(orders, &[command.to_byte()]);
}

async fn sleep_until(time: MonotonicTime) {
    tokio::time::sleep(time.since(MonotonicTime::now())).await;
}

#[cfg(test)]
mod tests {
    use cofferdam_encode_link::MountKind;

    use super::*;

    #[tokio::test]
    async fn the_first_command_reaches_a_worker_that_has_just_started() {
        let (read, write) = pipe().unwrap();
        for end in [&read, &write] {
            set_nonblocking(end).unwrap();
        }
        let command = Command::Start(MountKind::Sub);
        order(&write, command);
        let mut bytes = [0; 2];
        assert_eq!(rustix::io::read(&read, &mut bytes), Ok(1));
        assert_eq!(Command::from_byte(bytes[0]), Ok(command));
    }
}
