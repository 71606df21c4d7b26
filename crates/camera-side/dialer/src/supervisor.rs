//! The thin shell around a [`Lifecycle`]: one task a camera.

use std::future::pending;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_ingest_boot::{IngestBoot, descriptors};
use cofferdam_jail::{Bounds, Program, Session, SpawnError, WorkerCommand};
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::{Counter, Fault, IngestState, JailLayer, SideIsolation, Writer};
use rustix::process::Signal;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::sync::watch;

use crate::CameraPlan;
use crate::connect::Target;
use crate::introduce::introduce;
use crate::lifecycle::{Lifecycle, Verdict};
use crate::rings::Ring;

/// The program every camera's worker runs.
#[derive(Debug)]
pub(crate) struct WorkerProgram {
    pub(crate) program: Program,
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// Processes and threads that the user may have when a worker starts another.
    pub(crate) processes: u64,
}

/// Bytes of memory, besides its ring, that a worker may map while it starts. It has below 300 MB when
/// it locks itself in, and allows itself another 512 then.
const MEMORY: u64 = 1 << 30;

/// Between two looks at what a worker has left behind, and how often it is looked for.
const CLEARING: Duration = Duration::from_millis(5);
const MOST_LOOKS: u32 = 200;

/// How often a running worker is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What a supervisor is told while it runs.
pub(crate) struct Heard {
    /// The present ring.
    pub(crate) rings: watch::Receiver<Option<Arc<Ring>>>,
    /// The gateway stops.
    pub(crate) stopped: watch::Receiver<bool>,
    /// What the isolation self-check found last.
    pub(crate) isolation: watch::Receiver<SideIsolation>,
}

/// One camera's supervisor.
pub(crate) struct Supervisor {
    plan: CameraPlan,
    program: Arc<WorkerProgram>,
    interface: Option<Arc<str>>,
    heard: Heard,
    lifecycle: Lifecycle,
    /// The fault that was last worth a warning: the same one again is not.
    reported: Fault,
    started_before: bool,
}

/// How a worker's run, or the wait for the next, ended.
enum End {
    /// By itself, or because it was killed for being wedged.
    Fault(Fault),
    /// A new ring came: the worker is to run on that.
    NewRing,
    /// The gateway stops.
    Stopped,
}

impl Supervisor {
    pub(crate) const fn new(
        plan: CameraPlan,
        program: Arc<WorkerProgram>,
        interface: Option<Arc<str>>,
        heard: Heard,
    ) -> Self {
        let lifecycle = Lifecycle::new();
        let reported = Fault::None;
        Self { plan, program, interface, heard, lifecycle, reported, started_before: false }
    }

    /// Keeps the camera's worker running until the gateway stops.
    pub(crate) async fn run(mut self) {
        while let Some(ring) = self.next_ring().await {
            let writer = match Writer::map(ring.fd.as_fd(), ring.spec) {
                Ok(writer) => writer,
                Err(error) => {
                    // Only a broken core side sends such a ring: wait for the next one.
                    tracing::error!(camera = %self.plan.id(), %error, "refused a ring");
                    if matches!(self.interruption().await, End::Stopped) {
                        return;
                    }
                    continue;
                }
            };
            if matches!(self.run_on(&ring, &writer).await, End::Stopped) {
                return;
            }
        }
    }

    /// Runs one worker after the other on `ring` until something else is wanted.
    async fn run_on(&mut self, ring: &Ring, writer: &Writer) -> End {
        loop {
            let fault = match self.run_worker(ring, writer).await {
                End::Fault(fault) => fault,
                end => return end,
            };
            let wait = self.note_end(writer, fault);
            self.note_isolation(writer);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                end = self.interruption() => return end,
            }
        }
    }

    /// Records why a worker ended, and says how long to wait before the next.
    fn note_end(&mut self, writer: &Writer, fault: Fault) -> Duration {
        let streamed = writer.status().state == IngestState::Streaming;
        writer.count_fault(fault);
        writer.set_state(IngestState::BackingOff, fault);
        let wait = self.lifecycle.handle_end(fault, chance());
        let camera = self.plan.id();
        let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        if fault == self.reported && !streamed {
            tracing::debug!(%camera, %fault, retry_ms, "the same fault again");
        } else {
            tracing::warn!(%camera, %fault, retry_ms, "{}", fault.explanation());
            self.reported = fault;
        }
        wait
    }

    async fn run_worker(&mut self, ring: &Ring, writer: &Writer) -> End {
        let camera = self.plan.id().clone();
        let pictures = writer.status().counter(Counter::Pictures);
        self.lifecycle.handle_started(MonotonicTime::now(), pictures);
        let (mut child, channel) = match start(&self.program, &self.plan.boot, ring) {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(%camera, %error, "the ingest worker did not start");
                return End::Fault(Fault::WorkerMissing);
            }
        };
        writer.add(Counter::WorkerStarts, 1);
        if std::mem::replace(&mut self.started_before, true) {
            writer.add(Counter::Reconnects, 1);
        }
        tracing::debug!(%camera, pid = child.id(), "ingest worker started");
        let session = Session::of(child.id());
        let end = self.watch(&mut child, channel, writer).await;
        clear(session).await;
        end
    }

    /// Watches a running worker to its end. It is gone when this returns.
    async fn watch(
        &mut self,
        child: &mut Child,
        channel: Option<UnixStream>,
        writer: &Writer,
    ) -> End {
        let camera = self.plan.id().clone();
        let target = Target::new(&self.plan.boot.url, self.interface.clone());
        let mut introduced = pin!(async {
            match (channel, target) {
                (Some(channel), Some(target)) => introduce(channel, &target, &camera).await,
                (Some(_), None) => Fault::WorkerSetup,
                (None, _) => pending().await,
            }
        });
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                fault = &mut introduced => {
                    kill(child).await;
                    return End::Fault(fault);
                }
                status = child.wait() => {
                    let Ok(status) = status else { return End::Fault(Fault::WorkerCrashed) };
                    self.note_missing_layer(status);
                    return End::Fault(classify(status));
                }
                _ = look.tick() => {
                    if self.look(writer) == Verdict::Wedged {
                        kill(child).await;
                        return End::Fault(Fault::WorkerWedged);
                    }
                }
                end = self.interruption() => {
                    kill(child).await;
                    return end;
                }
            }
        }
    }

    /// Says once which layer of its jail a worker could not have, if that is why it ended.
    fn note_missing_layer(&self, status: ExitStatus) {
        if let Some(layer) = missing_layer(status).filter(|_| self.reported != Fault::JailRefused) {
            let (camera, needs) = (self.plan.id(), layer.needs());
            tracing::error!(%camera, %layer, "the ingest worker's jail lacks a layer: it needs {needs}");
        }
    }

    /// Notes what this side found of its host. The worker, which could write there as well, is not
    /// asked: what it left is written over.
    fn note_isolation(&self, writer: &Writer) {
        writer.set_isolation(*self.heard.isolation.borrow());
    }

    /// Looks at the running worker's status block.
    fn look(&mut self, writer: &Writer) -> Verdict {
        self.note_isolation(writer);
        let status = writer.status();
        if self.reported != Fault::None && status.state == IngestState::Streaming {
            self.reported = Fault::None;
            tracing::info!(camera = %self.plan.id(), codec = %status.codec, "pictures arrive again");
        }
        let pictures = status.counter(Counter::Pictures);
        self.lifecycle.handle_look(MonotonicTime::now(), writer.last_beat(), pictures)
    }

    /// The present ring, waited for if there is none yet; `None` when the gateway stops.
    async fn next_ring(&mut self) -> Option<Arc<Ring>> {
        loop {
            if *self.heard.stopped.borrow_and_update() {
                return None;
            }
            if let Some(ring) = self.heard.rings.borrow_and_update().clone() {
                return Some(ring);
            }
            if matches!(self.interruption().await, End::Stopped) {
                return None;
            }
        }
    }

    /// Waits for a new ring, or the end. Safe to cancel.
    async fn interruption(&mut self) -> End {
        tokio::select! {
            changed = self.heard.rings.changed() => {
                if changed.is_ok() {
                    return End::NewRing;
                }
            }
            _ = self.heard.stopped.changed() => return End::Stopped,
        }
        // No ring will ever come again; the end will.
        let _ = self.heard.stopped.changed().await;
        End::Stopped
    }
}

/// Starts a worker, with the channel over which it asks for its camera. Without a jail there is none:
/// that worker connects for itself.
fn start(
    program: &WorkerProgram,
    boot: &IngestBoot,
    ring: &Ring,
) -> Result<(Child, Option<UnixStream>), SpawnError> {
    let system = |source| SpawnError::System { program: program.program.path().to_owned(), source };
    let json = serde_json::to_vec(boot).map_err(|e| system(e.into()))?;
    let (read, write) = cofferdam_jail::pipe().map_err(system)?;
    let bounds = Bounds {
        memory: MEMORY.saturating_add(u64::try_from(ring.spec.total_len()).unwrap_or(u64::MAX)),
        processes: program.processes,
    };
    let ring = ring.fd.try_clone().map_err(system)?;
    let mut command = WorkerCommand::of(&program.program)
        .map_err(system)?
        .bounded(bounds)
        .argument("--camera")
        .argument(boot.camera.as_str())
        .descriptor(descriptors::BOOT, read)
        .descriptor(descriptors::RING, ring);
    let mut channel = None;
    if !boot.unjailed {
        let (ours, theirs) = UnixStream::pair().map_err(system)?;
        let theirs = theirs.into_std().map_err(system)?;
        command = command.descriptor(descriptors::CHANNEL, theirs.into());
        channel = Some(ours);
    }
    for (name, value) in program.environment {
        command = command.environment(name, value);
    }
    let child = command.spawn()?;
    // A boot message is far smaller than a pipe, so this cannot block.
    std::fs::File::from(write).write_all(&json).map_err(system)?;
    Ok((child, channel))
}

/// Ends what a worker that is gone has started, before another takes its place: as long as it is there it
/// counts as the user's.
async fn clear(session: Session) {
    for _ in 0..MOST_LOOKS {
        if session.end() {
            return;
        }
        tokio::time::sleep(CLEARING).await;
    }
}

async fn kill(child: &mut Child) {
    // Fails only for a child that is gone already.
    let _ = child.kill().await;
}

fn missing_layer(status: ExitStatus) -> Option<JailLayer> {
    status.code().and_then(JailLayer::from_exit_code)
}

/// The fault an exit status stands for.
fn classify(status: ExitStatus) -> Fault {
    match status.signal() {
        Some(signal) if signal == Signal::SYS.as_raw() => return Fault::JailViolation,
        Some(_) => return Fault::WorkerKilled,
        None => {}
    }
    if missing_layer(status).is_some() {
        return Fault::JailRefused;
    }
    match u64::try_from(status.code().unwrap_or(-1)).map(Fault::from_code) {
        Ok(Fault::Unknown | Fault::None) | Err(_) => Fault::WorkerCrashed,
        Ok(fault) => fault,
    }
}

/// A random number. The kernel's generator only fails before it is seeded at boot.
fn chance() -> u8 {
    let mut byte = [127];
    let _ = rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::empty());
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_become_faults() {
        for (raw, fault) in [
            (9, Fault::WorkerKilled),
            (11, Fault::WorkerKilled),
            (31, Fault::JailViolation),
            (i32::from(JailLayer::SystemCalls.exit_code()) << 8, Fault::JailRefused),
            (63 << 8, Fault::WorkerCrashed),
            (0, Fault::WorkerCrashed),
            (101 << 8, Fault::WorkerCrashed),
            (1 << 8, Fault::WorkerCrashed),
            (i32::from(Fault::AuthenticationFailed.code()) << 8, Fault::AuthenticationFailed),
        ] {
            assert_eq!(classify(ExitStatus::from_raw(raw)), fault, "{raw}");
        }
    }
}
