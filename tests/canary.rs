//! No byte that a camera wrote reaches the core network.
//!
//! Planted cameras carry random marks at every place a camera can write; everything the core side
//! emits is searched for them. Controls: the same search over the camera's own bytes finds every mark,
//! and naive pipelines beside the gateway, on the same camera, are caught.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_canary::client::{self, Transport, Watched};
use cofferdam_canary::connection::{self, Connection};
use cofferdam_canary::relay::Relay;
use cofferdam_canary::{Capture, Kind, Mark, PlantedCamera, Search};
use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_simulator::{
    Authentication, Camera, CameraSettings, Codec, Content, Credentials, Drawn,
};
use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, accounts, eventually, programs, scene,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::{NamedTempFile, TempDir};

const USER: &str = "viewer";
const PASSWORD: &str = "0pen-sesame";
/// Few, so that three cameras live on two cores.
const RATE: u32 = 8;
/// A naive pipeline is given so long.
const PATIENCE: Duration = Duration::from_secs(40);

/// A planted camera, and the wire in front of it.
struct Planted {
    id: &'static str,
    camera: Camera,
    relay: Relay,
    marks: PlantedCamera,
}

impl Planted {
    fn start(id: &'static str, number: u8, codec: Codec) -> Self {
        let geometry = Geometry::new(scene::SIZE.0, scene::SIZE.1).unwrap();
        let drawn = Drawn::new(codec, geometry, FrameRate::new(RATE).unwrap()).unwrap();
        let mut settings = CameraSettings::new(id.parse().unwrap(), Content::Live(drawn));
        settings.number = number;
        settings.planted = true;
        // With a challenge: its realm and nonce are places, too.
        let password = PASSWORD.to_owned().into();
        let credentials = Credentials { user: USER.into(), password };
        settings.authentication = Authentication::Digest { credentials, qop: true };
        let camera = Camera::start(settings).unwrap();
        let relay = Relay::start(camera.address()).unwrap();
        let marks = camera.planted().unwrap();
        Self { id, camera, relay, marks }
    }

    fn config(&self, password: &Path) -> CameraConfig {
        let (width, height) = scene::SIZE;
        let url = format!("rtsp://{}/stream", self.relay.address());
        CameraConfig::new(self.id, &url, (width, height, RATE))
            .with(&format!("username = \"{USER}\""))
            .with(&format!("password_file = \"{}\"", password.display()))
            .with("signal_loss = { hold = \"1s\" }")
    }

    /// Its URL for those who put user and password there.
    fn url(&self) -> String {
        format!("rtsp://{USER}:{PASSWORD}@{}/stream", self.relay.address())
    }

    /// The search over its own bytes, as they were on the wire, finds every mark.
    fn assert_every_mark_was_sent(&self) {
        let found = search([self]).captures(&self.relay.captures(self.id));
        let found = found.places();
        let all: Vec<&str> = self.marks.marks.iter().map(Mark::place).collect();
        let missing: Vec<&&str> = all.iter().filter(|place| !found.contains(place)).collect();
        assert!(missing.is_empty(), "{} never sent {missing:?}", self.id);
        assert!(all.len() > 80, "{}: {} places", self.id, all.len());
    }
}

fn search<'a>(cameras: impl IntoIterator<Item = &'a Planted>) -> Search {
    Search::new(cameras.into_iter().flat_map(|camera| &camera.marks.marks)).unwrap()
}

fn password_file() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
    file
}

/// Whether a reader has seen enough.
fn enough(packets: usize, lasted: Duration) -> bool {
    packets > 40 && lasted > Duration::from_secs(3)
}

fn play(gateway: &Gateway, mount: &str, transport: Transport) -> Vec<Capture> {
    let seen = client::watch(gateway.rtsp, mount, transport, enough).unwrap();
    assert_eq!(seen.status, 200, "{mount} {transport:?}");
    assert!(seen.packets > 40, "{mount} {transport:?}: {} packets", seen.packets);
    seen.captures
}

/// Everything a gateway says to anyone but cameras while these cameras play, and after they are gone.
fn everything_emitted(
    cameras: Vec<Planted>,
    log: &str,
    readers: bool,
) -> (Vec<Gone>, Vec<Capture>) {
    let password = password_file();
    let mut config =
        GatewayConfig::open(cameras.iter().map(|c| c.config(password.path())).collect());
    config.preamble = format!("[log]\n{log}");
    let mut gateway = Gateway::start(&config);
    let mut captures = Vec::new();
    wait_until_all_was_said(&gateway, &cameras);
    if readers {
        captures.extend(streams(&gateway, &cameras));
    }
    captures.extend(pages(&gateway));
    captures.extend(refusals(&gateway));
    let cameras: Vec<Gone> = cameras
        .into_iter()
        .map(|camera| {
            camera.assert_every_mark_was_sent();
            let Planted { id, camera, relay, marks } = camera;
            camera.stop();
            Gone { id, marks, _relay: relay }
        })
        .collect();
    for camera in &cameras {
        let mount = format!("{}/main", camera.id);
        eventually("the description to be refused", || {
            let seen = client::watch(gateway.rtsp, &mount, Transport::Tcp, |_, _| true).unwrap();
            captures.extend(seen.captures);
            seen.status == 503
        });
    }
    captures.extend(pages(&gateway));
    gateway.stop();
    let log = gateway.log_bytes();
    assert!(!log.is_empty());
    captures.push(Capture::new("log", Kind::Bytes(log)));
    (cameras, captures)
}

fn wait_until_all_was_said(gateway: &Gateway, cameras: &[Planted]) {
    for camera in cameras {
        let id = format!("camera=\"{}\"", camera.id);
        // By then it has said goodbye once, was connected to again, and was asked whether it lives.
        gateway.wait_for_metric("cofferdam_camera_pictures_in_total", &[&id], |n| n > 64.0);
        gateway.wait_for_metric("cofferdam_camera_state", &[&id, "state=\"live\""], |v| v == 1.0);
        assert!(camera.camera.connections() >= 2, "{} said goodbye", camera.id);
    }
}

/// What readers of every mount are sent over each transport.
fn streams(gateway: &Gateway, cameras: &[Planted]) -> Vec<Capture> {
    let mounts: Vec<(String, Transport)> = cameras
        .iter()
        .flat_map(|camera| {
            let mount = |what, transport| (format!("{}/{what}", camera.id), transport);
            [
                mount("main", Transport::Tcp),
                mount("main", Transport::Udp),
                mount("main", Transport::Tunnel),
                mount("sub", Transport::Tcp),
            ]
        })
        .collect();
    let captures = std::thread::scope(|threads| {
        let readers: Vec<_> = mounts
            .iter()
            .map(|(mount, transport)| threads.spawn(|| play(gateway, mount, *transport)))
            .collect();
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect()
    });
    // The cameras play: what was searched is what came of live pictures.
    for (number, camera) in (1..).zip(cameras) {
        let url = gateway.url(&format!("{}/main", camera.id));
        let player = Player::start(
            Client::Ffmpeg,
            cofferdam_system_tests::Transport::Tcp,
            &url,
            scene::size(),
        );
        let (codes, blank) = player.barcodes(20, PATIENCE);
        // On a busy machine pictures are repeated: what counts is whose they are, and that they move.
        let mut counters: Vec<u32> = codes.iter().map(|code| code.counter).collect();
        counters.dedup();
        assert!(codes.iter().all(|code| code.camera == number), "{}: {codes:?}", camera.id);
        assert!(
            counters.len() > 5 && counters.is_sorted(),
            "{} plays: {counters:?}, and {blank} pictures of something else",
            camera.id
        );
    }
    captures
}

/// A planted camera that has been stopped.
struct Gone {
    id: &'static str,
    marks: PlantedCamera,
    // What connects here is refused a camera, not a port.
    _relay: Relay,
}

fn pages(gateway: &Gateway) -> Vec<Capture> {
    let paths = ["/metrics", "/healthz", "/readyz", "/", "/status", "/no/such/page"];
    let mut captures: Vec<Capture> =
        paths.iter().map(|path| client::get(gateway.admin, path).unwrap().2).collect();
    let wrong = [
        ("POST", &b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"[..]),
        ("no HTTP", b"\x00\xffnothing\r\n\r\n"),
    ];
    captures.extend(
        wrong.iter().map(|(name, request)| client::ask(gateway.admin, name, request).unwrap()),
    );
    assert!(captures.iter().all(|page| !page.is_empty()), "{captures:?}");
    captures
}

/// RTSP requests that are answered with an error.
fn refusals(gateway: &Gateway) -> Vec<Capture> {
    let requests = [
        "DESCRIBE rtsp://x/no/such/mount RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "SETUP rtsp://x/h264/main/other RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n",
        "PLAY rtsp://x/h264/main RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "ANNOUNCE rtsp://x/h264/main RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        "no RTSP at all\r\n\r\n",
    ];
    let answers: Vec<Capture> = requests
        .iter()
        .map(|request| client::ask(gateway.rtsp, request, request.as_bytes()).unwrap())
        .collect();
    assert!(answers.iter().all(|answer| !answer.is_empty()), "{answers:?}");
    answers
}

/// One at a time: cameras, gateway and players share two cores.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nothing_is_found(log: &str, readers: bool) {
    let _turn = turn();
    let cameras = vec![
        Planted::start("h264", 1, Codec::H264),
        Planted::start("h265", 2, Codec::H265),
        Planted::start("mjpeg", 3, Codec::Mjpeg),
    ];
    let (cameras, captures) = everything_emitted(cameras, log, readers);
    let search = Search::new(cameras.iter().flat_map(|camera| &camera.marks.marks)).unwrap();
    let searched = search.captures(&captures);
    assert_eq!(searched.findings, []);
    let least = if readers { 500_000 } else { 50_000 };
    assert!(searched.bytes > least, "{} bytes", searched.bytes);
    assert!(searched.chance < 1e-3, "chance: {}", searched.chance);
    // The control: one mark in one log line would have been found.
    let mark = cameras[1].marks.marks[0].bytes();
    let line = [b"WARN camera says ", mark, b"\n"].concat();
    assert!(!search.bytes("log", &line).findings.is_empty());
}

#[test]
fn nothing_a_camera_wrote_reaches_the_core_or_a_text_log() {
    nothing_is_found("level = \"trace\"\nformat = \"text\"", true);
}

#[test]
fn nothing_a_camera_wrote_reaches_the_core_or_a_json_log() {
    // The streams do not depend on the form of a log.
    nothing_is_found("level = \"trace\"\nformat = \"json\"", false);
}

/// A reader over TLS, who knows the gateway's certificate.
fn over_tls(address: SocketAddr, certificate: &CertificateDer<'static>) -> Connection {
    let mut known = RootCertStore::empty();
    known.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(known)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = connection::socket(address).unwrap();
    // The handshake waits for its answers; looks for packets do not.
    let mut stream = StreamOwned::new(session, socket);
    eventually("the handshake", || {
        if stream.conn.is_handshaking() {
            // An error is an answer that is not there yet, or ends the wait.
            let _ = stream.conn.complete_io(&mut stream.sock);
        }
        !stream.conn.is_handshaking()
    });
    Connection::tls(address, stream)
}

/// Readers with accounts, over TLS: what they are sent, and what the audit log says of them.
#[test]
fn nothing_a_camera_wrote_reaches_who_logs_in_over_tls_or_the_audit_log() {
    const NAME: &str = "vms";
    let _turn = turn();
    let cameras =
        vec![Planted::start("h264", 1, Codec::H264), Planted::start("mjpeg", 2, Codec::Mjpeg)];
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let shown = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(path("crt"), shown.cert.pem()).unwrap();
    std::fs::write(path("key"), shown.signing_key.serialize_pem()).unwrap();
    let rtsps = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let password = password_file();
    let mut config =
        GatewayConfig::open(cameras.iter().map(|c| c.config(password.path())).collect());
    config.anonymous = false;
    config.preamble = accounts::block(folder.path(), NAME, "[\"*/main\"]", "");
    config.preamble.push_str("[log]\nlevel = \"trace\"\n");
    let (crt, key) = (path("crt"), path("key"));
    config.core = format!("rtsps = \"{rtsps}\"\ncertificate = \"{crt}\"\nkey = \"{key}\"\n");
    let mut gateway = Gateway::start(&config);
    wait_until_all_was_said(&gateway, &cameras);

    let read = |mount: &str, password: &str| -> Watched {
        let reader = over_tls(rtsps, shown.cert.der()).logged_in(NAME, password);
        client::watch_through(reader, mount, false, enough).unwrap()
    };
    let mut captures = Vec::new();
    for camera in &cameras {
        let main = format!("{}/main", camera.id);
        for (mount, password, status) in [
            (&main, accounts::PASSWORD, 200),
            (&main, "wrong password", 401),
            (&format!("{}/sub", camera.id), accounts::PASSWORD, 403),
        ] {
            let seen = read(mount, password);
            assert_eq!(seen.status, status, "{mount}");
            assert!(status != 200 || seen.packets > 40, "{mount}: {} packets", seen.packets);
            captures.extend(seen.captures);
        }
        camera.assert_every_mark_was_sent();
    }
    gateway.stop();
    let log = gateway.log();
    for event in ["login", "refused", "forbidden", "session_start", "session_end"] {
        let told = |line: &str| line.contains(&format!("audit=\"{event}\""));
        assert!(log.lines().any(told), "{event}: {log}");
    }
    captures.push(Capture::new("log", Kind::Bytes(gateway.log_bytes())));
    let searched = search(&cameras).captures(&captures);
    assert_eq!(searched.findings, []);
    assert!(searched.bytes > 100_000, "{} bytes", searched.bytes);
    // The control: a mark in what came through TLS would have been found.
    let Some(Capture { kind: Kind::Rtsp(bytes), .. }) = captures.first() else { panic!("RTSP") };
    let with_mark = [bytes, cameras[0].marks.marks[0].bytes()].concat();
    let forged = Capture::new("forged", Kind::Rtsp(with_mark));
    assert!(!search(&cameras).captures([&forged]).findings.is_empty());
}

/// What a pipeline that runs beside the gateway made of a planted camera.
fn naive(name: &str, camera: &Planted, program: &str, arguments: &[&str], out: &Path) -> Capture {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ended = cofferdam_system_tests::until(PATIENCE, name, || child.try_wait().unwrap());
    let bytes = std::fs::read(out).unwrap_or_default();
    assert!(bytes.len() > 10_000, "{name} made {} bytes, {ended}", bytes.len());
    assert!(camera.camera.pictures_sent() > 0);
    Capture::new(name, Kind::Bytes(bytes))
}

#[test]
fn naive_pipelines_on_the_same_camera_are_caught() {
    let _turn = turn();
    let camera = Planted::start("h264", 1, Codec::H264);
    let search = search([&camera]);
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let url = camera.url();
    let caught = |name: &str, program: &str, arguments: &[&str], out: &Path| {
        let capture = naive(name, &camera, program, arguments, out);
        let found = search.captures([&capture]);
        found.places().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };

    if programs::has("ffmpeg", "naive_pipelines_on_the_same_camera_are_caught") {
        let input = ["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", &url, "-an"];
        // The camera's clock is a mark: pictures pass as they come.
        let encoder = [
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "1:90000",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
        ];
        let run = |name: &str, encode: &[&str]| {
            let out = path(name);
            let file = out.to_str().unwrap();
            let output = ["-frames:v", "40", "-f", "h264", "-y", file];
            caught(name, "ffmpeg", &[&input[..], encode, &output].concat(), &out)
        };
        // The first reader gets the goodbye, as a gateway would: a copy survives it.
        let copied = run("copy.h264", &["-c", "copy"]);
        assert!(copied.len() > 20, "a copy carries {copied:?}");
        let encoded = run("ffmpeg.h264", &encoder);
        assert!(encoded.iter().any(|place| place == "h264/sei-captions"), "ffmpeg: {encoded:?}");
    }
    if programs::has("gst-launch-1.0", "naive_pipelines_on_the_same_camera_are_caught") {
        let out = path("gstreamer.h264");
        let pipeline = format!(
            "rtspsrc location=rtsp://{}/stream user-id={USER} user-pw={PASSWORD} protocols=tcp ! \
             rtph264depay ! h264parse ! avdec_h264 ! identity eos-after=40 ! \
             x264enc speed-preset=ultrafast tune=zerolatency ! filesink location={}",
            camera.relay.address(),
            out.display()
        );
        let words: Vec<&str> = ["-q"].into_iter().chain(pipeline.split(' ')).collect();
        let encoded = caught("GStreamer", "gst-launch-1.0", &words, &out);
        assert!(
            encoded.iter().any(|place| place == "h264/sei-captions"),
            "one-process GStreamer: {encoded:?}"
        );
    }
}
