//! The protocol's odd corners, against the running gateway: other paths and addresses of a mount, and
//! what makes no sense.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../crates/core-side/rtsp/tests/cases/mod.rs"]
mod cases;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::rtsp::{self, Rtsp};
use cofferdam_system_tests::{
    Client, Gateway, GatewayConfig, Player, Transport, eventually, scene,
};

#[test]
fn a_mount_has_further_paths_and_an_address_of_its_own() {
    let (lobby, yard) = (scene::camera("lobby", 7), scene::camera("yard", 8));
    let own = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let lobby = scene::config("lobby", &lobby)
        .with("aliases = [\"Streaming/Channels/101\", \"cam/realmonitor?channel=1&subtype=0\"]")
        .with("sub = { aliases = [\"cam/realmonitor?channel=1&subtype=1\"] }");
    let yard_config = scene::config("yard", &yard)
        .with(&format!("listen = \"{own}\""))
        .with("aliases = [\"Streaming/Channels/101\"]");
    let gateway = Gateway::start(&GatewayConfig::open(vec![lobby, yard_config]));
    let camera = ["state=\"live\"", "camera=\"yard\""];
    gateway.wait_for_metric("cofferdam_camera_state", &camera, |v| v == 1.0);

    // Sizes tell mounts apart; cameras are told apart by base.
    for (address, path, base) in [
        (gateway.rtsp, "Streaming/Channels/101", Some("Streaming/Channels/101")),
        (
            gateway.rtsp,
            "Streaming/Channels/101/?transportmode=unicast",
            Some("Streaming/Channels/101"),
        ),
        (gateway.rtsp, "cam/realmonitor?channel=1&subtype=0", Some("lobby/main")),
        (gateway.rtsp, "cam/realmonitor?channel=1&subtype=1", Some("lobby/sub")),
        (gateway.rtsp, "cam/realmonitor?channel=2&subtype=0", None),
        (gateway.rtsp, "yard/main", Some("yard/main")),
        (gateway.rtsp, "", None),
        (own, "Streaming/Channels/101", Some("Streaming/Channels/101")),
        (own, "yard/sub", Some("yard/sub")),
        (own, "sub", Some("sub")),
        (own, "", Some("yard/main")),
        (own, "lobby/main", None),
        (own, "cam/realmonitor?channel=1&subtype=0", None),
    ] {
        let answer = Rtsp::connect(address, path).request("DESCRIBE", &[]);
        let expected = base.map(|base| format!("rtsp://{address}/{base}/"));
        assert_eq!(answer.header("Content-Base"), expected.as_deref(), "{address} {path}");
        assert_eq!(answer.status, if base.is_some() { 200 } else { 404 }, "{address} {path}");
    }
    for transport in [Transport::Tcp, Transport::Udp] {
        let url = format!("rtsp://{own}/");
        let player = Player::start(Client::Ffmpeg, transport, &url, scene::size());
        let (codes, blank) = player.barcodes(15, Duration::from_secs(60));
        assert_eq!(judge(&codes, blank, 8, 15), Verdict::Live, "{transport:?}");
    }
}

#[test]
fn what_makes_no_sense_is_answered_or_closed_and_counted() {
    let camera = scene::camera("lobby", 7);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("lobby", &camera)]));
    let counted = |reason: &str| {
        let label = format!("reason=\"{reason}\"");
        gateway.metrics().value("cofferdam_rtsp_malformed_total", &[&label]).unwrap()
    };
    let long_head =
        [b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ".to_vec(), vec![b'x'; 17 << 10]].concat();
    let nonsense = cases::NONSENSE.iter().copied();
    for (bytes, status, goes_on, reason) in
        nonsense.chain([(&long_head[..], 400, false, "head_too_long")])
    {
        let what = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let before = counted(reason);
        let mut socket = TcpStream::connect(gateway.rtsp).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.write_all(bytes).unwrap();
        if goes_on {
            socket
                .write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 77\r\nConnection: close\r\n\r\n")
                .unwrap();
        }
        let mut answers = String::new();
        let mut buffer = [0; 2048];
        // An answer and, where that is all, the end; a connection closed over bytes not read may end in an
        // error.
        while !answers.contains("CSeq: 77") {
            match socket.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(length) => answers.push_str(&String::from_utf8_lossy(&buffer[..length])),
            }
        }
        let found = answers.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
        assert_eq!(found, status, "{what}: {answers}");
        assert_eq!(answers.contains("CSeq: 77"), goes_on, "{what}: {answers}");
        eventually("it to be counted", || counted(reason) == before + 1.0);
    }
}

/// Browsers, halves without the other, and a cookie that is taken.
#[test]
fn http_that_makes_no_tunnel_is_refused() {
    let camera = scene::camera("lobby", 7);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("lobby", &camera)]));
    let open = |request: &str| {
        let mut socket = rtsp::socket(gateway.rtsp);
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 512];
        let length = socket.read(&mut answer).unwrap();
        (socket, String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    let get = "GET /lobby/main HTTP/1.0\r\nx-sessioncookie: one\r\n\r\n";
    let post = "POST /lobby/main HTTP/1.0\r\nx-sessioncookie: one\r\n\r\n";
    for refused in ["GET / HTTP/1.1\r\nHost: gw\r\n\r\n", post] {
        let (_socket, answer) = open(refused);
        assert!(answer.starts_with("HTTP/1.0 400 "), "{refused}: {answer}");
    }
    let (mut down, answer) = open(get);
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.contains("x-rtsp-tunnelled"), "{answer}");
    let (_socket, answer) = open(get);
    assert!(answer.starts_with("HTTP/1.0 400 "), "the cookie is taken: {answer}");
    // What goes up one is answered down the other.
    let mut up = rtsp::socket(gateway.rtsp);
    let options = "OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\n";
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(options);
    up.write_all(format!("{post}{encoded}").as_bytes()).unwrap();
    let mut answer = [0; 512];
    let length = down.read(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"RTSP/1.0 200 OK\r\nCSeq: 5\r\n"));
    up.write_all(b"$$$$").unwrap();
    let counted =
        || gateway.metrics().value("cofferdam_rtsp_malformed_total", &["reason=\"tunnel\""]);
    eventually("what is no Base64 to be counted", || counted() >= Some(2.0));
    drop(down);
    eventually("the cookie to be free again", || open(get).1.starts_with("HTTP/1.0 200 "));
}
