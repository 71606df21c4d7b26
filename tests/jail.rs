//! The jail in the whole product: real workers, real cameras, real players.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cofferdam_simulator::{Camera, Codec};
use cofferdam_system_tests::container::{self, Container, image};
use cofferdam_system_tests::player::Shown;
use cofferdam_system_tests::processes::{self, Process};
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, eventually, programs, scene,
    until,
};
use rustix::process::Signal;

const DEADLINE: Duration = Duration::from_secs(30);
/// What is promised of a worker that was killed: pictures of the next one after so long.
const REPLACED: Duration = Duration::from_secs(2);
/// How often that is tried, on a machine that has nothing else to do.
const ATTEMPTS: usize = 3;
/// And on any other.
const MOST_ATTEMPTS: u32 = 9;
const CODECS: [(&str, Codec, &str); 3] = [
    ("gate", Codec::H264, "x264"),
    ("yard", Codec::H265, "openh264"),
    ("door", Codec::Mjpeg, "x264"),
];

/// A camera of each codec, between them with both encoders.
fn cameras() -> (Vec<Camera>, GatewayConfig) {
    let mut config = GatewayConfig::open(Vec::new());
    let start = |((name, codec, encoder), number): ((&str, Codec, &str), u8)| {
        let camera = Camera::start(scene::settings(name, number, codec)).unwrap();
        let table = scene::config(name, &camera).with(&format!("encoder.name = \"{encoder}\""));
        config.cameras.push(table);
        camera
    };
    (CODECS.into_iter().zip(1..).map(start).collect(), config)
}

/// The value of a line such as `Seccomp: 2` in a process's status.
fn status(process: &Process, key: &str) -> String {
    let status = process.proc_file("status");
    let line = status.lines().find_map(|line| line.strip_prefix(&format!("{key}:")));
    line.unwrap_or_else(|| panic!("no {key} of {process:?}:\n{status}")).trim().to_owned()
}

fn assert_locked_in(worker: &Process) {
    for (key, value) in [
        ("Seccomp", "2"),
        ("NoNewPrivs", "1"),
        ("CapEff", "0000000000000000"),
        ("CapPrm", "0000000000000000"),
        ("Threads", "1"),
    ] {
        assert_eq!(status(worker, key), value, "{key} of {worker:?}");
    }
    // The files in /proc of what is not dumpable belong to root, and to nobody else.
    let user = status(worker, "Uid");
    let owner = std::fs::metadata(format!("/proc/{}/status", worker.pid)).unwrap().uid();
    assert!(!user.starts_with("0\t") && owner == 0, "{worker:?} of {user} belongs to {owner}");
    let limits = worker.proc_file("limits");
    for (limit, most) in [
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max open files", "64"),
        ("Max processes", "0"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(limit)).unwrap_or_default();
        let words: Vec<_> =
            line.strip_prefix(limit).unwrap_or_default().split_whitespace().collect();
        assert_eq!(words.get(..2), Some([most, most].as_slice()), "{limit}: {limits}");
    }
    assert!(!limits.contains("Max address space         unlimited"), "{limits}");
}

fn workers(processes: &[Process]) -> Vec<&Process> {
    processes
        .iter()
        .filter(|p| p.arguments.contains("--camera "))
        .filter(|p| p.program != "cofferdam")
        .collect()
}

#[test]
fn workers_of_every_codec_and_encoder_stream_locked_in() {
    let (_cameras, config) = cameras();
    let gateway = Gateway::start(&config);
    for (name, _, _) in CODECS {
        let url = gateway.url(&format!("{name}/main"));
        let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
        assert_eq!(player.barcodes(5, DEADLINE).0.len(), 5, "{name}: {}", gateway.log());
    }
    let processes = gateway.processes();
    let workers = workers(&processes);
    assert_eq!(workers.len(), 2 * CODECS.len(), "{processes:?}");
    workers.iter().for_each(|worker| assert_locked_in(worker));
    // The control: the processes above them have no such limit.
    let core = gateway.side("core").unwrap();
    let camera = gateway.side("camera").unwrap();
    for side in [&core, &camera] {
        assert_eq!(status(side, "Seccomp"), "2");
        assert_eq!(status(side, "NoNewPrivs"), "1");
        assert_eq!(status(side, "CapEff"), "0000000000000000");
        assert_eq!(std::fs::metadata(format!("/proc/{}/status", side.pid)).unwrap().uid(), 0);
    }
    if rustix::process::geteuid().is_root() {
        let users = [status(&core, "Uid"), status(&camera, "Uid")];
        assert!(
            users[0] != users[1] && users.iter().all(|user| !user.starts_with('0')),
            "{users:?}"
        );
    }
    assert!(!core.proc_file("limits").contains("Max open files            64"));

    let metrics = gateway.metrics();
    for (name, _, _) in CODECS {
        let camera = format!("camera=\"{name}\"");
        for worker in ["worker=\"ingest\"", "worker=\"encode\""] {
            let labels = [&*camera, worker];
            for layer in ["system_calls", "landlock_files", "self_test"] {
                let layer = format!("layer=\"{layer}\"");
                let value = metrics.value("cofferdam_jail_layer", &[&camera, worker, &layer]);
                assert_eq!(value, Some(1.0), "{labels:?} {layer}");
            }
            // The promise is 50 ms (docs/benchmarks.md); here a loaded machine and a debug build count.
            let seconds = metrics.value("cofferdam_jail_lock_seconds", &labels).unwrap();
            assert!(seconds > 0.0 && seconds < 2.0, "{labels:?}: {seconds}");
        }
    }
    assert_eq!(metrics.value("cofferdam_jail_strict", &[]), Some(1.0));
    assert_eq!(gateway.log().matches("not locked in").count(), 0, "{}", gateway.log());
}

#[test]
fn a_worker_killed_for_a_violation_is_named_so_and_streams_again_within_two_seconds() {
    let camera = scene::camera("gate", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("gate", &camera)]));
    let url = gateway.url("gate/main");
    let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
    assert_eq!(player.barcodes(5, DEADLINE).0.len(), 5);
    // A busy machine may cost an attempt its two seconds; most have them. More are made only while
    // that is not so.
    let mut took: Vec<Duration> = Vec::new();
    let promised =
        |took: &[Duration]| took.iter().filter(|back| **back <= REPLACED).count() * 2 > took.len();
    for attempt in 1..=MOST_ATTEMPTS {
        while player.next(Duration::ZERO).is_some() {}
        let before = player.barcodes(1, DEADLINE).0[0].counter;
        let worker = gateway.worker("cofferdam-ingest", "gate").unwrap();
        assert!(worker.signal(Signal::SYS));
        let killed = Instant::now();
        let back = until(DEADLINE, "pictures of a new worker", || {
            let replaced = gateway.worker("cofferdam-ingest", "gate").is_some_and(|w| w != worker);
            let shown = player.next(Duration::from_millis(100))?;
            let code = player.barcode(&shown)?;
            // The first pictures after the kill were on their way before it.
            (replaced && code.counter > before + 4)
                .then(|| shown.at.saturating_duration_since(killed))
        });
        took.push(back);
        gateway.wait_for_metric(
            "cofferdam_camera_faults_total",
            &["camera=\"gate\"", "fault=\"jail_violation\""],
            |count| count >= f64::from(attempt),
        );
        if took.len() >= ATTEMPTS && promised(&took) {
            break;
        }
        // Two seconds of pictures make the next start immediate again.
        let proven = Instant::now() + Duration::from_secs(3);
        while Instant::now() < proven {
            player.next(Duration::from_millis(100));
        }
    }
    eprintln!("back with pictures of a new worker after {took:?}");
    assert!(promised(&took), "most within {REPLACED:?}: {took:?}");
    assert!(gateway.log().contains("jail_violation"), "{}", gateway.log());

    let worker = gateway.worker("cofferdam-encode", "gate").unwrap();
    assert!(worker.signal(Signal::SYS));
    gateway.wait_for_metric(
        "cofferdam_encode_worker_faults_total",
        &["camera=\"gate\"", "fault=\"jail_violation\""],
        |count| count >= 1.0,
    );
    eventually("another encode worker", || {
        gateway.worker("cofferdam-encode", "gate").is_some_and(|w| w != worker)
    });
}

/// How much of the band in which the opt-out is burnt is text on its black plate: 0 to 1.
fn plate(shown: &Shown) -> f64 {
    let (width, height) = scene::size();
    let band = &shown.luma[(height / 12 - 10) * width..(height / 12 + 10) * width];
    let count = |is: fn(u8) -> bool| band.iter().filter(|luma| is(**luma)).count();
    let (white, plain) = (count(|luma| luma > 190), count(|luma| !(50..=190).contains(&luma)));
    if white * 50 < band.len() { 0.0 } else { plain as f64 / band.len() as f64 }
}

#[test]
fn the_opt_out_is_loud_in_log_metric_check_and_picture() {
    let camera = scene::camera("gate", 1);
    let mut config = GatewayConfig::open(vec![scene::config("gate", &camera)]);
    let watch = |gateway: &Gateway| {
        let url = gateway.url("gate/main");
        let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
        gateway.wait_for_metric(
            "cofferdam_camera_state",
            &["camera=\"gate\"", "state=\"live\""],
            |value| value == 1.0,
        );
        let shown: Vec<Shown> = (0..20).filter_map(|_| player.next(DEADLINE)).collect();
        shown.last().map(plate).unwrap()
    };
    let check = |gateway: &Gateway| {
        let path = gateway.config_path();
        let output = Command::new(programs::ours("cofferdam"))
            .args(["check", "--config"])
            .arg(path)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    {
        let strict = Gateway::start(&config);
        assert!(watch(&strict) < 0.9, "nothing is burnt in while workers are locked in");
        assert!(check(&strict).contains("sandbox        strict"), "{}", check(&strict));
    }
    config.preamble = "[jail]\nsandbox = \"off\"".into();
    let off = Gateway::start(&config);
    assert!(watch(&off) > 0.9, "the opt-out is burnt into the picture");
    assert!(check(&off).contains("sandbox        OFF"), "{}", check(&off));
    assert_eq!(off.metrics().value("cofferdam_jail_strict", &[]), Some(0.0));
    assert!(off.log().contains("WARN `jail.sandbox = \"off\"`"), "{}", off.log());
    let worker = off.worker("cofferdam-encode", "gate").unwrap();
    assert!(!worker.proc_file("limits").contains("Max processes             0"));
}

/// The plugin files of GStreamer with these names, where they are on this host.
fn plugins(names: &[&str]) -> Vec<PathBuf> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let find = |name: &&str| {
        let files = folders.map(|folder| Path::new(folder).join("gstreamer-1.0").join(name));
        files.into_iter().find(|file| file.is_file()).unwrap_or_else(|| panic!("no {name}"))
    };
    names.iter().map(find).collect()
}

/// The real workers, in a container as production has it: no capability, no new privileges, no root,
/// nothing to write to, no network but its own loopback, under the engine's own list of system calls.
/// The cameras are in another container, on the same loopback.
#[test]
fn the_real_workers_stream_locked_in_in_an_unprivileged_container() {
    if !container::engine("the_real_workers_stream_locked_in_in_an_unprivileged_container") {
        return;
    }
    let ours = |names: &[&str]| names.iter().map(|name| programs::ours(name)).collect::<Vec<_>>();
    let gateway = image(
        "gateway",
        &ours(&["cofferdam", "cofferdam-ingest", "cofferdam-encode"]),
        &plugins(&["libgstx264.so", "libgstopenh264.so", "libgstlibav.so", "libgstjpeg.so"]),
    );
    let cameras = image(
        "cameras",
        &ours(&["cofferdam-simulator"]),
        &plugins(&["libgstx264.so", "libgstx265.so", "libgstjpeg.so"]),
    );
    let mut config = GatewayConfig::open(Vec::new());
    let mut simulated = vec!["/cofferdam/cofferdam-simulator", "--listen", "127.0.0.1:5540"];
    let specifications = CODECS.map(|(name, codec, _)| {
        let codec = format!("{codec:?}").to_lowercase();
        format!("{name}:{codec}:{}x{}@{}", scene::SIZE.0, scene::SIZE.1, scene::RATE)
    });
    for ((name, _, encoder), port) in CODECS.into_iter().zip(5540..) {
        let url = format!("rtsp://127.0.0.1:{port}/stream");
        let picture = (scene::SIZE.0, scene::SIZE.1, scene::RATE);
        let table = CameraConfig::new(name, &url, picture);
        config.cameras.push(table.with(&format!("encoder.name = \"{encoder}\"")));
    }
    for specification in &specifications {
        simulated.extend(["--camera", specification]);
    }
    let folder = tempfile::TempDir::with_prefix("cofferdam-container-").unwrap();
    let file = folder.path().join("cofferdam.toml");
    let address = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    std::fs::write(&file, config.text(address(8554), address(9090))).unwrap();
    // The image's encoders are vetted as an image build does it, and the list is part of the image.
    let writable = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), writable).unwrap();
    let to_vet = format!("{}:/vet", folder.path().display());
    let mut attest = vec!["run", "--rm", "--network=none", "--volume", &to_vet];
    attest.extend(container::UNPRIVILEGED);
    attest.extend([gateway.as_str(), "/cofferdam/cofferdam", "attest", "--write"]);
    attest.extend(["--list", "/vet/vetted.toml"]);
    let attested = container::docker(&attest);
    assert!(attested.status.success(), "{attested:?}");
    let vetted =
        format!("{}:/cofferdam/vetted.toml:ro", folder.path().join("vetted.toml").display());
    let mount = format!("{}:/etc/cofferdam.toml:ro", file.display());

    let mut options = container::UNPRIVILEGED.to_vec();
    options.extend(["--network=none", "--volume", &mount, "--volume", &vetted]);
    let run = ["/cofferdam/cofferdam", "run", "--config", "/etc/cofferdam.toml"];
    let gateway = Container::start(&options, &gateway, &run);
    let network = format!("--network=container:{}", gateway.id());
    let mut options = vec![network.as_str(), "--read-only", "--user=65534:65534"];
    options.extend(["--env", "GST_REGISTRY_DISABLE=yes"]);
    let cameras = Container::start(&options, &cameras, &simulated);

    for (name, _, _) in CODECS {
        until(Duration::from_secs(60), "pictures in the container", || {
            let log = gateway.log();
            let said = |what: &str| {
                log.lines().any(|l| l.contains(what) && l.contains(&format!("camera={name}")))
            };
            let locked_in = |worker: &str| {
                log.lines().any(|line| {
                    line.contains(" locked in")
                        && line.contains(&format!("camera={name} worker=\"{worker}\""))
                })
            };
            assert!(!log.contains("jail_refused") && !log.contains("not locked in"), "{log}");
            assert!(!cameras.log().contains("rror"), "{}", cameras.log());
            (locked_in("ingest") && locked_in("encode") && said("signal=\"live\"")).then_some(())
        });
    }
    let processes = processes::tree(gateway.pid());
    let workers = workers(&processes);
    assert_eq!(workers.len(), 2 * CODECS.len(), "{processes:?}");
    for worker in workers {
        assert_locked_in(worker);
        assert!(status(worker, "Uid").starts_with("65534"));
    }
}
