//! Every player at hand, over both transports, on both mounts of a camera; and a camera that is not
//! ours, with a password.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cofferdam_system_tests::film::{self, Film};
use cofferdam_system_tests::foreign_camera::{self, ForeignCamera};
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, scene,
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);
/// The smaller mount's size.
const SUB: (u32, u32) = (320, 180);
const USER: &str = "viewer";
const PASSWORD: &str = "a phrase with \"quotes\"";

fn live(gateway: &Gateway) {
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
}

/// Six players at once on one mount: every one of them gets the camera's pictures.
fn all_play(gateway: &Gateway, mount: &str, size: (usize, usize)) {
    let url = gateway.url(&format!("lobby/{mount}"));
    let players: Vec<_> = Client::PROGRAMS
        .into_iter()
        .filter(|client| client.is_here("clients"))
        .flat_map(|client| [(client, Transport::Tcp), (client, Transport::Udp)])
        .map(|(client, transport)| {
            ((client, transport), Player::start(client, transport, &url, size))
        })
        .collect();
    let all = players.len() as f64;
    gateway.wait_for_metric(
        "cofferdam_mount_readers",
        &[&format!("mount=\"{mount}\"")],
        |readers| readers == all,
    );
    for (who, player) in players {
        let (codes, blank) = player.barcodes(40, DEADLINE);
        let ended = player.stop();
        let complaints = ended.complaints();
        assert_eq!(
            judge(&codes, blank, 7, 40),
            Verdict::Live,
            "{who:?} on {mount}: {complaints:?}"
        );
        assert!(complaints.is_empty(), "{who:?} on {mount}: {complaints:?}");
    }
}

#[test]
fn six_players_at_once_play_each_mount() {
    let camera = scene::camera("lobby", 7);
    let (width, height) = SUB;
    let config = scene::config("lobby", &camera)
        .with(&format!("sub = {{ width = {width}, height = {height} }}"));
    let gateway = Gateway::start(&GatewayConfig::open(vec![config]));
    live(&gateway);
    all_play(&gateway, "main", scene::size());
    all_play(&gateway, "sub", (width as usize, height as usize));
}

#[test]
fn times_go_on_as_the_clock_does() {
    let camera = scene::camera("lobby", 7);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("lobby", &camera)]));
    live(&gateway);
    for transport in ["tcp", "udp"] {
        let output = Command::new("ffprobe")
            .args(["-v", "warning", "-rtsp_transport", transport, "-read_intervals", "%+6"])
            .args(["-show_entries", "packet=pts_time", "-of", "csv=p=0"])
            .arg(gateway.url("lobby/main"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // FFmpeg has no time for the first, whoever serves it.
        let times: Vec<f64> =
            text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
        let (first, last) = (times.first().unwrap(), times.last().unwrap());
        assert!(times.len() > 60, "{transport}: {times:?}");
        assert!(times.windows(2).all(|pair| pair[1] > pair[0]), "{transport}: {times:?}");
        let rate = (times.len() - 1) as f64 / (last - first);
        assert!((rate / f64::from(scene::RATE) - 1.0).abs() < 0.05, "{transport}: {rate} a second");
    }
}

#[test]
fn a_camera_of_another_make_is_read_with_digest_credentials() {
    if !foreign_camera::available("digest") {
        return;
    }
    let folder = TempDir::with_prefix("cofferdam-clients-").unwrap();
    let file = film::draw(folder.path(), "drawn.mp4", (640, 360), 25, 10);
    let film = Film::decode(&file, (640, 360));
    let camera = ForeignCamera::film(0, &file, Some((USER, PASSWORD)));
    let config = |id: &str, password: &str| {
        let secret = folder.path().join(id);
        std::fs::write(&secret, password).unwrap();
        CameraConfig::new(id, &camera.url(), (640, 360, 25))
            .with(&format!("username = \"{USER}\""))
            .with(&format!("password_file = \"{}\"", secret.display()))
    };
    let (known, stranger) = (config("known", PASSWORD), config("stranger", "another phrase"));
    let gateway = Gateway::start(&GatewayConfig::open(vec![known, stranger]));
    gateway.wait_for_metric(
        "cofferdam_camera_fault",
        &["camera=\"stranger\"", "fault=\"authentication_failed\""],
        |v| v == 1.0,
    );
    let player =
        Player::start(Client::Ffmpeg, Transport::Tcp, &gateway.url("known/main"), (640, 360));
    let done = AtomicBool::new(false);
    let frames = std::thread::scope(|scope| {
        let (film, done) = (&film, &done);
        let watcher = scope.spawn(move || film.watch(&player, done));
        let shown = |shown| shown >= 200.0;
        gateway.wait_for_metric(
            "cofferdam_camera_pictures_shown_total",
            &["camera=\"known\""],
            shown,
        );
        done.store(true, Ordering::SeqCst);
        watcher.join().unwrap()
    });
    let showing = film.judge(&frames);
    assert!(showing.is_ok(), "{showing:?}");
    let never =
        gateway.metrics().value("cofferdam_camera_pictures_in_total", &["camera=\"stranger\""]);
    assert_eq!(never, Some(0.0));
}

#[test]
fn a_camera_that_says_goodbye_is_connected_to_again_at_once() {
    if !foreign_camera::available("goodbye") {
        return;
    }
    let folder = TempDir::with_prefix("cofferdam-clients-").unwrap();
    let file = film::draw(folder.path(), "drawn.mp4", scene::SIZE, scene::RATE, 2);
    // At its end it sends an RTCP BYE, and the connection stays open.
    let camera = ForeignCamera::film(0, &file, None);
    let (width, height) = scene::SIZE;
    let config = CameraConfig::new("film", &camera.url(), (width, height, scene::RATE));
    let gateway = Gateway::start(&GatewayConfig::open(vec![config]));
    // Waiting for more pictures would take five seconds each time, and be another fault.
    let film_twice = f64::from(2 * 2 * scene::RATE);
    gateway.wait_for_metric("cofferdam_camera_pictures_in_total", &[], |n| n > film_twice);
    let metrics = gateway.metrics();
    let faults = |name: &str| {
        metrics.value("cofferdam_camera_faults_total", &[&format!("fault=\"{name}\"")])
    };
    assert!(faults("stream_ended") >= Some(2.0), "{:?}", faults("stream_ended"));
    assert_eq!(faults("no_pictures"), Some(0.0));
}
