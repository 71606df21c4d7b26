//! Cameras that attack, beside one that does not: each attack ends at its limit, shows in the metrics as
//! `docs/hostile-cameras.md` tells, and costs the honest camera no picture.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cofferdam_hostile_camera::{
    Account, Expected, HostileCamera, Limit, Scenario, Threat, catalogue,
};
use cofferdam_picture_ring::Fault;
use cofferdam_simulator::Camera;
use cofferdam_system_tests::http::Metrics;
use cofferdam_system_tests::processes::Process;
use cofferdam_system_tests::watch::{self, SIZE, Watch};
use cofferdam_system_tests::{CameraConfig, Gateway, GatewayConfig, until};
use tempfile::TempDir;

/// Hostile cameras beside one honest camera.
const AT_ONCE: usize = 10;
/// For the slowest of attacks, which take ten seconds, on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// More than a worker ever maps of memory that it uses: what it may map, and its code.
const MOST_RESIDENT_KB: u64 = 700 * 1024;

/// One gateway at a time: the attacks are to be all that competes for the machine.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn answers() {
    contained(Threat::Answers);
}

#[test]
fn descriptions() {
    contained(Threat::Description);
}

#[test]
fn accounts() {
    contained(Threat::Account);
}

#[test]
fn second_hosts() {
    contained(Threat::SecondHost);
}

#[test]
fn pace() {
    contained(Threat::Pace);
}

#[test]
fn packets() {
    contained(Threat::Packets);
}

#[test]
fn decoders() {
    contained(Threat::Decoder);
}

#[test]
fn bombs() {
    contained(Threat::Bomb);
}

/// The control of the suite's own eyes: an honest camera in the place of a hostile one is no attack.
#[test]
fn an_honest_camera_is_not_taken_for_a_hostile_one() {
    let mut honest = catalogue().into_iter().find(|s| s.name == "noise-between-pictures").unwrap();
    honest.expected = Expected::Fault(&[Fault::TooMuchData]);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::start(&[honest]);
    scene
        .gateway
        .wait_for_metric(PICTURES, &[&camera_label(scene.hostile[0].0.name)], |n| n > 20.0);
    assert!(misfit(&scene.hostile[0].0, &scene.gateway.metrics()).is_some());
    let _ = scene.end();
}

const PICTURES: &str = "cofferdam_camera_pictures_in_total";

fn contained(threat: Threat) {
    let scenarios: Vec<Scenario> =
        catalogue().into_iter().filter(|scenario| scenario.threat == threat).collect();
    for some in scenarios.chunks(AT_ONCE) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let untouched = (0..TRIES).any(|_| {
            let scene = Scene::start(some);
            scene.judge();
            scene.end()
        });
        assert!(untouched, "the honest camera lost pictures in each of {TRIES} tries");
    }
}

/// A machine with too much to do may cost a picture when a dozen workers start. An attack that costs one
/// does so each time.
const TRIES: usize = 3;

/// A gateway, its hostile cameras, and the honest one among them with its reader.
struct Scene {
    gateway: Gateway,
    hostile: Vec<(Scenario, HostileCamera)>,
    honest: Camera,
    watch: Watch,
    encoders: Vec<Process>,
    began: Instant,
    _folder: TempDir,
}

impl Scene {
    fn start(scenarios: &[Scenario]) -> Self {
        let folder = TempDir::new().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "hunter2\n").unwrap();
        let began = Instant::now();
        let hostile: Vec<_> = scenarios
            .iter()
            .map(|scenario| (scenario.clone(), HostileCamera::start(scenario).unwrap()))
            .collect();
        let mut tables: Vec<CameraConfig> = hostile
            .iter()
            .map(|(scenario, camera)| {
                let table = CameraConfig::new(scenario.name, &camera.url(), (SIZE.0, SIZE.1, 5));
                match scenario.account {
                    Account::None => table,
                    Account::Guarded => table
                        .with("username = \"viewer\"")
                        .with(&format!("password_file = \"{}\"", password.display())),
                }
            })
            .collect();
        let honest = watch::honest_camera();
        tables.push(watch::config(&honest));
        let gateway = Gateway::start(&GatewayConfig::open(tables));
        let watch = Watch::start(&gateway);
        let encoders = until(DEADLINE, "an encoder for each camera", || {
            let encoders = encoders_of(&gateway);
            (encoders.len() == scenarios.len() + 1).then_some(encoders)
        });
        Self { gateway, hostile, honest, watch, encoders, began, _folder: folder }
    }

    /// Waits until every attack is told of.
    fn judge(&self) {
        let end = Instant::now() + DEADLINE;
        until(2 * DEADLINE, "every attack to be told of", || {
            self.check_memory();
            let metrics = self.gateway.metrics();
            let misfits: Vec<_> =
                self.hostile.iter().filter_map(|(s, _)| misfit(s, &metrics)).collect();
            assert!(misfits.is_empty() || Instant::now() < end, "{misfits:#?}");
            misfits.is_empty().then_some(())
        });
        // What is published keeps its form: nothing that a camera sends has an encoder begin anew.
        assert_eq!(encoders_of(&self.gateway), self.encoders, "{}", self.gateway.log());
        for (scenario, camera) in &self.hostile {
            let name = scenario.name;
            // A worker's connection may be closing while the next is made.
            assert!(camera.most_open() <= 2, "{name}: {} connections at once", camera.most_open());
            assert_eq!(camera.connections_elsewhere(), 0, "{name}");
            let seconds = usize::try_from(self.began.elapsed().as_secs()).unwrap();
            let connections = camera.connections();
            assert!(connections <= 6 + 2 * seconds, "{name}: {connections} in {seconds} s");
            if scenario.contained_by == Limit::NoBasic {
                assert!(!camera.heard().contains("Basic"), "{name}: {}", camera.heard());
            }
        }
    }

    fn check_memory(&self) {
        for process in self.gateway.processes() {
            let status = process.proc_file("status");
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let resident = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            assert!(resident.unwrap_or(0) < MOST_RESIDENT_KB, "{process:?}: {resident:?} kB");
        }
    }

    /// Whether the honest camera has lost nothing.
    fn end(self) -> bool {
        let (lost, gaps) = watch::lost(&self.gateway, &self.honest, self.watch);
        if lost > 0 {
            eprintln!("the honest camera's reader lost what is between these: {gaps:?}");
        }
        lost == 0
    }
}

fn encoders_of(gateway: &Gateway) -> Vec<Process> {
    let mut all = gateway.processes();
    all.retain(|process| process.program == "cofferdam-encod");
    all.sort_by_key(|process| process.pid);
    all
}

/// Why the metrics do not tell yet what they must of this attack.
fn misfit(scenario: &Scenario, metrics: &Metrics) -> Option<String> {
    let camera = camera_label(scenario.name);
    let count = |name: &str, more: &[&str]| {
        metrics.value(name, &[&[camera.as_str()], more].concat()).unwrap_or(0.0)
    };
    let faults: Vec<Fault> = Fault::ALL
        .iter()
        .copied()
        .filter(|fault| {
            count("cofferdam_camera_faults_total", &[&format!("fault=\"{fault}\"")]) > 0.0
        })
        .collect();
    let pictures = count(PICTURES, &[]);
    let plays = pictures >= 20.0 && faults.is_empty();
    let told = match scenario.expected {
        // And no other than those expected.
        Expected::Fault(expected) => {
            !faults.is_empty() && faults.iter().all(|fault| expected.contains(fault))
        }
        Expected::Filtered(kind) => {
            let label = format!("kind=\"{}\"", kind.label());
            plays && count("cofferdam_camera_filtered_units_total", &[&label]) >= 10.0
        }
        Expected::Lost => plays && count("cofferdam_camera_packets_lost_total", &[]) >= 100.0,
        Expected::Plays => plays,
    };
    (!told).then(|| {
        format!(
            "{}: expected {}, found {faults:?} and {pictures} pictures",
            scenario.name, scenario.expected
        )
    })
}

fn camera_label(name: &str) -> String {
    format!("camera=\"{name}\"")
}
