//! From a camera to a player: live pictures of that camera, in every codec, over both transports,
//! at both sizes.
//!
//! The controls are in the same suite: a gateway that only has its slate, and one that shows another
//! camera's pictures, must be told from one that works.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::time::Duration;

use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_simulator::{Camera, CameraSettings, Codec, Content, Drawn};
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::{CameraConfig, Client, Gateway, GatewayConfig, Player, Transport};

const SIZE: (u32, u32) = (1024, 576);
const RATE: u32 = 10;
const DEADLINE: Duration = Duration::from_secs(30);

fn camera(name: &str, number: u8, codec: Codec) -> Camera {
    let geometry = Geometry::new(SIZE.0, SIZE.1).unwrap();
    let drawn = Drawn::new(codec, geometry, FrameRate::new(RATE).unwrap()).unwrap();
    let mut settings = CameraSettings::new(name.parse().unwrap(), Content::Live(drawn));
    settings.number = number;
    Camera::start(settings).unwrap()
}

fn config(id: &str, camera: &Camera) -> CameraConfig {
    CameraConfig::new(id, &camera.url(), (SIZE.0, SIZE.1, RATE))
}

fn size(width: u32, height: u32) -> (usize, usize) {
    (width as usize, height as usize)
}

/// Plays a mount until thirty pictures with a barcode came.
fn play(
    gateway: &Gateway,
    mount: &str,
    client: Client,
    transport: Transport,
    size: (usize, usize),
) -> (Verdict, u8) {
    let player = Player::start(client, transport, &gateway.url(mount), size);
    let (codes, blank) = player.barcodes(30, DEADLINE);
    let camera = codes.first().map_or(0, |code| code.camera);
    let said = player.stop().said;
    assert!(!said.contains("error"), "{mount} {transport:?}: {said}");
    (judge(&codes, blank, camera, 30), camera)
}

#[test]
fn every_codec_plays_live_at_both_sizes_over_both_transports() {
    let cameras = [
        camera("h264", 1, Codec::H264),
        camera("h265", 2, Codec::H265),
        camera("mjpeg", 3, Codec::Mjpeg),
    ];
    let names = ["h264", "h265", "mjpeg"];
    let configs = names.iter().zip(&cameras).map(|(name, camera)| config(name, camera)).collect();
    let gateway = Gateway::start(&GatewayConfig::open(configs));
    for (number, name) in (1..).zip(names) {
        gateway.wait_for_metric(
            "cofferdam_camera_state",
            &[&format!("camera=\"{name}\""), "state=\"live\""],
            |value| value == 1.0,
        );
        for transport in [Transport::Tcp, Transport::Udp] {
            let main = format!("{name}/main");
            let played = play(&gateway, &main, Client::Ffmpeg, transport, size(SIZE.0, SIZE.1));
            assert_eq!(played, (Verdict::Live, number), "{main} {transport:?}");
        }
        let sub = format!("{name}/sub");
        let played = play(&gateway, &sub, Client::Ffmpeg, Transport::Tcp, size(640, 360));
        assert_eq!(played, (Verdict::Live, number), "{sub}");
    }
}

/// The control of every test that says "plays".
#[test]
fn a_slate_and_another_camera_are_not_taken_for_live_pictures() {
    let wrong = camera("wrong", 9, Codec::H264);
    // Nobody listens on port 9 of loopback: this camera has a slate and nothing else.
    let absent = CameraConfig::new("absent", "rtsp://127.0.0.1:9/", (SIZE.0, SIZE.1, RATE))
        .with("signal_loss = { then = \"slate\" }");
    let gateway = Gateway::start(&GatewayConfig::open(vec![absent, config("lobby", &wrong)]));

    let player = Player::start(
        Client::Ffmpeg,
        Transport::Tcp,
        &gateway.url("absent/main"),
        size(SIZE.0, SIZE.1),
    );
    let (codes, blank) = player.barcodes(1, Duration::from_secs(6));
    assert!(blank > 10, "the slate plays: {blank} pictures");
    assert!(matches!(judge(&codes, blank, 1, 1), Verdict::NotLive { .. }));

    let player = Player::start(
        Client::Ffmpeg,
        Transport::Tcp,
        &gateway.url("lobby/main"),
        size(SIZE.0, SIZE.1),
    );
    let (codes, blank) = player.barcodes(10, DEADLINE);
    assert_eq!(judge(&codes, blank, 1, 10), Verdict::OtherCamera(9));
}
