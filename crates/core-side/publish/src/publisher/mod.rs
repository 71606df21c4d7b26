//! One camera's publisher: from the records of its encode worker to its two mounts.

mod outlet;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use cofferdam_encode_link::{AccessUnitHeader, MountKind, Record};
use cofferdam_picture::{CameraId, MonotonicTime};

use crate::metrics::{CameraMetrics, MountMetrics};
use crate::signal::{SharedSignal, Signal, SignalTracker};
use crate::{
    Commands, Mount, MountSeed, PublishMetrics, PublishSettings, Refusal, SubscriptionEnd,
};

use outlet::{Outlet, Published};

/// While no worker runs, readers get a slate this often: often enough that none takes the stream
/// for dead.
const SLATE_PERIOD: Duration = Duration::from_millis(200);

/// Why an encode worker has to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputFault {
    /// A unit made at its start cannot be published.
    #[error("start-up unit of {mount}: {reason}", mount = .0.label(), reason = .1)]
    Startup(MountKind, Refusal),
    /// Nothing it delivered for a mount could be published for too long; the last reason is given.
    #[error("nothing to publish on {mount}: {reason}", mount = .0.label(), reason = .1)]
    Unpublishable(MountKind, Refusal),
}

/// Takes in what a camera's encode worker says, and publishes what can be.
///
/// It outlives its workers: RTP streams and subscriptions run on while one replaces the other. It
/// touches no descriptor and no clock; see [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct CameraPublisher {
    camera: CameraId,
    outlets: [Outlet; 2],
    commands: Commands,
    shared_signal: Arc<SharedSignal>,
    tracker: SignalTracker,
    metrics: CameraMetrics,
    heard: Option<MonotonicTime>,
    slate_due: Option<MonotonicTime>,
    stopped: bool,
}

impl CameraPublisher {
    /// A publisher whose camera has not been seen yet. `random` holds the seeds of its mounts, main
    /// first; they are to be drawn anew for each gateway.
    #[must_use]
    pub fn new(
        settings: &PublishSettings,
        random: [MountSeed; 2],
        metrics: &PublishMetrics,
        now: MonotonicTime,
    ) -> Self {
        let commands = Commands::default();
        let tracker = SignalTracker::new(settings.signal_loss, now);
        let shared_signal = Arc::new(SharedSignal::new(tracker.signal()));
        let [main, sub] = random;
        let outlet = |kind, seed: MountSeed| {
            let of_mount = MountMetrics::new(metrics, &settings.camera, kind);
            let signal = Arc::clone(&shared_signal);
            let mount =
                Mount::new(settings, kind, seed, signal, commands.clone(), of_mount.clone());
            Outlet::new(Arc::new(mount), seed, of_mount)
        };
        let mut publisher = Self {
            camera: settings.camera.clone(),
            outlets: [outlet(MountKind::Main, main), outlet(MountKind::Sub, sub)],
            metrics: CameraMetrics::new(metrics, &settings.camera),
            commands,
            shared_signal,
            tracker,
            heard: None,
            slate_due: None,
            stopped: false,
        };
        publisher.show_signal();
        publisher
    }

    /// The camera's mounts, main first.
    #[must_use]
    pub fn mounts(&self) -> [Arc<Mount>; 2] {
        self.outlets.each_ref().map(|outlet| Arc::clone(outlet.mount()))
    }

    /// What the encode worker is to be told. Whatever is taken while none runs may be thrown away:
    /// [`handle_worker_started`](Self::handle_worker_started) says all that the next one needs.
    #[must_use]
    pub fn commands(&self) -> Commands {
        self.commands.clone()
    }

    /// Takes in what the worker said.
    ///
    /// # Errors
    /// When the worker is no good any more and has to be replaced. A single bad access unit is no
    /// error: it is dropped and counted, and a key frame asked for.
    pub fn handle_record(&mut self, record: Record, now: MonotonicTime) -> Result<(), OutputFault> {
        self.heard = Some(now);
        match record {
            Record::Status(status) => self.metrics.report(&status),
            // Whether a worker may run at all is decided before its records get here.
            Record::Attestation(_) => {}
            Record::AccessUnit(header, bytes) if header.startup => {
                self.outlet(header.mount).keep_startup(&header, &bytes)?;
                self.show_signal();
            }
            Record::AccessUnit(header, bytes) => self.handle_unit(&header, &bytes, now)?,
        }
        for outlet in &self.outlets {
            outlet.mount().catch_up(now);
        }
        Ok(())
    }

    fn handle_unit(
        &mut self,
        header: &AccessUnitHeader,
        bytes: &[u8],
        now: MonotonicTime,
    ) -> Result<(), OutputFault> {
        let published = self.outlet(header.mount).publish(header, bytes, now)?;
        // Only the main mount is always encoded, so only it tells of the signal.
        if header.mount == MountKind::Main && published == Published::Yes {
            if header.live {
                self.tracker.live();
            } else {
                self.tracker.lost(now);
            }
            self.pass_time(now);
        }
        Ok(())
    }

    /// A worker runs: tells it what is needed.
    pub fn handle_worker_started(&mut self, now: MonotonicTime) {
        self.heard = Some(now);
        self.metrics.encode_worker_started();
        self.commands.clear();
        for outlet in &mut self.outlets {
            outlet.await_key();
            outlet.mount().worker_started(now);
        }
    }

    /// No worker runs. Until units come again, the slate made at start stands in.
    pub fn handle_worker_ended(&mut self, now: MonotonicTime) {
        self.heard = None;
        self.commands.clear();
        for outlet in &mut self.outlets {
            outlet.await_key();
            outlet.stand_in();
        }
        self.slate_due = Some(now);
        self.tracker.lost(now);
        self.pass_time(now);
    }

    /// For how long the running worker has said nothing; `None` when none runs. A healthy worker
    /// reports every 250 ms, so whoever watches it can tell a stuck one.
    #[must_use]
    pub fn silent_for(&self, now: MonotonicTime) -> Option<Duration> {
        self.heard.map(|heard| now.since(heard))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next. It may change with every
    /// other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonotonicTime> {
        if self.stopped {
            return None;
        }
        self.slate_due.into_iter().chain(self.tracker.deadline()).min()
    }

    /// Does what is due: slates in a worker's stead, and the end of their hold. Calling it early
    /// does nothing.
    pub fn handle_timeout(&mut self, now: MonotonicTime) {
        if self.stopped {
            return;
        }
        self.pass_time(now);
        if self.slate_due.is_some_and(|due| now >= due) {
            self.stand_in(now);
        }
    }

    /// Ends every subscription, and any that is still to come.
    pub fn stop(&mut self) {
        self.stopped = true;
        for outlet in &self.outlets {
            outlet.mount().end_all(SubscriptionEnd::Stopping, true);
        }
    }

    fn stand_in(&mut self, now: MonotonicTime) {
        for outlet in &mut self.outlets {
            outlet.publish_slate(now);
        }
        // A sub mount without readers gets no units that could end it.
        let [main, sub] = &self.outlets;
        let goes_on = main.is_standing_in() || sub.is_standing_in() && sub.mount().readers() > 0;
        self.slate_due = goes_on.then(|| now + SLATE_PERIOD);
    }

    fn pass_time(&mut self, now: MonotonicTime) {
        self.tracker.pass(now);
        self.show_signal();
    }

    /// Makes the signal known where it has changed.
    fn show_signal(&mut self) {
        let signal = self.tracker.signal();
        if signal != self.shared_signal.get() {
            self.shared_signal.set(signal);
            tracing::info!(camera = %self.camera, signal = signal.label(), "signal changed");
            if signal == Signal::Ended {
                for outlet in &self.outlets {
                    outlet.mount().end_all(SubscriptionEnd::SignalLost, false);
                }
            }
        }
        let [main, _] = &self.outlets;
        self.metrics.availability(main.mount().availability());
    }

    const fn outlet(&mut self, kind: MountKind) -> &mut Outlet {
        let [main, sub] = &mut self.outlets;
        match kind {
            MountKind::Main => main,
            MountKind::Sub => sub,
        }
    }
}

/// Readers must not wait for a publisher that is gone.
impl Drop for CameraPublisher {
    fn drop(&mut self) {
        self.stop();
    }
}
