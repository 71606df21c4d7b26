//! Whatever a camera or an operator gets wrong: one line that says so, a state and a metric to
//! match, and nothing else breaks.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use cofferdam_simulator::{Advertised, Authentication, Camera, Codec, Credentials, Script, Step};
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, programs, scene, until,
};
use tempfile::TempDir;

/// A camera that is never seen needs few pictures.
const SLATE_RATE: u32 = 5;

fn table(id: &str, url: &str) -> CameraConfig {
    CameraConfig::new(id, url, (scene::SIZE.0, scene::SIZE.1, SLATE_RATE))
}

fn refusing(status: u16) -> Script {
    Script::Refuse { at: Step::Describe, status }
}

#[test]
fn every_bad_camera_has_its_own_fault_and_its_neighbour_plays_on() {
    // What is wrong with a camera, and the codes that may be made of it. Two, where a camera that
    // hangs up may be caught by either end of the same story.
    let scripted = [
        ("silent", Script::Silence, &["response_timeout"][..]),
        ("slow", Script::AnswerAfter(Duration::from_secs(60)), &["response_timeout"]),
        ("vp8", Script::Advertise(Advertised::Vp8), &["unsupported_codec"]),
        ("mpeg4", Script::Advertise(Advertised::Mpeg4Visual), &["unsupported_codec"]),
        ("audio", Script::Advertise(Advertised::AudioOnly), &["no_video"]),
        ("unauthorized", Script::NeverAuthorize, &["authentication_failed"]),
        ("forbidden", refusing(403), &["forbidden"]),
        ("missing", refusing(404), &["not_found"]),
        ("full", refusing(453), &["camera_busy"]),
        ("unavailable", refusing(503), &["camera_busy"]),
        ("teapot", refusing(418), &["rtsp_status"]),
        ("no-setup", Script::Refuse { at: Step::Setup, status: 461 }, &["rtsp_status"]),
        ("no-play", Script::Refuse { at: Step::Play, status: 455 }, &["rtsp_status"]),
        ("garbage", Script::Garbage, &["protocol_violation"]),
        // The camera's client library (retina 0.4.21) spins on a connection that ends within a line;
        // the watchdog ends that.
        (
            "half-line",
            Script::HalfStatusLine,
            &["protocol_violation", "connection_lost", "worker_wedged"],
        ),
        ("endless", Script::EndlessBody, &["protocol_violation"]),
    ];
    let cameras: Vec<Camera> =
        scripted.iter().map(|(name, script, _)| scene::scripted(name, *script)).collect();
    let mut expected: Vec<(&str, &[&str])> =
        scripted.iter().map(|(name, _, faults)| (*name, *faults)).collect();
    let mut tables: Vec<CameraConfig> = scripted
        .iter()
        .zip(&cameras)
        .map(|((name, ..), camera)| table(name, &camera.url()))
        .collect();

    // Nobody listens there, nobody is called that.
    tables.push(table("refused", "rtsp://127.0.0.1:9/x"));
    expected.push(("refused", &["connection_refused"]));
    tables.push(table("nameless", "rtsp://no-such-host.invalid/x"));
    expected.push(("nameless", &["name_not_resolved"]));

    let folder = TempDir::new().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "wrong\n").unwrap();
    let account = |table: CameraConfig| {
        table
            .with("username = \"viewer\"")
            .with(&format!("password_file = \"{}\"", password.display()))
    };
    let credentials = || Credentials { user: "viewer".into(), password: "right".to_owned().into() };
    let mut locked = scene::settings("locked", 0, Codec::H264);
    locked.authentication = Authentication::Digest { credentials: credentials(), qop: false };
    let locked = Camera::start(locked).unwrap();
    tables.push(account(table("locked", &locked.url())));
    expected.push(("locked", &["authentication_failed"]));
    let mut basic = scene::settings("basic", 0, Codec::H264);
    basic.authentication = Authentication::Basic(credentials());
    let basic = Camera::start(basic).unwrap();
    tables.push(account(table("basic", &basic.url())));
    expected.push(("basic", &["basic_not_allowed"]));

    let healthy = scene::camera("healthy", 1);
    tables.push(scene::config("healthy", &healthy));
    let gateway = Gateway::start(&GatewayConfig::open(tables));

    let url = gateway.url("healthy/main");
    let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
    for (name, faults) in &expected {
        let camera = format!("camera=\"{name}\"");
        until(Duration::from_secs(40), &format!("{name}: {faults:?}"), || {
            let metrics = gateway.metrics();
            faults.iter().find(|fault| {
                let labels = [camera.as_str(), &format!("fault=\"{fault}\"")];
                metrics.value("cofferdam_camera_faults_total", &labels).is_some_and(|n| n >= 1.0)
            })?;
            Some(())
        });
        let line = gateway.log().lines().filter(|l| l.contains(&format!("camera={name} "))).count();
        assert!(line >= 1, "the log names {name}");
    }
    let (codes, blank) = player.barcodes(60, Duration::from_secs(30));
    assert_eq!(judge(&codes, blank, 1, 60), Verdict::Live, "the neighbour plays on");
    // Nothing a camera wrote is in the log: not its garbage, not its reason phrases.
    let log = gateway.log().to_lowercase();
    for word in ["elf", "i'm a", "simulated camera", "www-authenticate", "rtsp/1.0"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
    // The same fault again is not news.
    let lines = log.lines().filter(|l| l.contains("camera=refused ") && l.contains("warn")).count();
    assert_eq!(lines, 1, "{log}");
}

/// The control of the Basic refusal: the same camera is read where the configuration allows it.
#[test]
fn basic_is_answered_only_where_it_is_allowed() {
    let folder = TempDir::new().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "right\n").unwrap();
    let mut settings = scene::settings("basic", 1, Codec::H264);
    settings.authentication = Authentication::Basic(Credentials {
        user: "viewer".into(),
        password: "right".to_owned().into(),
    });
    let camera = Camera::start(settings).unwrap();
    let allowed = scene::config("basic", &camera)
        .with("basic = true")
        .with("username = \"viewer\"")
        .with(&format!("password_file = \"{}\"", password.display()));
    let gateway = Gateway::start(&GatewayConfig::open(vec![allowed]));
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
}

/// Runs `cofferdam` with a configuration, to its end.
fn run(program: &Path, config: &str) -> Output {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cofferdam.toml");
    std::fs::write(&path, config).unwrap();
    Command::new(program).args(["run", "--config"]).arg(&path).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(rtsp: u16, admin: u16) -> String {
    let address = |port| ([127, 0, 0, 1], port).into();
    let config = GatewayConfig::open(vec![table("lobby", "rtsp://127.0.0.1:9/x")]);
    config.text(address(rtsp), address(admin))
}

#[test]
fn a_taken_port_ends_the_start_with_1_and_names_the_key() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let free = cofferdam_system_tests::gateway::free_port();
    for (config, key) in [(text(port, free), "core.rtsp"), (text(free, port), "core.admin")] {
        let output = run(&programs::ours("cofferdam"), &config);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let line = said.lines().find(|line| line.contains(key));
        assert!(line.is_some_and(|line| line.contains(&port.to_string())), "{key}: {said}");
    }
}

#[test]
fn a_mistake_in_the_configuration_ends_the_start_with_2() {
    let good = text(8554, 9090);
    for (config, key) in [
        (good.replace("fps = 5", "fps = 500"), "camera lobby: picture.fps"),
        (good.replace("[readers]", "[reeders]"), "reeders"),
        (
            good.replace("id =", "username = \"u\"\npassword_file = \"/nowhere/pw\"\nid ="),
            "camera lobby: password_file",
        ),
    ] {
        let output = run(&programs::ours("cofferdam"), &config);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(key), "{key}: {}", said(&output));
    }
    let output =
        Command::new(programs::ours("cofferdam")).args(["run", "--config", "/nowhere"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("/nowhere"));
}

/// A folder with copies of the programs, as tests swap them.
fn copies(names: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    // Started as root, the sides are somebody else, who is to see that a program is gone.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    for name in names {
        std::fs::copy(programs::ours(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn a_missing_worker_is_named_at_the_start_and_while_running() {
    let port = cofferdam_system_tests::gateway::free_port;
    for missing in ["cofferdam-ingest", "cofferdam-encode"] {
        let others: Vec<&str> = ["cofferdam", "cofferdam-ingest", "cofferdam-encode"]
            .into_iter()
            .filter(|name| *name != missing)
            .collect();
        let folder = copies(&others);
        let output = run(&folder.path().join("cofferdam"), &text(port(), port()));
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(missing), "{}", said(&output));
    }

    let folder = copies(&["cofferdam", "cofferdam-ingest", "cofferdam-encode"]);
    let camera = scene::camera("lobby", 1);
    let config = GatewayConfig::open(vec![scene::config("lobby", &camera)]);
    let gateway = Gateway::start_with(&config, &folder.path().join("cofferdam"), |_| ());
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
    let worker = folder.path().join("cofferdam-ingest");
    std::fs::rename(&worker, folder.path().join("away")).unwrap();
    let running = gateway.worker("cofferdam-ingest", "lobby").unwrap();
    assert!(running.signal(rustix::process::Signal::KILL));
    let labels = ["camera=\"lobby\"", "fault=\"worker_missing\""];
    gateway.wait_for_metric("cofferdam_camera_faults_total", &labels, |n| n >= 1.0);
    // It comes back by itself once the program does.
    std::fs::rename(folder.path().join("away"), &worker).unwrap();
    until(Duration::from_secs(20), "the worker", || gateway.worker("cofferdam-ingest", "lobby"));
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
}
