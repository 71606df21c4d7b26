//! The whole worker over real pipes and a real ring, in a thread of the test.
#![allow(missing_docs, clippy::unwrap_used)]

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use cofferdam_encode::boot::Exit;
use cofferdam_encode::worker::{Prepared, Stop};
use cofferdam_encode_link::{
    AccessUnitHeader, CameraStatus, Command, EncodeSettings, EncoderName, EncoderSettings,
    MountKind, Preset, Profile, Record, RecordReader,
};
use cofferdam_picture::{FrameRate, Geometry, MonotonicTime};
use cofferdam_picture_ring::{Fault, IngestState, RingMemory, RingSpec, SlotCount, Writer};
use rustix::event::{PollFd, PollFlags, Timespec};

const DEADLINE: Duration = Duration::from_secs(20);
const PERIOD: Duration = Duration::from_millis(40);
/// Slates come five times a second, whatever the rate.
const SLATE_PERIOD: Duration = Duration::from_millis(200);

fn settings() -> EncodeSettings {
    EncodeSettings {
        camera: "lobby".parse().unwrap(),
        geometry: Geometry::new(320, 240).unwrap(),
        slots: 4,
        rate: FrameRate::new(25).unwrap(),
        encoder: EncoderSettings {
            name: EncoderName::X264,
            preset: Preset::Ultrafast,
            profile: Profile::Main,
            quality: 25,
            max_kbps: 2000,
            gop_seconds: 2,
        },
        sub: Geometry::new(160, 120).unwrap(),
        stale_after_ms: 300,
        max_jitter_ms: 20,
        unjailed: false,
    }
}

/// The server's side of a worker.
struct Server {
    records: OwnedFd,
    commands: Option<OwnedFd>,
    reader: RecordReader,
    worker: JoinHandle<Stop>,
    memory: RingMemory,
}

impl Server {
    fn start(settings: EncodeSettings) -> Self {
        let spec = RingSpec {
            geometry: settings.geometry,
            slots: SlotCount::try_from(settings.slots).unwrap(),
        };
        let memory = RingMemory::create(spec).unwrap();
        let ring = memory.reopen_read_only().unwrap();
        let (records, record_writer) = rustix::pipe::pipe().unwrap();
        let (command_reader, commands) = rustix::pipe::pipe().unwrap();
        // Said before it is asked for, so that the worker need not wait.
        rustix::io::write(&commands, &[Command::Vetted.to_byte()]).unwrap();
        let worker = std::thread::spawn(move || {
            match Prepared::new(settings, record_writer, command_reader)
                .and_then(|prepared| prepared.open_ring(&ring))
            {
                Ok(worker) => worker.run(),
                Err(stop) => stop,
            }
        });
        Self { records, commands: Some(commands), reader: RecordReader::new(), worker, memory }
    }

    fn say(&self, command: Command) {
        rustix::io::write(self.commands.as_ref().unwrap(), &[command.to_byte()]).unwrap();
    }

    fn next(&mut self) -> Record {
        let begun = MonotonicTime::now();
        loop {
            if let Some(record) = self.reader.next_record().unwrap() {
                return record;
            }
            assert!(MonotonicTime::now().since(begun) < DEADLINE, "no record in time");
            let mut fds = [PollFd::new(&self.records, PollFlags::IN)];
            rustix::event::poll(&mut fds, Some(&Timespec::try_from(DEADLINE).unwrap())).unwrap();
            let mut bytes = [0; 65536];
            let read = rustix::io::read(&self.records, &mut bytes).unwrap();
            assert!(read > 0, "the worker ended");
            self.reader.push(&bytes[..read]);
        }
    }

    fn next_unit(&mut self) -> (AccessUnitHeader, Vec<u8>) {
        loop {
            if let Record::AccessUnit(header, bytes) = self.next() {
                return (header, bytes);
            }
        }
    }

    fn next_status(&mut self) -> CameraStatus {
        loop {
            if let Record::Status(status) = self.next() {
                return *status;
            }
        }
    }

    fn unit_where(
        &mut self,
        want: impl Fn(&AccessUnitHeader) -> bool,
    ) -> (AccessUnitHeader, Vec<u8>) {
        let begun = MonotonicTime::now();
        loop {
            let unit = self.next_unit();
            if want(&unit.0) {
                return unit;
            }
            assert!(MonotonicTime::now().since(begun) < DEADLINE, "no such unit in time");
        }
    }

    fn camera(&self) -> Camera {
        let fd = self.memory.writer_fd().try_clone_to_owned().unwrap();
        Camera::start(Writer::map(fd.as_fd(), self.memory.spec()).unwrap())
    }

    fn end(mut self) -> Stop {
        self.commands = None;
        self.worker.join().unwrap()
    }
}

/// A thread that writes a picture every period until it is dropped.
struct Camera {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    fn start(mut writer: Writer) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut due = MonotonicTime::now();
            let mut value = 0u8;
            writer.set_state(IngestState::Streaming, Fault::None);
            loop {
                due = due + PERIOD;
                if stopped
                    .recv_timeout(due.since(MonotonicTime::now()))
                    .is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Disconnected)
                {
                    writer.set_state(IngestState::BackingOff, Fault::AuthenticationFailed);
                    return;
                }
                value = value.wrapping_add(3);
                writer.write(MonotonicTime::now(), |picture| {
                    picture.y.fill(value);
                    picture.u.fill(100);
                    picture.v.fill(150);
                });
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop = None;
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn begins_with_two_slates_of_each_mount_then_shows_the_slate_live() {
    let mut server = Server::start(settings());
    for kind in MountKind::ALL {
        for _ in 0..2 {
            let (header, bytes) = server.next_unit();
            assert!(header.startup && header.key && !header.live);
            assert_eq!((header.mount, header.complete), (kind, None));
            assert!(bytes.starts_with(&[0, 0, 0, 1, 0x67]), "begins with its parameter sets");
        }
    }
    let (first, _) = server.next_unit();
    assert!(first.key && !first.startup && !first.live && first.mount == MountKind::Main);
    let mut last = first.tick;
    for _ in 0..10 {
        let (header, _) = server.next_unit();
        assert_eq!(header.mount, MountKind::Main, "nobody wants the sub mount");
        assert!(!header.key && !header.live);
        assert_eq!(header.tick.since(last), SLATE_PERIOD);
        last = header.tick;
    }
    assert_eq!(server.end(), Stop::ServerGone);
}

#[test]
fn shows_pictures_on_their_grid_and_the_slate_when_they_end() {
    let mut server = Server::start(settings());
    let camera = server.camera();
    let (first, _) = server.unit_where(|header| header.live);
    assert!(first.key, "what follows a slate needs nothing of it");
    let mut last = first;
    let mut gaps = Vec::new();
    for _ in 0..50 {
        let (header, _) = server.next_unit();
        assert!(header.live && header.mount == MountKind::Main);
        assert!(header.arrived <= header.complete && header.complete.is_some());
        gaps.push(header.tick.since(last.tick));
        last = header;
    }
    // A machine under load may lose its place now and then; the grid may not.
    let smooth =
        gaps.iter().filter(|gap| gap.abs_diff(PERIOD) <= Duration::from_micros(500)).count();
    assert!(smooth >= 45, "{gaps:?}");
    let status = loop {
        let status = server.next_status();
        if status.pacer.shown >= 40 {
            break status;
        }
    };
    assert_eq!(status.ingest.state, IngestState::Streaming);
    assert!(status.pacer.repeated + status.pacer.skipped < 20, "{:?}", status.pacer);
    drop(camera);
    let (slate, _) = server.unit_where(|header| !header.live);
    assert!(slate.complete.is_none() && slate.tick > last.tick);
    let status = loop {
        let status = server.next_status();
        if status.ingest.fault == Fault::AuthenticationFailed {
            break status;
        }
    };
    assert_eq!(status.ingest.state, IngestState::BackingOff);
    assert_eq!(server.end(), Stop::ServerGone);
}

#[test]
fn its_key_frames_fall_between_those_of_a_camera_of_the_same_rhythm() {
    let mut server = Server::start(settings());
    let _camera = server.camera();
    let (first, _) = server.unit_where(|unit| unit.live);
    assert!(first.key, "after a slate");
    let mut keys = Vec::new();
    for picture in 1..=100 {
        let (unit, _) = server.unit_where(|unit| unit.mount == MountKind::Main);
        assert!(unit.live);
        if unit.key {
            keys.push(picture);
        }
    }
    // The camera's, two seconds apart as well, come with the pictures 50 and 100.
    assert_eq!(keys, [26, 76]);
    server.end();
}

#[test]
fn serves_the_sub_mount_on_demand_and_key_frames_when_asked() {
    let mut server = Server::start(settings());
    let _camera = server.camera();
    server.unit_where(|header| header.live);
    server.say(Command::Start(MountKind::Sub));
    let (sub, _) = server.unit_where(|header| header.mount == MountKind::Sub && !header.startup);
    assert!(sub.key && sub.live);
    let (main, _) = server.unit_where(|header| header.mount == MountKind::Main);
    let (sub, _) = server.unit_where(|header| header.mount == MountKind::Sub);
    assert_eq!((sub.tick, sub.complete), (main.tick, main.complete));
    assert!(!sub.key);
    for kind in MountKind::ALL {
        // The next unit of the mount that was not under way already.
        server.say(Command::KeyFrame(kind));
        let asked = MonotonicTime::now();
        let late = Duration::from_millis(500);
        let (key, _) = server.unit_where(|header| header.mount == kind && header.key);
        assert!(key.tick.since(asked) < late, "a key frame, and not that of the next GOP");
    }
    server.say(Command::Stop(MountKind::Sub));
    let stopped = MonotonicTime::now();
    let after = |header: &AccessUnitHeader| header.tick > stopped + 3 * PERIOD;
    for _ in 0..10 {
        assert_eq!(server.unit_where(after).0.mount, MountKind::Main);
    }
    assert_eq!(server.end(), Stop::ServerGone);
}

#[test]
fn drops_to_a_key_frame_when_the_pipe_is_full_and_never_waits() {
    let mut settings = settings();
    // Units large enough to fill pipe and buffer within a second or so.
    settings.geometry = Geometry::new(1280, 720).unwrap();
    settings.rate = FrameRate::new(60).unwrap();
    settings.encoder.quality = 10;
    settings.encoder.max_kbps = 100_000;
    let mut server = Server::start(settings);
    let mut writer = Writer::map(server.memory.writer_fd(), server.memory.spec()).unwrap();
    // The worker is waited for by its start-up records alone; nothing is read after them.
    for _ in 0..4 {
        assert!(server.next_unit().0.startup);
    }
    let (_stop, stopped) = channel::<()>();
    let mut state = 1u64;
    for _ in 0..150 {
        writer.write(MonotonicTime::now(), |picture| {
            for byte in picture.y.iter_mut().step_by(3) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 56).to_le_bytes()[0];
            }
        });
        let _ = stopped.recv_timeout(Duration::from_millis(10));
    }
    let mut units = Vec::new();
    loop {
        match server.next() {
            Record::AccessUnit(header, _) => units.push(header),
            Record::Status(status) if status.pacer.dropped > 0 => break,
            Record::Status(_) | Record::Attestation(_) => {}
        }
    }
    units.extend((0..5).map(|_| server.next_unit().0));
    let gap = |pair: &[AccessUnitHeader]| pair[1].tick.since(pair[0].tick);
    let widest = units.windows(2).max_by_key(|pair| gap(pair)).unwrap();
    assert!(gap(widest) > Duration::from_millis(200), "nothing was dropped in between");
    assert!(widest[1].key, "goes on with a key frame");
    assert_eq!(server.end(), Stop::ServerGone);
}

#[test]
fn ends_when_records_are_no_longer_read() {
    let Server { records, commands, worker, memory, .. } = Server::start(settings());
    drop(records);
    assert_eq!(worker.join().unwrap(), Stop::ServerGone);
    drop((commands, memory));
}

#[test]
fn refuses_a_ring_of_another_geometry_and_unknown_commands() {
    let (_records, record_writer) = rustix::pipe::pipe().unwrap();
    let (command_reader, commands) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&commands, &[Command::Vetted.to_byte()]).unwrap();
    let spec = RingSpec { geometry: Geometry::new(64, 64).unwrap(), slots: SlotCount::default() };
    let ring = RingMemory::create(spec).unwrap().reopen_read_only().unwrap();
    let prepared = Prepared::new(settings(), record_writer, command_reader).unwrap();
    assert_eq!(prepared.open_ring(&ring).unwrap_err(), Stop::Fault(Exit::Ring));

    let server = Server::start(settings());
    rustix::io::write(server.commands.as_ref().unwrap(), &[0xff]).unwrap();
    let Server { worker, .. } = server;
    assert_eq!(worker.join().unwrap(), Stop::Fault(Exit::Command));
}
