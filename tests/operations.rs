//! What operators do every day: start, look, stop, check, probe, try the demo.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use cofferdam_simulator::{Authentication, Camera, Codec, Credentials};
use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::rtsp::{Rtsp, says_goodbye};
use cofferdam_system_tests::{
    Client, Gateway, GatewayConfig, Player, Transport, eventually, http, processes, programs,
    scene, until,
};
use rustix::process::{Resource, Signal, getrlimit};

#[test]
fn sigterm_drains_and_leaves_no_process() {
    let camera = scene::camera("yard", 1);
    let mut gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    let url = gateway.url("yard/main");
    let mut player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
    assert_eq!(player.barcodes(5, Duration::from_secs(20)).0.len(), 5);
    let family = gateway.processes();
    assert_eq!(family.len(), 5, "{family:?}");
    assert_eq!(gateway.stop().code(), Some(0), "{}", gateway.log());
    let alive = processes::all();
    let left: Vec<_> = family.iter().filter(|p| alive.contains(p)).collect();
    assert!(left.is_empty(), "{left:?}");
    eventually("the reader to be told", || !player.is_running());
}

/// Whoever plays hears goodbye (RFC 3550 §6.6) before the end, over both transports; and one who reads nothing
/// holds nobody up.
#[test]
fn readers_hear_goodbye_and_one_that_does_not_listen_is_not_waited_for() {
    let camera = scene::camera("yard", 1);
    let mut gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    let [mut playing, mut deaf, mut control] =
        [(); 3].map(|()| Rtsp::connect(gateway.rtsp, "yard/main"));
    playing.play();
    deaf.play();
    let [packets, reports] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    reports.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let ports = format!("{}-{}", port(&packets), port(&reports));
    control.play_over(&format!("RTP/AVP;unicast;client_port={ports}"));
    gateway.wait_for_metric("cofferdam_mount_readers", &["mount=\"main\""], |n| n == 3.0);
    assert_eq!(gateway.stop().code(), Some(0), "{}", gateway.log());
    assert!(!gateway.log().contains("connections still open"), "{}", gateway.log());

    let frames: Vec<_> = std::iter::from_fn(|| playing.frame()).collect();
    let (last, before) = frames.split_last().unwrap();
    assert!(last.0 == 1 && says_goodbye(&last.1), "{last:?}");
    assert!(!before.iter().any(|(channel, frame)| *channel == 1 && says_goodbye(frame)));
    let mut report = [0; 2000];
    loop {
        let length = reports.recv(&mut report).unwrap();
        if says_goodbye(&report[..length]) {
            break;
        }
    }
}

/// The admin page's clients have no say in how long a stop takes.
#[test]
fn a_request_that_was_begun_and_not_finished_does_not_hold_up_a_stop() {
    let camera = scene::camera("yard", 1);
    let mut gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    let mut socket = TcpStream::connect(gateway.admin).unwrap();
    socket.write_all(b"GET /metr").unwrap();
    // Answered behind it, so the half request has been read.
    assert_eq!(http::get(gateway.admin, "/healthz").map(|(status, _)| status), Some(200));
    assert_eq!(gateway.stop().code(), Some(0), "{}", gateway.log());
    assert!(!gateway.log().contains("connections still open"), "{}", gateway.log());
}

#[test]
fn sighup_is_logged_where_there_is_nothing_to_read_anew_and_ends_nobody() {
    let camera = scene::camera("yard", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
    let before = gateway.processes();
    for process in &before {
        // The parent passes it on to the core side.
        if !process.arguments.contains("--side core") {
            process.signal(Signal::HUP);
        }
    }
    eventually("both sides to say so", || gateway.log().matches("SIGHUP").count() == 2);
    for process in before.iter().filter(|process| process.arguments.contains("--camera ")) {
        process.signal(Signal::INT);
    }
    let numbers = |processes: Vec<processes::Process>| -> BTreeSet<i32> {
        processes.into_iter().map(|process| process.pid).collect()
    };
    let mut playing = Rtsp::connect(gateway.rtsp, "yard/main");
    playing.play();
    for _ in 0..30 {
        assert!(playing.frame().is_some());
    }
    assert_eq!(before.len(), 5);
    assert_eq!(numbers(gateway.processes()), numbers(before));
}

/// Whoever keeps the log may have a full disk, may have stopped reading, or may be gone.
#[test]
fn a_log_that_takes_nothing_costs_lines_and_no_pictures() {
    let camera = scene::camera("yard", 1);
    let mut config = GatewayConfig::open(vec![scene::config("yard", &camera)]);
    config.preamble = "[log]\nlevel = \"trace\"\n".into();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (unread, end) = std::io::pipe().unwrap();
    let (gone, closed) = std::io::pipe().unwrap();
    drop(gone);
    for (what, log) in
        [("full", Stdio::from(full())), ("not read", end.into()), ("closed", closed.into())]
    {
        let program = programs::ours("cofferdam");
        let mut gateway = Gateway::start_with(&config, &program, |command| {
            command.stderr(log);
        });
        let lost = || {
            let lost = gateway.metrics().value("cofferdam_log_lines_lost_total", &[]);
            lost.unwrap()
        };
        // A pipe takes some hundred lines before it is full.
        let begun = lost();
        let mut playing = Rtsp::connect(gateway.rtsp, "yard/main");
        playing.play();
        until(Duration::from_secs(60), what, || {
            assert_eq!(
                Rtsp::connect(gateway.rtsp, "yard/main").request("DESCRIBE", &[]).status,
                200
            );
            assert!(playing.frame().is_some(), "{what}");
            (lost() > begun + 100.0).then_some(())
        });
        assert_eq!(gateway.stop().code(), Some(0), "{what}");
    }
    drop(unread);
}

#[test]
fn metrics_follow_the_pictures() {
    let camera = scene::camera("yard", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    let url = gateway.url("yard/main");
    let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
    assert_eq!(player.barcodes(45, Duration::from_secs(30)).0.len(), 45);
    let yard = "camera=\"yard\"";
    // Reports come four times a second.
    gateway.wait_for_metric("cofferdam_camera_pictures_shown_total", &[yard], |n| n >= 45.0);
    let metrics = gateway.metrics();
    let value = |name: &str, more: &[&str]| {
        let labels: Vec<&str> = std::iter::once(yard).chain(more.iter().copied()).collect();
        metrics.value(&format!("cofferdam_{name}"), &labels)
    };
    let above = |name: &str, more: &[&str], least: f64| {
        let found = value(name, more);
        assert!(found.is_some_and(|v| v >= least), "{name}{more:?}: {found:?}\n{}", metrics.0);
    };
    above("camera_pictures_in_total", &[], 45.0);
    above("camera_bytes_in_total", &[], 1000.0);
    above("camera_decode_seconds_total", &[], 0.001);
    above("camera_worker_starts_total", &[], 1.0);
    above("camera_pictures_shown_total", &[], 45.0);
    above("mount_pictures_out_total", &["mount=\"main\""], 45.0);
    above("mount_bytes_out_total", &["mount=\"main\""], 1000.0);
    above("mount_encode_seconds_total", &["mount=\"main\""], 0.001);
    above("latency_seconds_count", &["from=\"complete\""], 20.0);
    above("latency_seconds_count", &["from=\"arrived\""], 20.0);
    assert_eq!(value("mount_readers", &["mount=\"main\""]), Some(1.0));
    assert_eq!(value("camera_ingest_state", &["state=\"streaming\""]), Some(1.0));
    for quiet in
        ["camera_packets_lost_total", "camera_decode_errors_total", "camera_reconnects_total"]
    {
        assert_eq!(value(quiet, &[]), Some(0.0), "{quiet}");
    }
    assert_eq!(metrics.value("cofferdam_isolated", &[]), Some(0.0));
    assert!(metrics.value("cofferdam_rtsp_bytes_out_total", &["transport=\"tcp\""]) > Some(1000.0));
    drop(player);
    gateway.wait_for_metric("cofferdam_mount_readers", &["mount=\"main\""], |v| v == 0.0);
    assert_eq!(http::get(gateway.admin, "/healthz").map(|(status, _)| status), Some(200));
}

/// Without interfaces nothing is checked, and whoever looks is told: in the log, as a metric (above), by
/// `check` (below) and as status.
#[test]
fn without_interfaces_log_and_status_say_that_nothing_is_isolated() {
    let camera = scene::camera("yard", 1);
    let mut config = GatewayConfig::open(vec![scene::config("yard", &camera)]);
    let status = |gateway: &Gateway| {
        let (code, text) = http::get(gateway.admin, "/status").unwrap();
        assert_eq!(code, 200, "{text}");
        text
    };
    let gateway = Gateway::start(&config);
    eventually("the camera to be live", || status(&gateway).contains("camera     yard  live\n"));
    let text = status(&gateway);
    assert!(text.contains("isolation  NOT ISOLATED: no interfaces are configured\n"), "{text}");
    assert!(text.contains("jail       workers are locked in\n"), "{text}");
    let told = |log: &str| {
        let line = |line: &str| line.contains("WARN not isolated: no interfaces are configured");
        log.lines().any(line)
    };
    assert!(told(&gateway.log()), "{}", gateway.log());
    drop(gateway);

    // The control: with an interface it is checked. Loopback is no network of its own, which is found and
    // here allowed.
    let allow = [
        "interfaces",
        "forwarding",
        "ipv6",
        "routes",
        "prefixes",
        "listeners",
        "arp",
        "sources",
        "redirects",
        "privileges",
        "user",
    ];
    config.preamble = format!("[isolation]\nallow = {allow:?}\n");
    config.core = "interface = \"lo\"\n".into();
    let gateway = Gateway::start(&config);
    let text = status(&gateway);
    assert!(text.starts_with("isolation  isolated"), "{text}");
    assert!(!told(&gateway.log()), "{}", gateway.log());
}

/// Readiness is about the gateway, not about cameras.
#[test]
fn a_gateway_without_any_camera_in_reach_is_ready_and_describes() {
    let absent =
        cofferdam_system_tests::CameraConfig::new("absent", "rtsp://127.0.0.1:9/", (640, 360, 10))
            .with("signal_loss = { hold = \"3s\" }");
    let gateway = Gateway::start(&GatewayConfig::open(vec![absent]));
    let describe = || rtsp(&gateway, "DESCRIBE", "/absent/main");
    assert!(describe().starts_with("RTSP/1.0 200"), "the slate can be described during the hold");
    eventually("the hold to end", || describe().starts_with("RTSP/1.0 503"));
    assert_eq!(http::get(gateway.admin, "/readyz").map(|(status, _)| status), Some(200));
}

/// One request and its answer.
fn rtsp(gateway: &Gateway, method: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(gateway.rtsp).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let url = format!("rtsp://{}{path}", gateway.rtsp);
    write!(socket, "{method} {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn without_anonymous_everything_but_options_is_401() {
    let camera = scene::camera("yard", 1);
    let mut config = GatewayConfig::open(vec![scene::config("yard", &camera)]);
    config.anonymous = false;
    let gateway = Gateway::start(&config);
    assert!(rtsp(&gateway, "OPTIONS", "/yard/main").starts_with("RTSP/1.0 200"));
    for method in
        ["DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"]
    {
        let answer = rtsp(&gateway, method, "/yard/main");
        assert!(answer.starts_with("RTSP/1.0 401"), "{method}: {answer}");
        assert!(answer.contains("WWW-Authenticate: Digest realm="), "{method}: {answer}");
    }
    // An unknown mount looks the same to a stranger.
    assert!(rtsp(&gateway, "DESCRIBE", "/nothing/main").starts_with("RTSP/1.0 401"));
}

#[test]
fn the_sides_run_apart_over_the_socket_path() {
    let folder = tempfile::TempDir::new().unwrap();
    let camera = scene::camera("yard", 1);
    let (rtsp, admin) = (free_port(), free_port());
    let address = |port| ([127, 0, 0, 1], port).into();
    let mut config = GatewayConfig::open(vec![scene::config("yard", &camera)]);
    config.preamble =
        format!("[boundary]\nsocket = \"{}\"", folder.path().join("rings.sock").display());
    let path = folder.path().join("cofferdam.toml");
    std::fs::write(&path, config.text(address(rtsp), address(admin))).unwrap();
    let side = |name: &str| {
        let mut command = Command::new(programs::ours("cofferdam"));
        command.args(["run", "--side", name, "--config"]).arg(&path).stderr(Stdio::null());
        processes::Owned(command.spawn().unwrap())
    };
    let live = || {
        let metrics = http::get(address(admin), "/metrics").map(|(_, text)| http::Metrics(text));
        metrics.and_then(|m| m.value("cofferdam_camera_state", &["state=\"live\""])) == Some(1.0)
    };
    // The camera side first: it waits for the core side for as long as it takes.
    let _camera_side = side("camera");
    let core = side("core");
    eventually("pictures to cross", live);
    drop(core);
    // Left behind by the kill, and no hindrance.
    assert!(folder.path().join("rings.sock").exists());
    let _core = side("core");
    eventually("pictures to cross to the new core side", live);
}

#[test]
fn check_says_what_it_found() {
    let camera = scene::camera("yard", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    let output = Command::new(programs::ours("cofferdam"))
        .args(["check", "--config"])
        .arg(gateway.config_path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // Its ports are this gateway's own, which is no failure.
    let taken = |key: &str, address| {
        format!("NOT TO BE HAD (unless it is the gateway that runs): `{key}`: {address}: ")
    };
    let ports = [taken("core.rtsp", gateway.rtsp), taken("core.admin", gateway.admin)];
    for line in ["configuration  good", "x264", "not isolated", &ports[0], &ports[1]] {
        assert!(text.contains(line), "{text}");
    }
    // The clock is as it is, and told alike by all who look.
    let is_kept = text.contains("\nclock          synchronised\n");
    assert!(is_kept || text.contains("\nclock          NOT SYNCHRONISED: "), "{text}");
    let value = f64::from(u8::from(is_kept));
    gateway.wait_for_metric("cofferdam_clock_synchronised", &[], |v| v == value);
    eventually("the log to tell", || gateway.log().contains("WARN host clock NOT") != is_kept);
    // All connections of an address, one camera, and what else there is.
    let enough = getrlimit(Resource::Nofile).maximum.is_none_or(|most| most >= 2048 + 64 + 128);
    assert_eq!(text.contains("\nopen files     good: "), enough, "{text}");
    let with_few = |word: &str| {
        let output = Command::new("prlimit")
            .args(["--nofile=400:400"])
            .arg(programs::ours("cofferdam"))
            .args([word, "--config"])
            .arg(gateway.config_path())
            .output()
            .unwrap();
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned())
    };
    let few = "FEW: 400, which leaves 208 for readers";
    let [text, _] = with_few("check");
    assert!(text.contains(&format!("\nopen files     {few}")), "{text}");
    // Another gateway has its ports, so it says that and ends.
    let said = with_few("run").concat();
    assert!(said.contains(&format!("WARN open files {few}")), "{said}");
    let wrong = gateway.config_path().with_file_name("wrong.toml");
    std::fs::write(&wrong, "[core]\nrtsp = 1\n").unwrap();
    let output = Command::new(programs::ours("cofferdam"))
        .args(["check", "--config"])
        .arg(&wrong)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn probe_prints_a_block_that_works() {
    let folder = tempfile::TempDir::new().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "right\n").unwrap();
    let mut settings = scene::settings("yard", 1, Codec::H264);
    settings.authentication = Authentication::Digest {
        credentials: Credentials { user: "viewer".into(), password: "right".to_owned().into() },
        qop: true,
    };
    let camera = Camera::start(settings).unwrap();
    let probe = |arguments: &[&str]| {
        Command::new(programs::ours("cofferdam")).arg("probe").args(arguments).output().unwrap()
    };
    let path = password.to_str().unwrap();
    let output = probe(&[&camera.url(), "--username", "viewer", "--password-file", path]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("right"), "{text}");
    let block = &text[text.find("[[camera]]").expect("a block")..];
    assert!(block.contains("width = 640") && block.contains("height = 360"), "{block}");
    // The block as it is, behind the least that a configuration needs.
    let config = folder.path().join("cofferdam.toml");
    std::fs::write(&config, format!("[core]\nrtsp = \"127.0.0.1:8554\"\n{block}")).unwrap();
    let check = Command::new(programs::ours("cofferdam"))
        .args(["check", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(check.status.code(), Some(0), "{block}\n{said}");

    let output = probe(&["rtsp://127.0.0.1:9/x"]);
    assert_eq!(output.status.code(), Some(1), "nobody is there");
    let output = probe(&["rtsp://user:secret@127.0.0.1:9/x"]);
    assert_eq!(output.status.code(), Some(2), "a password in an argument is refused");
}

#[test]
fn the_demo_plays_three_cameras_and_stops_on_ctrl_c() {
    let (rtsp, admin) = (free_port(), free_port());
    let mut command = Command::new(programs::ours("cofferdam"));
    command.args(["demo", "--rtsp", &format!("127.0.0.1:{rtsp}")]);
    command.args(["--admin", &format!("127.0.0.1:{admin}")]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut demo = processes::Owned(command.spawn().unwrap());
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines();
    let mut urls = Vec::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        urls.extend(
            line.split_whitespace().find(|word| word.ends_with("/main")).map(str::to_owned),
        );
        if line.starts_with("stop") {
            break;
        }
    }
    assert_eq!(urls.len(), 3);
    let live = || {
        let metrics = http::get(([127, 0, 0, 1], admin).into(), "/metrics");
        let metrics = metrics.map(|(_, text)| http::Metrics(text));
        metrics.and_then(|m| m.value("cofferdam_camera_state", &["state=\"live\""])) == Some(3.0)
    };
    until(Duration::from_secs(40), "three live cameras", || live().then_some(()));
    let player = Player::start(Client::Ffmpeg, Transport::Tcp, &urls[0], (1280, 720));
    let (codes, blank) = player.barcodes(15, Duration::from_secs(30));
    let number = codes.first().map_or(0, |code| code.camera);
    assert_eq!(judge(&codes, blank, number, 15), Verdict::Live);
    let family = processes::tree(i32::try_from(demo.0.id()).unwrap());
    assert!(family.len() > 9, "{family:?}");
    family.iter().find(|p| p.pid.cast_unsigned() == demo.0.id()).unwrap().signal(Signal::INT);
    let status = until(Duration::from_secs(20), "the demo to stop", || demo.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    let alive = processes::all();
    assert!(!family.iter().any(|p| alive.contains(p)), "left behind");
}
