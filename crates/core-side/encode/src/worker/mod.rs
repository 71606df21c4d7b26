//! The worker's one loop: look at the ring, show what the pacer says, hear the server.

mod mount;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use cofferdam_encode_link::{
    CameraStatus, Command, EncodeSettings, JailStatus, MountKind, PacerStatus,
};
use cofferdam_jail::{Jail, JailError, Kind, Locked, Rehearsed};
use cofferdam_picture::{MonotonicTime, Picture};
use cofferdam_picture_ring::{Fault, JailLayer, Reader, RingSpec, SlotCount, SlotStamps};
use cofferdam_picture_scale::Scaler;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;

use self::mount::{Mount, Occasion};
use crate::attest;
use crate::boot::Exit;
use crate::encoder::{self, EncoderError};
use crate::output::{Output, OutputError};
use crate::pacer::{Pacer, PacerSettings, Queue, Step};
use crate::slate::{DEFAULT_CAUSE, UtcSecond, burn_unjailed, owned};

/// How often the server is told how the camera fares.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// So many units of the slate the server gets to keep. Two, because two IDR pictures in a row must
/// differ in their `idr_pic_id` (H.264 7.4.3): it can send them in turn for as long as it likes.
const STARTUP_UNITS: usize = 2;

/// What the worker may map once it is locked in, besides the ring and pictures of its own: an encoder
/// that breaks on a picture is replaced, and the new one is there before the old one is gone.
const MEMORY: u64 = 256 << 20;

/// Pictures of its own that the worker and its encoders hold at a time.
const OWN_PICTURES: usize = 16;

/// Why the worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The server closed a pipe: the good end.
    ServerGone,
    /// Something is broken.
    Fault(Exit),
    /// A layer of its jail cannot be had.
    Jail(JailLayer),
}

impl From<OutputError> for Stop {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Closed => Self::ServerGone,
            OutputError::Write(_) => Self::Fault(Exit::Pipe),
        }
    }
}

impl From<JailError> for Stop {
    fn from(error: JailError) -> Self {
        Self::Jail(error.layer)
    }
}

impl From<EncoderError> for Stop {
    fn from(error: EncoderError) -> Self {
        Self::Fault(error.into())
    }
}

/// The jail that `settings` ask for, with its children out to try it. Call first thing.
///
/// # Errors
/// When there is no such ring, or the jail cannot be tried.
pub fn rehearse(settings: &EncodeSettings, ring: &OwnedFd) -> Result<Option<Rehearsed>, Stop> {
    if settings.unjailed {
        return Ok(None);
    }
    let spec = ring_spec(settings)?;
    let pictures = OWN_PICTURES * spec.geometry.picture_len();
    let memory = MEMORY + u64::try_from(spec.total_len() + pictures).unwrap_or(u64::MAX);
    let jail = Jail::new(Kind::Encode).memory(memory).keep(ring.as_raw_fd());
    Ok(Some(jail.rehearse()?))
}

fn ring_spec(settings: &EncodeSettings) -> Result<RingSpec, Stop> {
    let slots = SlotCount::try_from(settings.slots).map_err(|_| Stop::Fault(Exit::Ring))?;
    Ok(RingSpec { geometry: settings.geometry, slots })
}

/// A worker whose encoder is vetted and whose start-up records are written, before it has seen the
/// ring.
#[derive(Debug)]
pub struct Prepared {
    settings: EncodeSettings,
    main: Mount,
    sub: Mount,
    output: Output,
    commands: OwnedFd,
    jail: JailStatus,
}

/// A worker that is ready to run.
#[derive(Debug)]
pub struct Worker {
    main: Mount,
    sub: Mount,
    output: Output,
    commands: OwnedFd,
    jail: JailStatus,
    reader: Reader,
    pacer: Pacer,
    scaler: Scaler,
    unjailed: bool,
    /// The last picture taken from the ring, and the same scaled.
    picture: Arc<Picture>,
    scaled: Arc<Picture>,
    scaled_is_current: bool,
    stamps: Option<SlotStamps>,
    next_status: MonotonicTime,
    /// Half a group of pictures.
    half_group: u32,
    /// Pictures until key frames are moved off the camera's.
    stagger_in: Option<u32>,
}

impl Prepared {
    /// Loads the encoder, starts one for each mount, and waits until the server has vetted it. Then
    /// writes the slate of each mount as start-up records: parameter sets and something to show,
    /// before any picture was seen.
    ///
    /// # Errors
    /// When there is no such encoder, it fails, or the server is gone.
    pub fn new(
        settings: EncodeSettings,
        records: OwnedFd,
        commands: OwnedFd,
    ) -> Result<Self, Stop> {
        let name = settings.encoder.name;
        let plugin = encoder::load(name).map_err(|e| Stop::Fault(e.into()))?;
        let flags = rustix::fs::fcntl_getfl(&commands);
        flags
            .and_then(|flags| rustix::fs::fcntl_setfl(&commands, flags | OFlags::NONBLOCK))
            .map_err(|_| Stop::Fault(Exit::Pipe))?;
        let mut prepared = Self {
            main: Mount::new(&settings, MountKind::Main)?,
            sub: Mount::new(&settings, MountKind::Sub)?,
            output: Output::new(records)?,
            commands,
            settings,
            jail: JailStatus::default(),
        };
        let attestation = attest::attestation(name, &plugin)?;
        // Encoded first, so that all code the encoder ever loads is there to be looked at.
        let mut startup = Vec::new();
        for mount in [&mut prepared.main, &mut prepared.sub] {
            let slate = mount.slate.picture(DEFAULT_CAUSE, UtcSecond::now());
            for _ in 0..STARTUP_UNITS {
                mount.ask_key();
                let tick = MonotonicTime::now();
                startup
                    .extend(mount.encode(&slate, Occasion { tick, stamps: None, startup: true })?);
            }
            // What the server keeps is no reference for what follows.
            mount.ask_key();
        }
        prepared.output.push(&attestation.to_record(), &[])?;
        attest::wait_until_vetted(&prepared.commands)?;
        for (header, unit) in &startup {
            prepared.output.push(header, unit.as_ref())?;
        }
        Ok(prepared)
    }

    /// Locks the process in, when its settings did not opt out: everything that opens files or loads
    /// code has been done, and nothing the camera side wrote has been seen. Call from the process's
    /// only thread.
    ///
    /// # Errors
    /// When a layer of the jail cannot be had.
    pub fn lock_in(mut self, jail: Option<Rehearsed>) -> Result<Self, Stop> {
        if let Some(jail) = jail {
            let Locked { posture, took } = jail.lock()?;
            let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.jail = JailStatus { posture, nanos };
        }
        Ok(self)
    }

    /// Maps the ring.
    ///
    /// # Errors
    /// When it is not what the settings say.
    pub fn open_ring(self, ring: &OwnedFd) -> Result<Worker, Stop> {
        let spec = ring_spec(&self.settings)?;
        let Self { settings, main, sub, output, commands, jail } = self;
        let refused = Stop::Fault(Exit::Ring);
        let reader = Reader::map(ring.as_fd(), spec).map_err(|_| refused)?;
        let now = MonotonicTime::now();
        let pacing = PacerSettings {
            rate: settings.rate,
            stale_after: Duration::from_millis(settings.stale_after_ms),
            max_jitter: Duration::from_millis(settings.max_jitter_ms),
        };
        Ok(Worker {
            main,
            sub,
            output,
            commands,
            jail,
            reader,
            pacer: Pacer::new(pacing, now),
            scaler: Scaler::new(settings.geometry.into(), settings.sub),
            unjailed: settings.unjailed,
            picture: Arc::new(Picture::black(settings.geometry)),
            scaled: Arc::new(Picture::black(settings.sub)),
            scaled_is_current: false,
            stamps: None,
            next_status: now,
            half_group: encoder::key_interval(&settings.encoder, settings.rate) / 2,
            stagger_in: None,
        })
    }
}

impl Worker {
    /// Runs until the server is gone or something breaks.
    pub fn run(mut self) -> Stop {
        loop {
            if let Err(stop) = self.turn() {
                return stop;
            }
        }
    }

    /// One turn: a tick, a skipped picture, or a wait.
    fn turn(&mut self) -> Result<(), Stop> {
        let now = MonotonicTime::now();
        self.output.flush()?;
        if now >= self.next_status {
            self.report(now)?;
        }
        let (waiting, lapped) = self.reader.look();
        self.pacer.lapped(now, lapped);
        let head = self.reader.peek(now).map(|stamps| stamps.complete);
        match self.pacer.step(now, Queue { waiting, head }) {
            Step::Wait(until) => self.wait(now, until.min(self.next_status)),
            Step::Skip => {
                self.reader.skip();
                Ok(())
            }
            Step::Show { tick, fresh } => {
                self.take_picture(now);
                if fresh {
                    self.ask_keys();
                    self.main.slate.forget();
                    self.sub.slate.forget();
                    self.stagger_in = Some(self.half_group);
                } else {
                    self.stagger();
                }
                self.hear()?;
                self.show_picture(tick)
            }
            Step::Repeat(tick) => {
                self.hear()?;
                self.show_picture(tick)
            }
            Step::Slate(tick) => {
                self.hear()?;
                self.show_slate(tick)
            }
        }
    }

    /// A camera's first picture is its key frame, and here it is one as well. Where both sides have one
    /// every two seconds, as most do, the costliest picture to decode would stay the costliest to
    /// encode: one key frame half a group later parts them.
    fn stagger(&mut self) {
        self.stagger_in = match self.stagger_in {
            Some(0) => {
                self.ask_keys();
                None
            }
            left => left.map(|pictures| pictures - 1),
        };
    }

    const fn ask_keys(&mut self) {
        self.main.ask_key();
        self.sub.ask_key();
    }

    fn take_picture(&mut self, now: MonotonicTime) {
        let geometry = self.reader.spec().geometry;
        let picture = owned(&mut self.picture, geometry);
        // A picture that is gone since it was looked at leaves the one before: a repeat.
        if let Some(stamps) = self.reader.next_into(picture, now) {
            self.stamps = Some(stamps);
            self.scaled_is_current = false;
            if self.unjailed {
                burn_unjailed(picture);
            }
        }
    }

    fn show_picture(&mut self, tick: MonotonicTime) -> Result<(), Stop> {
        let occasion = Occasion { tick, stamps: self.stamps, startup: false };
        self.main.show(&self.picture, occasion, &mut self.output)?;
        if !self.sub.is_wanted() {
            return Ok(());
        }
        if !self.scaled_is_current {
            let scaled = owned(&mut self.scaled, self.scaler.target());
            self.scaler
                .scale_picture(self.picture.as_ref().as_ref(), scaled.as_mut())
                .map_err(|_| Stop::Fault(Exit::Scale))?;
            self.scaled_is_current = true;
        }
        self.sub.show(&self.scaled, occasion, &mut self.output)
    }

    fn show_slate(&mut self, tick: MonotonicTime) -> Result<(), Stop> {
        let cause = match self.reader.status().fault {
            Fault::None => DEFAULT_CAUSE,
            fault => fault.slate_text(),
        };
        let at = UtcSecond::now();
        let occasion = Occasion { tick, stamps: None, startup: false };
        for mount in [&mut self.main, &mut self.sub] {
            if mount.is_wanted() {
                let picture = mount.slate.picture(cause, at);
                mount.show(&picture, occasion, &mut self.output)?;
            }
        }
        Ok(())
    }

    fn report(&mut self, now: MonotonicTime) -> Result<(), Stop> {
        self.next_status = now + STATUS_EVERY;
        if !self.output.has_room() {
            return Ok(());
        }
        let counts = self.pacer.counts();
        let offset = self.pacer.offset().as_nanos();
        let status = CameraStatus {
            ingest: self.reader.status(),
            pacer: PacerStatus {
                shown: counts.shown,
                repeated: counts.repeated,
                skipped: counts.skipped,
                dropped: self.main.dropped() + self.sub.dropped(),
                offset_nanos: u64::try_from(offset).unwrap_or(u64::MAX),
            },
            jail: self.jail,
        };
        Ok(self.output.push(&status.to_record(), &[])?)
    }

    /// Sleeps until `until`, or until the server has something to say or takes what is pending.
    fn wait(&mut self, now: MonotonicTime, until: MonotonicTime) -> Result<(), Stop> {
        let timeout = Timespec::try_from(until.since(now)).unwrap_or_default();
        let pending = match self.output.is_drained() {
            true => PollFlags::empty(),
            false => PollFlags::OUT,
        };
        let mut fds = [
            PollFd::new(&self.commands, PollFlags::IN),
            // Even when nothing is asked of it, a closed reading end is told.
            PollFd::new(&self.output, pending),
        ];
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Err(Stop::Fault(Exit::Pipe)),
        }
        let [commands, records] = fds.map(|fd| fd.revents());
        if records.contains(PollFlags::ERR) {
            return Err(Stop::ServerGone);
        }
        if commands.is_empty() { Ok(()) } else { self.hear() }
    }

    /// Does what the server asks for, without waiting for it to ask.
    fn hear(&mut self) -> Result<(), Stop> {
        let mut bytes = [0; 64];
        let read = match rustix::io::read(&self.commands, &mut bytes) {
            Ok(0) => return Err(Stop::ServerGone),
            Ok(read) => read,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(_) => return Err(Stop::Fault(Exit::Pipe)),
        };
        for byte in &bytes[..read] {
            match Command::from_byte(*byte).map_err(|_| Stop::Fault(Exit::Command))? {
                Command::Vetted => return Err(Stop::Fault(Exit::Command)),
                Command::KeyFrame(kind) => self.mount(kind).ask_key(),
                Command::Start(kind) => self.mount(kind).set_wanted(true),
                Command::Stop(kind) => self.mount(kind).set_wanted(false),
            }
        }
        Ok(())
    }

    const fn mount(&mut self, kind: MountKind) -> &mut Mount {
        match kind {
            MountKind::Main => &mut self.main,
            MountKind::Sub => &mut self.sub,
        }
    }
}
