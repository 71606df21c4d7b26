//! Cameras that misbehave, seen from a bare socket.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_simulator::{
    Advertised, Camera, CameraSettings, Codec, Content, Drawn, Script, Step,
};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn camera(script: Script) -> Camera {
    let geometry = Geometry::new(160, 96).unwrap();
    let drawn = Drawn::new(Codec::H264, geometry, FrameRate::new(60).unwrap()).unwrap();
    let mut settings = CameraSettings::new("cam".parse().unwrap(), Content::Live(drawn));
    settings.script = script;
    Camera::start(settings).unwrap()
}

struct Client {
    stream: TcpStream,
    url: String,
    sequence: u32,
}

impl Client {
    fn connect(camera: &Camera) -> Self {
        let stream = TcpStream::connect(camera.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream, url: camera.url(), sequence: 0 }
    }

    fn send(&mut self, method: &str, fields: &str) {
        self.sequence += 1;
        let request =
            format!("{method} {} RTSP/1.0\r\nCSeq: {}\r\n{fields}\r\n", self.url, self.sequence);
        self.stream.write_all(request.as_bytes()).unwrap();
    }

    /// Head and body of the next response.
    fn response(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    fn ask(&mut self, method: &str, fields: &str) -> (String, String) {
        self.send(method, fields);
        self.response()
    }

    fn play(&mut self) {
        assert!(self.ask("DESCRIBE", "").0.starts_with("RTSP/1.0 200 "));
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        assert!(self.ask("SETUP", transport).0.starts_with("RTSP/1.0 200 "));
        assert!(self.ask("PLAY", "").0.starts_with("RTSP/1.0 200 "));
    }

    /// Pictures, by their markers, until `count` of them or the end.
    fn pictures(&mut self, count: usize) -> usize {
        let mut seen = 0;
        let mut head = [0; 4];
        while seen < count && self.stream.read_exact(&mut head).is_ok() {
            assert_eq!(head[0], b'$');
            let mut packet = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
            self.stream.read_exact(&mut packet).unwrap();
            seen += usize::from(head[1] == 0 && packet[1] & 0x80 != 0);
        }
        seen
    }

    fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0; 64]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn an_obedient_camera_plays_and_counts() {
    let camera = camera(Script::Obey);
    let mut client = Client::connect(&camera);
    client.play();
    assert_eq!(client.pictures(10), 10);
    assert_eq!(camera.connections(), 1);
    assert_eq!(camera.readers(), 1);
    assert!(camera.pictures_sent() >= 9);
    camera.stop();
    while !client.is_closed() {}
}

#[test]
fn other_paths_and_transports_are_refused() {
    let camera = camera(Script::Obey);
    let mut client = Client::connect(&camera);
    let udp = "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n";
    assert!(client.ask("SETUP", udp).0.starts_with("RTSP/1.0 461 "));
    assert!(client.ask("PLAY", "").0.starts_with("RTSP/1.0 455 "));
    client.url.push_str("ing");
    assert!(client.ask("DESCRIBE", "").0.starts_with("RTSP/1.0 404 "));
}

#[test]
fn silence_says_nothing() {
    let camera = camera(Script::Silence);
    let mut client = Client::connect(&camera);
    client.send("OPTIONS", "");
    client.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let kind = client.stream.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut));
}

#[test]
fn answers_can_be_late() {
    let camera = camera(Script::AnswerAfter(Duration::from_millis(300)));
    let mut client = Client::connect(&camera);
    let asked = Instant::now();
    assert!(client.ask("OPTIONS", "").0.starts_with("RTSP/1.0 200 "));
    assert!(asked.elapsed() >= Duration::from_millis(300));
}

#[test]
fn statuses_come_at_their_step() {
    for (at, method, status) in [
        (Step::Describe, "DESCRIBE", 404),
        (Step::Describe, "DESCRIBE", 403),
        (Step::Describe, "DESCRIBE", 503),
        (Step::Setup, "SETUP", 453),
    ] {
        let camera = camera(Script::Refuse { at, status });
        let mut client = Client::connect(&camera);
        assert!(client.ask("OPTIONS", "").0.starts_with("RTSP/1.0 200 "));
        let (head, _) = client.ask(method, "Transport: RTP/AVP/TCP;interleaved=0-1\r\n");
        assert!(head.starts_with(&format!("RTSP/1.0 {status} ")), "{head}");
    }
}

#[test]
fn a_camera_that_authorizes_nobody_challenges_again() {
    let camera = camera(Script::NeverAuthorize);
    let mut client = Client::connect(&camera);
    for fields in ["", "Authorization: Basic dTpw\r\n"] {
        let (head, _) = client.ask("DESCRIBE", fields);
        assert!(head.starts_with("RTSP/1.0 401 "));
        assert!(head.contains("WWW-Authenticate: Digest realm="));
    }
}

#[test]
fn other_streams_can_be_advertised() {
    for (what, line) in [
        (Advertised::Vp8, "a=rtpmap:96 VP8/90000"),
        (Advertised::Mpeg4Visual, "a=rtpmap:96 MP4V-ES/90000"),
        (Advertised::AudioOnly, "m=audio "),
    ] {
        let camera = camera(Script::Advertise(what));
        let (head, sdp) = Client::connect(&camera).ask("DESCRIBE", "");
        assert!(head.starts_with("RTSP/1.0 200 "));
        assert!(sdp.contains(line) && !sdp.contains("H264"), "{sdp}");
    }
}

#[test]
fn garbage_is_no_answer() {
    let camera = camera(Script::Garbage);
    let mut client = Client::connect(&camera);
    client.send("DESCRIBE", "");
    let mut bytes = [0; 16];
    client.stream.read_exact(&mut bytes).unwrap();
    assert!(!bytes.starts_with(b"RTSP"));
}

#[test]
fn half_a_status_line_is_all_there_is() {
    let camera = camera(Script::HalfStatusLine);
    let mut client = Client::connect(&camera);
    client.send("DESCRIBE", "");
    let mut text = String::new();
    client.stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "RTSP/1.0 20");
}

#[test]
fn an_endless_body_does_not_end() {
    let camera = camera(Script::EndlessBody);
    let mut client = Client::connect(&camera);
    client.send("DESCRIBE", "");
    let mut bytes = vec![0; 4_000_000];
    client.stream.read_exact(&mut bytes).unwrap();
    let head = String::from_utf8_lossy(&bytes[..200]);
    assert!(head.contains("Content-Length: 99999999999\r\n"));
}

#[test]
fn pictures_can_end_with_the_connection() {
    let camera = camera(Script::CloseAfter { pictures: 5 });
    let mut client = Client::connect(&camera);
    client.play();
    assert_eq!(client.pictures(usize::MAX), 5);
    // And again: it is the same on every connection.
    let mut client = Client::connect(&camera);
    client.play();
    assert_eq!(client.pictures(usize::MAX), 5);
    assert_eq!(camera.connections(), 2);
}

#[test]
fn pictures_can_end_without_the_connection() {
    let camera = camera(Script::StallAfter { pictures: 5 });
    let mut client = Client::connect(&camera);
    client.play();
    assert_eq!(client.pictures(5), 5);
    // The camera stalls when the next one is due; packets after that would come before the answer.
    let deadline = Instant::now() + DEADLINE;
    while camera.readers() > 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    let (head, _) = client.ask("GET_PARAMETER", "");
    assert!(head.starts_with("RTSP/1.0 200 "), "{head}");
    assert_eq!(camera.pictures_sent(), 5);
}
