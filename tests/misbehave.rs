//! Code of an attacker's in the place of an ingest worker, beside a worker that is none: the core neither
//! panics nor blocks, and the honest camera's reader loses no picture.
//!
//! What an exploited worker can do is the jail's to say (`tests/escape.rs`). Here it has no jail, and
//! does with its ring and its process what it likes.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use cofferdam_picture_ring::Fault;
use cofferdam_system_tests::processes::Process;
use cofferdam_system_tests::watch::{self, HONEST, RATE, Watch};
use cofferdam_system_tests::{CameraConfig, Gateway, GatewayConfig, programs, until};
use rustix::process::Signal;
use tempfile::TempDir;

/// Each worker is watched for as long: longer than one may be silent while it starts.
const LONG: Duration = Duration::from_secs(14);
const DEADLINE: Duration = Duration::from_secs(60);
/// Nobody is there: workers that misbehave ask for no camera.
const NOWHERE: &str = "rtsp://127.0.0.1:9/x";

#[test]
fn whatever_is_written_into_a_ring() {
    let modes = ["status-noise", "counter-jumps", "scribble", "full-speed", "holes", "resize"];
    untouched(&modes, |scene| {
        // None is ended: there is nothing about it that the dialer minds.
        for mode in modes {
            assert!(scene.gateway.worker("cofferdam-ingest", mode).is_some(), "{mode} runs");
        }
    });
}

#[test]
fn silence_and_lies_about_life() {
    untouched(&["silence", "stops-itself", "spin", "future-beats"], |scene| {
        for mode in ["silence", "stops-itself", "spin"] {
            scene.told(mode, &[Fault::WorkerWedged]);
        }
        assert!(scene.gateway.worker("cofferdam-ingest", "future-beats").is_some());
    });
}

#[test]
fn every_kind_of_end() {
    untouched(&["exit-codes", "signals", "channel-noise"], |scene| {
        scene.told("exit-codes", Fault::ALL);
        scene.told("signals", &[Fault::WorkerKilled, Fault::JailViolation]);
        scene.told("channel-noise", &[Fault::WorkerSetup]);
    });
}

#[test]
fn bombs_of_memory_and_descriptors() {
    untouched(&["memory-bomb", "descriptor-bomb"], |scene| {
        scene.told("memory-bomb", &[Fault::WorkerKilled, Fault::WorkerCrashed]);
        scene.told("descriptor-bomb", &[Fault::WorkerWedged]);
    });
}

/// Started as root, workers have a user of their own, of whose processes there may be few. Otherwise the
/// bound leaves room for all that their user may run besides, and a bomb may be large enough to cost the
/// neighbour single pictures.
#[test]
fn a_bomb_of_processes() {
    let _cleared = Cleared;
    let mut most = 0;
    let most_lost = if rustix::process::geteuid().is_root() { 0 } else { RATE };
    let mut gateway = with_at_most(most_lost, &["fork-bomb"], |scene| {
        scene.told("fork-bomb", &[Fault::WorkerWedged]);
        // The next one is at it: the control of what is counted in the end.
        until(DEADLINE, "more than one process", || {
            most = of_camera("fork-bomb").len();
            (most > 8).then_some(())
        });
    });
    assert!(most < 2000, "{most} processes of the fork bomb");
    gateway.stop();
    // Each worker that is ended takes all that it started with it. By themselves they would end later.
    let gone = || of_camera("fork-bomb").is_empty().then_some(());
    until(Duration::from_secs(20), "the fork bomb to be gone", gone);
}

/// A machine with too much to do may cost a picture. A worker that costs one does so each time.
const TRIES: usize = 3;

/// Lets workers misbehave in those ways until `look` has seen enough. The honest camera's reader loses
/// nothing.
fn untouched(modes: &[&str], look: impl FnMut(&Scene)) -> Gateway {
    with_at_most(0, modes, look)
}

/// The same, but for so many pictures.
fn with_at_most(most_lost: u32, modes: &[&str], mut look: impl FnMut(&Scene)) -> Gateway {
    for _ in 0..TRIES {
        let (mut gateway, lost) = Scene::start(modes).observe(&mut look);
        if lost <= most_lost {
            return gateway;
        }
        // Killed, it would leave what its workers have started to the next try.
        gateway.stop();
    }
    panic!("the honest camera's reader lost pictures in each of {TRIES} tries");
}

/// Leaves no bomb to the next test, whatever became of this one.
struct Cleared;

impl Drop for Cleared {
    fn drop(&mut self) {
        for process in of_camera("fork-bomb") {
            process.signal(Signal::KILL);
        }
    }
}

fn of_camera(camera: &str) -> Vec<Process> {
    let camera = format!("--camera {camera}");
    let all = cofferdam_system_tests::processes::all();
    let workers = all.into_iter().filter(|process| process.program == "cofferdam-inges");
    workers.filter(|process| process.arguments.ends_with(&camera)).collect()
}

/// A gateway whose ingest worker is `misbehave`, and the honest camera with its reader.
struct Scene {
    gateway: Gateway,
    honest: cofferdam_simulator::Camera,
    watch: Watch,
    modes: Vec<String>,
    /// The core side's process, and its workers'.
    core: Vec<Process>,
    _programs: TempDir,
}

impl Scene {
    fn start(modes: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        // Started as root, the sides are somebody else.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let copy = |from: std::path::PathBuf, to: &str| {
            std::fs::copy(from, folder.path().join(to)).unwrap();
        };
        copy(programs::ours("cofferdam"), "cofferdam");
        copy(programs::ours("cofferdam-encode"), "cofferdam-encode");
        copy(programs::ours("cofferdam-ingest"), "cofferdam-ingest.real");
        copy(programs::example("misbehave"), "cofferdam-ingest");
        let (width, height) = watch::SIZE;
        let mut tables: Vec<_> =
            modes.iter().map(|mode| CameraConfig::new(mode, NOWHERE, (width, height, 5))).collect();
        let honest = watch::honest_camera();
        tables.push(watch::config(&honest));
        let config = GatewayConfig::open(tables);
        let gateway = Gateway::start_with(&config, &folder.path().join("cofferdam"), |_| ());
        let watch = Watch::start(&gateway);
        watch.wait_for(1);
        std::fs::write(folder.path().join("go"), "").unwrap();
        let core = core_of(&gateway);
        assert_eq!(core.len(), modes.len() + 2, "the core side and its workers: {core:?}");
        let modes = modes.iter().map(ToString::to_string).collect();
        Self { gateway, honest, watch, modes, core, _programs: folder }
    }

    /// Lets them misbehave until `look` has seen enough; gives the gateway, still running, and how many
    /// pictures the honest camera's reader has lost.
    fn observe(self, look: &mut impl FnMut(&Self)) -> (Gateway, u32) {
        let began = Instant::now();
        until(2 * LONG, "time", || {
            // A core that blocks would not answer.
            let asked = Instant::now();
            let _ = self.gateway.metrics();
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
            (began.elapsed() > LONG).then_some(())
        });
        look(&self);
        // The same processes as in the beginning: none has panicked, none was replaced.
        assert_eq!(core_of(&self.gateway), self.core, "{}", self.gateway.log());
        let metrics = self.gateway.metrics();
        for mode in self.modes.iter().map(String::as_str).chain([HONEST]) {
            let camera = format!("camera=\"{mode}\"");
            let published = metrics.value("cofferdam_mount_pictures_out_total", &[&camera]);
            // Of five a second.
            assert!(published.unwrap_or(0.0) > 30.0, "{mode}: {published:?} pictures published");
        }
        let (lost, gaps) = watch::lost(&self.gateway, &self.honest, self.watch);
        if lost > 0 {
            eprintln!("the honest camera's reader lost what is between these: {gaps:?}");
        }
        (self.gateway, lost)
    }

    /// Waits until the camera's worker has ended with one of `faults`.
    fn told(&self, mode: &str, faults: &[Fault]) {
        let camera = format!("camera=\"{mode}\"");
        until(DEADLINE, &format!("{mode}: {faults:?}"), || {
            let metrics = self.gateway.metrics();
            let told = |fault: &Fault| {
                let labels = [camera.as_str(), &format!("fault=\"{fault}\"")];
                metrics.value("cofferdam_camera_faults_total", &labels).is_some_and(|n| n > 0.0)
            };
            faults.iter().any(told).then_some(())
        });
    }
}

fn core_of(gateway: &Gateway) -> Vec<Process> {
    let core = gateway.side("core").expect("the core side runs");
    let mut all: Vec<_> = gateway.processes();
    all.retain(|process| process.pid == core.pid || process.program == "cofferdam-encod");
    all.sort_by_key(|process| process.pid);
    all
}
