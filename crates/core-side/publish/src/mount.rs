//! One path that readers ask for.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use cofferdam_encode_link::{Command, MountKind};
use cofferdam_picture::{CameraId, FrameRate, Geometry, MonotonicTime};
use cofferdam_rtp::{PayloadType, RtpTimestamp, Ssrc};

use crate::clock::RtpClock;
use crate::fan_out::FanOut;
use crate::metrics::MountMetrics;
use crate::reader::Reader;
use crate::signal::{SharedSignal, Signal};
use crate::{
    Commands, MountSeed, ParameterSets, PublishSettings, Subscription, SubscriptionEnd, Unit,
};

/// What a reader who asks for a mount can expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// The encode worker has not delivered parameter sets yet: there is nothing to describe.
    NotReady,
    /// Live pictures.
    Live,
    /// A slate.
    Slate,
    /// Nothing: the camera gives no picture, and the slate has been shown as long as configured.
    Ended,
}

impl Availability {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::NotReady, Self::Live, Self::Slate, Self::Ended];

    /// Its name in metrics and on the status page.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotReady => "starting",
            Self::Live => "live",
            Self::Slate => "slate",
            Self::Ended => "ended",
        }
    }
}

/// A path that readers ask for: one camera's pictures in one size.
///
/// Its parameter sets, source and RTP clock stay the same for as long as the gateway lives.
#[derive(Debug)]
pub struct Mount {
    camera: CameraId,
    kind: MountKind,
    path: String,
    ssrc: Ssrc,
    geometry: Geometry,
    rate: FrameRate,
    clock: RtpClock,
    parameter_sets: OnceLock<Arc<ParameterSets>>,
    signal: Arc<SharedSignal>,
    commands: Commands,
    metrics: MountMetrics,
    fan_out: Mutex<FanOut>,
}

impl Mount {
    /// The payload type of every mount.
    pub const PAYLOAD_TYPE: PayloadType = PayloadType::DYNAMIC;

    pub(crate) fn new(
        settings: &PublishSettings,
        kind: MountKind,
        seed: MountSeed,
        signal: Arc<SharedSignal>,
        commands: Commands,
        metrics: MountMetrics,
    ) -> Self {
        let period = Duration::from_nanos(settings.rate.period_nanos());
        Self {
            camera: settings.camera.clone(),
            kind,
            path: format!("{}/{}", settings.camera, kind.label()),
            ssrc: Ssrc::new(seed.ssrc),
            geometry: match kind {
                MountKind::Main => settings.geometry,
                MountKind::Sub => settings.sub_geometry,
            },
            rate: settings.rate,
            clock: RtpClock::new(RtpTimestamp::new(seed.timestamp)),
            parameter_sets: OnceLock::new(),
            signal,
            commands,
            metrics,
            fan_out: Mutex::new(FanOut::new(settings.reader_limits, period)),
        }
    }

    /// Whose pictures these are.
    #[must_use]
    pub const fn camera(&self) -> &CameraId {
        &self.camera
    }

    /// Which of the camera's mounts this is.
    #[must_use]
    pub const fn kind(&self) -> MountKind {
        self.kind
    }

    /// The path: camera and kind, as in `lobby/main`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The source of its packets.
    #[must_use]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The size of its pictures.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Its pictures a second.
    #[must_use]
    pub const fn rate(&self) -> FrameRate {
        self.rate
    }

    /// Its parameter sets; `None` until the encode worker has delivered them at its start.
    #[must_use]
    pub fn parameter_sets(&self) -> Option<Arc<ParameterSets>> {
        self.parameter_sets.get().cloned()
    }

    /// What a reader who asks now can expect.
    #[must_use]
    pub fn availability(&self) -> Availability {
        if self.parameter_sets.get().is_none() {
            return Availability::NotReady;
        }
        match self.signal.get() {
            Signal::Live => Availability::Live,
            Signal::Slate => Availability::Slate,
            Signal::Ended => Availability::Ended,
        }
    }

    /// The reading of the mount's RTP clock at `at`, for sender reports: by the same mapping that
    /// gives units their timestamps.
    #[must_use]
    pub fn rtp_time(&self, at: MonotonicTime) -> RtpTimestamp {
        self.clock.at(at)
    }

    /// How many readers there are.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.fan_out().reader_count()
    }

    /// Adds a reader, now. See [`subscribe_at`](Self::subscribe_at).
    #[must_use]
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        self.subscribe_at(MonotonicTime::now())
    }

    /// Adds a reader at `now`. It begins with a key unit: one forced for it or, when one was forced
    /// within the last 500 ms, that one and every unit since. A mount that is
    /// [`Ended`](Availability::Ended), or a gateway that is stopping, gives a subscription that
    /// ends at once.
    #[must_use]
    pub fn subscribe_at(self: &Arc<Self>, now: MonotonicTime) -> Subscription {
        self.add_reader(now, FanOut::add)
    }

    /// Adds a reader who is sent nothing of what others were sent before: it begins with the next key unit,
    /// which is forced for it as soon as that may be. Otherwise as [`subscribe`](Self::subscribe).
    #[must_use]
    pub fn subscribe_to_come(self: &Arc<Self>) -> Subscription {
        self.add_reader(MonotonicTime::now(), FanOut::add_to_come)
    }

    fn add_reader(
        self: &Arc<Self>,
        now: MonotonicTime,
        add: impl FnOnce(&mut FanOut, Arc<Reader>, MonotonicTime) -> bool,
    ) -> Subscription {
        let mut fan_out = self.fan_out();
        let lost = self.availability() == Availability::Ended;
        let in_vain = fan_out.closed.or(lost.then_some(SubscriptionEnd::SignalLost));
        let reader = Arc::new(in_vain.map_or_else(Reader::new, Reader::ended));
        if in_vain.is_none() {
            if fan_out.reader_count() == 0 && self.kind == MountKind::Sub {
                self.commands.push(Command::Start(self.kind));
            }
            if add(&mut fan_out, Arc::clone(&reader), now) {
                self.ask_key_frame();
            }
            self.metrics.readers(fan_out.reader_count());
        }
        drop(fan_out);
        tracing::debug!(camera = %self.camera, mount = self.kind.label(), "reader subscribed");
        Subscription::new(Arc::clone(self), reader)
    }

    pub(crate) fn unsubscribe(&self, reader: &Arc<Reader>) {
        let mut fan_out = self.fan_out();
        if fan_out.remove(reader) {
            self.readers_left(&mut fan_out);
        }
    }

    /// Fixes the parameter sets, once. False when others are already in place.
    pub(crate) fn fix_parameter_sets(&self, found: &ParameterSets) -> bool {
        let fixed = self.parameter_sets.get_or_init(|| Arc::new(found.clone()));
        **fixed == *found
    }

    /// Gives a unit to every reader.
    pub(crate) fn publish(&self, unit: &Arc<Unit>, now: MonotonicTime) {
        let mut fan_out = self.fan_out();
        let outcome = fan_out.publish(unit, now);
        self.metrics.reader_units_dropped(outcome.dropped);
        if outcome.ask_key {
            self.ask_key_frame();
        }
        if outcome.put_out > 0 {
            self.readers_left(&mut fan_out);
            tracing::warn!(
                camera = %self.camera,
                mount = self.kind.label(),
                readers = outcome.put_out,
                "readers put out: too slow"
            );
        }
    }

    /// The mount itself needs a key frame: the last unit cannot be built on.
    pub(crate) fn want_key_frame(&self, now: MonotonicTime) {
        if self.fan_out().keys.want(now) {
            self.ask_key_frame();
        }
    }

    /// Asks for a key frame that could not be asked for before, if its time has come.
    pub(crate) fn catch_up(&self, now: MonotonicTime) {
        if self.fan_out().keys.is_due(now) {
            self.ask_key_frame();
        }
    }

    /// Tells a new encode worker what this mount needs.
    pub(crate) fn worker_started(&self, now: MonotonicTime) {
        let mut fan_out = self.fan_out();
        fan_out.keys.restart();
        if self.kind == MountKind::Main || fan_out.reader_count() > 0 {
            self.commands.push(Command::Start(self.kind));
            fan_out.keys.want(now);
            self.ask_key_frame();
        }
    }

    /// What was sent so far is no beginning for new readers.
    pub(crate) fn forget_recent(&self) {
        self.fan_out().forget_recent();
    }

    /// Ends every subscription. `closed` says whether it is for good.
    pub(crate) fn end_all(&self, end: SubscriptionEnd, closed: bool) {
        let mut fan_out = self.fan_out();
        if closed {
            fan_out.closed = Some(end);
        }
        if fan_out.end_all(end) > 0 {
            self.readers_left(&mut fan_out);
        }
    }

    fn readers_left(&self, fan_out: &mut FanOut) {
        self.metrics.readers(fan_out.reader_count());
        if fan_out.reader_count() == 0 && self.kind == MountKind::Sub {
            fan_out.forget_recent();
            fan_out.keys.give_up();
            self.commands.push(Command::Stop(self.kind));
        }
    }

    fn ask_key_frame(&self) {
        self.metrics.key_frame_forced();
        self.commands.push(Command::KeyFrame(self.kind));
    }

    fn fan_out(&self) -> MutexGuard<'_, FanOut> {
        self.fan_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
