//! Connections in their thousands: those that come and go leave nothing behind, and those that stay without
//! asking for anything disturb nobody.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cofferdam_system_tests::rtsp::Rtsp;
use cofferdam_system_tests::{Gateway, GatewayConfig, eventually, scene};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const MANY: usize = 10_000;
/// What an allocator may keep of them that is nobody's: far less than a leak of 512 bytes a connection.
const MOST_KIB: u64 = 4096;

/// A connection from an address of loopback.
fn connection(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket =
        socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    bind(&socket, &SocketAddr::from((from, 0))).unwrap();
    connect(&socket, &to).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Resident memory in KiB, and open descriptors.
fn held(pid: i32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib = line.trim().trim_end_matches(" kB").parse().unwrap();
    (kib, std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
}

fn gateway() -> (Gateway, cofferdam_simulator::Camera) {
    let camera = scene::camera("yard", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
    (gateway, camera)
}

#[test]
fn ten_thousand_that_ask_and_leave_leave_nothing_behind() {
    let (gateway, _camera) = gateway();
    let core = gateway.side("core").unwrap().pid;
    let request = format!(
        "DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n",
        gateway.url("yard/main")
    );
    let cycle = |number: usize| {
        // From a few addresses, so that none runs out of ports.
        let from = Ipv4Addr::new(127, 0, 1, u8::try_from(1 + number % 8).unwrap());
        let mut stream = connection(from, gateway.rtsp);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 2048];
        let length = stream.read(&mut answer).unwrap();
        assert!(answer[..length].starts_with(b"RTSP/1.0 200 OK\r\n"));
    };
    let all_gone = || {
        eventually("all of them to be gone", || {
            gateway.metrics().value("cofferdam_rtsp_connections", &[]) == Some(0.0)
        });
        held(core)
    };
    // What is made once, for the first of them, is made.
    (0..MANY / 10).for_each(cycle);
    let (memory, descriptors) = all_gone();
    (0..MANY).for_each(cycle);
    let (memory_now, _) = all_gone();
    // Whoever reads the metrics is a descriptor as well, for a moment longer.
    eventually("their descriptors to be closed", || held(core).1 <= descriptors);
    assert!(memory_now <= memory + MOST_KIB, "{memory} KiB before, {memory_now} KiB after");
    let answered = gateway.metrics();
    let labels = ["method=\"DESCRIBE\"", "status=\"200\""];
    let answered = answered.value("cofferdam_rtsp_requests_total", &labels);
    assert_eq!(answered, Some((MANY + MANY / 10) as f64));
}

#[test]
fn ten_thousand_half_open_connections_disturb_nobody_who_plays() {
    // This test holds as many as the server lets in.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let (gateway, _camera) = gateway();
    let core = gateway.side("core").unwrap().pid;
    let mut players = [(); 2].map(|()| Rtsp::connect(gateway.rtsp, "yard/main"));
    players.iter_mut().for_each(Rtsp::play);
    let (packets, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (metrics, refused) = (|| gateway.metrics(), "cofferdam_rtsp_refused_total");
    let most = std::thread::scope(|scope| {
        for mut player in players {
            let (packets, over) = (&packets, &over);
            scope.spawn(move || {
                let mut last: Option<u16> = None;
                while !over.load(Ordering::Relaxed) {
                    let (channel, packet) = player.frame().expect("it plays");
                    if channel != 0 {
                        continue;
                    }
                    let sequence = u16::from_be_bytes([packet[2], packet[3]]);
                    assert!(last.is_none_or(|last| sequence == last.wrapping_add(1)), "a loss");
                    last = Some(sequence);
                    packets.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        eventually("packets", || packets.load(Ordering::Relaxed) > 10);
        // First as many from one address as it may have and some more, then from everywhere.
        let from = |number: usize| match number {
            0..1100 => Ipv4Addr::new(127, 0, 2, 1),
            _ => Ipv4Addr::new(127, 0, 3, u8::try_from(number % 250 + 1).unwrap()),
        };
        let mut held_open = Vec::with_capacity(MANY);
        let before = packets.load(Ordering::Relaxed);
        for number in 0..MANY {
            let mut stream = connection(from(number), gateway.rtsp);
            if number % 2 == 1 {
                // Whoever was refused may have heard so already.
                let _ = stream.write_all(b"DESCRIBE rtsp://gw/yard/main RTSP/1.0\r\nCSeq:");
            }
            held_open.push(stream);
            // What is refused is closed by the server; what is not stays open here.
            if held_open.len() > 2500 {
                held_open.swap_remove(2499);
            }
        }
        let reasons = ["per_address", "connections"];
        for reason in reasons.map(|reason| format!("reason=\"{reason}\"")) {
            assert!(metrics().value(refused, &[&reason]) > Some(0.0), "{reason}");
        }
        let most = metrics().value("cofferdam_rtsp_connections", &[]).unwrap();
        assert!(held(core).1 > 1024, "more descriptors than the usual limit");
        let meanwhile = packets.load(Ordering::Relaxed);
        assert!(meanwhile > before, "they play on");
        eventually("more packets", || packets.load(Ordering::Relaxed) > meanwhile + 20);
        drop(held_open);
        // Once they are gone, whoever comes is served.
        eventually("them to be gone", || {
            metrics().value("cofferdam_rtsp_connections", &[]) == Some(2.0)
        });
        assert_eq!(Rtsp::connect(gateway.rtsp, "yard/main").request("DESCRIBE", &[]).status, 200);
        over.store(true, Ordering::Relaxed);
        most
    });
    assert_eq!(most, 2048.0, "as many as there may be");
    let dropped =
        metrics().value("cofferdam_mount_reader_units_dropped_total", &["mount=\"main\""]);
    assert!(dropped.is_none_or(|dropped| dropped == 0.0), "{dropped:?}");
}
