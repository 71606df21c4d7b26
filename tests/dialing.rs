//! Who connects to a camera: the dialer, to the configured one, and nobody else.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cofferdam_simulator::Camera;
use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::processes::Process;
use cofferdam_system_tests::{CameraConfig, Gateway, GatewayConfig, programs, scene};

const DEADLINE: Duration = Duration::from_secs(30);

/// The sockets of a process, as the numbers that `/proc` knows them by, and the other things it has
/// open.
fn open_files(process: &Process) -> (Vec<String>, Vec<String>) {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", process.pid))
        .expect("the descriptors of a process of one's own, or of anyone's as root");
    let links = folder.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let links = links.map(|link| link.display().to_string());
    let (sockets, others): (Vec<_>, Vec<_>) = links.partition(|link| link.starts_with("socket:["));
    let number = |link: String| link.trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
    (sockets.into_iter().map(number).collect(), others)
}

/// The connections to `peer` on this machine, as the numbers that `/proc` knows them by.
fn connections_to(peer: SocketAddr) -> Vec<String> {
    let SocketAddr::V4(peer) = peer else { panic!("an IPv4 address") };
    // As the kernel prints it: the address in the machine's own order of bytes.
    let address = format!("{:08X}:{:04X}", u32::from_ne_bytes(peer.ip().octets()), peer.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields
        .filter(|fields| fields.get(2) == Some(&address.as_str()))
        .filter_map(|fields| fields.get(9).map(ToString::to_string))
        .filter(|number| number != "0")
        .collect()
}

/// Whether a socket is one of a pair without a name: libraries wake themselves with those.
fn is_pair(number: &str) -> bool {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap();
    table.lines().any(|line| line.split_whitespace().skip(6).eq([number]))
}

fn address_of(camera: &Camera) -> SocketAddr {
    let url = camera.url();
    let address = url.strip_prefix("rtsp://").unwrap().split('/').next().unwrap();
    address.parse().unwrap()
}

#[test]
fn a_workers_only_socket_is_the_one_that_the_dialer_made() {
    let camera = scene::camera("yard", 1);
    let mut config = GatewayConfig::open(vec![scene::config("yard", &camera)]);
    // Loopback leads nowhere, so what would keep a real network apart does not matter here.
    config.preamble =
        "[camera_network]\ninterface = \"lo\"\n[isolation]\nallow = [\"interfaces\", \
                       \"forwarding\", \"ipv6\", \"routes\", \"prefixes\", \"listeners\", \"arp\", \
                       \"sources\", \"redirects\"]"
            .into();
    let gateway = Gateway::start(&config);
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);

    let worker = gateway.worker("cofferdam-ingest", "yard").unwrap();
    let dialer = gateway.side("camera").unwrap();
    let connections = connections_to(address_of(&camera));
    assert_eq!(connections.len(), 1);
    let (its_sockets, its_others) = open_files(&worker);
    // Its socket calls are answered elsewhere, so it did not make this one.
    // It may hold it under several numbers: one to read from, one to count by.
    let mut reaching: Vec<_> = its_sockets.into_iter().filter(|number| !is_pair(number)).collect();
    reaching.dedup();
    assert_eq!(reaching, connections, "{its_others:?}");
    let status = worker.proc_file("status");
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    let (dialers_sockets, dialers_others) = open_files(&dialer);
    assert!(!dialers_sockets.contains(&connections[0]), "the dialer keeps no copy");
    let answers = |files: &[String]| files.iter().any(|file| file.contains("seccomp notify"));
    assert!(answers(&dialers_others), "{dialers_others:?}");
    assert!(!answers(&its_others), "{its_others:?}");

    if programs::has("ss", "the interface of a camera's connection") {
        let peer = address_of(&camera);
        let filter = ["-tnH", "state", "established", "dst", &peer.to_string()];
        let shown = Command::new("ss").args(filter).output().unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("%lo:"), "bound to its interface: {shown}");
    }
}

#[test]
fn an_interface_that_is_not_there_is_refused_at_the_start() {
    let camera = scene::camera("yard", 1);
    let config = GatewayConfig::open(vec![scene::config("yard", &camera)]);
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("cofferdam.toml");
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let config = config.text(address(free_port()), address(free_port()));
    let camera_interface = format!("[camera_network]\ninterface = \"nosuch0\"\n{config}");
    let core_interface = config.replace("[core]\n", "[core]\ninterface = \"nosuch0\"\n");
    for (key, config) in
        [("camera_network.interface", camera_interface), ("core.interface", core_interface)]
    {
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new(programs::ours("cofferdam"));
        let output = command.args(["run", "--config"]).arg(&path).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let expected = format!(
            "`{key}`: expected a network interface of this host, found \"nosuch0\": no such interface"
        );
        assert!(said.contains(&expected), "{said}");
    }
    assert_eq!(camera.connections(), 0);
}

/// A camera that names another host wherever RTSP lets it, and what it was asked.
struct Misleading {
    address: SocketAddr,
    asked: Receiver<Vec<String>>,
}

/// The connections it takes.
const CONNECTIONS: usize = 3;

impl Misleading {
    fn start(other: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, asked) = channel();
        std::thread::spawn(move || {
            for number in 0..CONNECTIONS {
                let Ok((connection, _)) = listener.accept() else { return };
                let _ = send.send(mislead(connection, other, number));
            }
        });
        Self { address, asked }
    }
}

/// Answers one connection to its end, and says what was asked.
fn mislead(mut connection: TcpStream, other: SocketAddr, number: usize) -> Vec<String> {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut asked = Vec::new();
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            match reader.read_line(&mut request) {
                Ok(1..) => {}
                _ => return asked,
            }
        }
        let line = request.lines().next().unwrap_or_default().to_owned();
        let cseq = asked.len() + 1;
        let answer = match line.split(' ').next() {
            Some("DESCRIBE") if number + 1 == CONNECTIONS => {
                format!("302 Moved\r\nCSeq: {cseq}\r\nLocation: rtsp://{other}/x\r\n\r\n")
            }
            Some("DESCRIBE") => {
                let sdp = format!(
                    "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=x\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
                     a=control:rtsp://{other}/x\r\nm=video 0 RTP/AVP 96\r\n\
                     a=rtpmap:96 H264/90000\r\na=control:rtsp://{other}/x/track1\r\n",
                    ip = other.ip()
                );
                format!(
                    "200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\n\
                     Content-Base: rtsp://{other}/x/\r\nContent-Location: rtsp://{other}/x/\r\n\
                     Content-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                )
            }
            Some("SETUP") => format!(
                "200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\nTransport: RTP/AVP/TCP;unicast;\
                 interleaved=0-1;source={};destination={}\r\n\r\n",
                other.ip(),
                other.ip()
            ),
            _ => format!(
                "200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\nRTP-Info: url=rtsp://{other}/x/track1\r\n\r\n"
            ),
        };
        asked.push(line);
        if connection.write_all(format!("RTSP/1.0 {answer}").as_bytes()).is_err() {
            return asked;
        }
        if asked.len() == 3 {
            // It plays nothing: this is the end of the session, where a client may say goodbye.
            return asked;
        }
    }
}

#[test]
fn a_camera_that_names_another_host_is_not_followed_there() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let elsewhere = other.local_addr().unwrap();
    let camera = Misleading::start(elsewhere);
    // By name: which address that is, the dialer finds out, and says so.
    let url = format!("rtsp://localhost:{}/stream", camera.address.port());
    let table = CameraConfig::new("liar", &url, (scene::SIZE.0, scene::SIZE.1, 5));
    let gateway = Gateway::start(&GatewayConfig::open(vec![table]));
    for connection in 1..=CONNECTIONS {
        let asked = camera.asked.recv_timeout(DEADLINE).expect("a connection that ended");
        let first = format!("DESCRIBE rtsp://{}/stream RTSP/1.0", camera.address);
        assert_eq!(asked.first(), Some(&first));
        if connection < CONNECTIONS {
            // It went so far as to ask for the other host's stream: here, where it is connected.
            let set_up = format!("SETUP rtsp://{elsewhere}/x/track1 RTSP/1.0");
            assert_eq!(asked.get(1), Some(&set_up), "{asked:?}");
            assert!(asked.get(2).is_some_and(|line| line.starts_with("PLAY ")), "{asked:?}");
        }
    }
    gateway
        .wait_for_metric("cofferdam_camera_faults_total", &["fault=\"rtsp_status\""], |n| n >= 1.0);
    assert_eq!(other.accept().err().map(|error| error.kind()), Some(ErrorKind::WouldBlock));
    assert!(!gateway.log().contains(&elsewhere.port().to_string()));
    // The control: had anyone come, this is how it would have shown.
    let _visitor = TcpStream::connect(elsewhere).unwrap();
    assert!(other.accept().is_ok());
}
