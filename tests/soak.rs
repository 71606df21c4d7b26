//! Minutes of kills, stalls and readers that come and go: the readers that stay keep their sessions,
//! and the core side's memory and descriptors stay where they were.
//!
//! `scripts/test-long --minutes N` gives it its time; without any it says so and does nothing.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cofferdam_simulator::{Camera, Codec};
use cofferdam_system_tests::processes::Process;
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, scene, until,
};
use rustix::process::Signal;

const DEADLINE: Duration = Duration::from_secs(30);
/// What the core side's memory may grow by after the first minute, in KiB.
const MOST_GROWTH_KIB: u64 = 16 * 1024;
/// How many more descriptors the core side may have at the end: sockets that are just closing.
const MOST_DESCRIPTORS: usize = 8;

const CAMERAS: [(&str, Codec); 3] =
    [("h264", Codec::H264), ("h265", Codec::H265), ("mjpeg", Codec::Mjpeg)];

fn main() {
    let minutes = std::env::args().skip_while(|a| a != "--minutes").nth(1);
    let Some(minutes) = minutes.and_then(|m| m.parse::<u64>().ok()).filter(|m| *m > 0) else {
        println!("soak: not run: it takes minutes; scripts/test-long --minutes N runs it");
        println!("test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        return;
    };
    soak(Duration::from_secs(minutes * 60));
    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}

/// Pictures have to come back by [`DEADLINE`]; until then the session is to stand.
fn patient(table: CameraConfig) -> CameraConfig {
    table.with("signal_loss = { hold = \"1min\" }")
}

struct Scene {
    gateway: Gateway,
    players: Vec<Player>,
    _cameras: Vec<Camera>,
}

fn soak(length: Duration) {
    let cameras: Vec<Camera> = (1..)
        .zip(CAMERAS)
        .map(|(number, (name, codec))| {
            Camera::start(scene::settings(name, number, codec)).expect("the camera starts")
        })
        .collect();
    let mut tables: Vec<CameraConfig> = CAMERAS
        .iter()
        .zip(&cameras)
        .map(|((name, _), c)| patient(scene::config(name, c)))
        .collect();
    tables.push(CameraConfig::new("dead", "rtsp://127.0.0.1:9/x", (640, 360, 5)));
    let gateway = Gateway::start(&GatewayConfig::open(tables));
    let players = CAMERAS
        .iter()
        .zip([Transport::Tcp, Transport::Udp, Transport::Tcp])
        .map(|((name, _), transport)| {
            let url = gateway.url(&format!("{name}/main"));
            Player::start(Client::Ffmpeg, transport, &url, scene::size())
        })
        .collect();
    let mut scene = Scene { gateway, players, _cameras: cameras };
    for index in 0..CAMERAS.len() {
        scene.plays_again(index);
    }

    let end = Instant::now() + length;
    let warm = Instant::now() + Duration::from_secs(60).min(length / 3);
    let mut baseline = None;
    let mut random = Random(0x9e37_79b9);
    let mut strikes = [0; 5];
    while Instant::now() < end {
        let (index, strike) = (random.below(CAMERAS.len()), random.below(5));
        scene.strike(index, strike);
        strikes[strike] += 1;
        scene.plays_again(index);
        if baseline.is_none() && Instant::now() > warm {
            baseline = Some(scene.core_size());
        }
    }
    println!(
        "soak: {} ingest kills, {} encode kills, {} stalls, {} camera-side kills, {} crowds",
        strikes[0], strikes[1], strikes[2], strikes[3], strikes[4]
    );
    let (baseline, last) = (baseline.expect("a minute has passed"), scene.core_size());
    println!(
        "soak: core side {baseline:?} after the first minute, {last:?} at the end (KiB, descriptors)"
    );
    assert!(last.0 <= baseline.0 + MOST_GROWTH_KIB, "memory grows: {baseline:?} to {last:?}");
    assert!(last.1 <= baseline.1 + MOST_DESCRIPTORS, "descriptors leak: {baseline:?} to {last:?}");
    for (player, (name, _)) in scene.players.iter_mut().zip(CAMERAS) {
        assert!(player.is_running(), "the reader of {name} lost its session");
    }
}

impl Scene {
    fn strike(&self, index: usize, strike: usize) {
        let camera = CAMERAS[index].0;
        match strike {
            0 => self.replace("cofferdam-ingest", camera, Signal::KILL),
            1 => self.replace("cofferdam-encode", camera, Signal::KILL),
            2 => self.replace("cofferdam-ingest", camera, Signal::STOP),
            3 => {
                let side = until(DEADLINE, "a camera side", || self.gateway.side("camera"));
                side.signal(Signal::KILL);
                until(DEADLINE, "another camera side", || {
                    self.gateway.side("camera").filter(|new| new.pid != side.pid)
                });
            }
            _ => self.crowd(camera),
        }
    }

    /// Sends a worker a signal, and waits for another worker in its place.
    fn replace(&self, program: &str, camera: &str, signal: Signal) {
        let worker = until(DEADLINE, program, || self.gateway.worker(program, camera));
        worker.signal(signal);
        let other = |new: &Process| new.pid != worker.pid;
        until(DEADLINE, "another worker", || self.gateway.worker(program, camera).filter(other));
    }

    /// Readers that come, and go in every rude way.
    fn crowd(&self, camera: &str) {
        for round in 0..50 {
            let mut socket = TcpStream::connect(self.gateway.rtsp).expect("the server listens");
            socket.set_read_timeout(Some(DEADLINE)).expect("a time-out");
            let url = self.gateway.url(&format!("{camera}/sub"));
            let requests = [
                format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
                format!(
                    "SETUP {url}/trackID=0 RTSP/1.0\r\nCSeq: 2\r\n\
                     Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
                ),
            ];
            for request in &requests[..round % 3] {
                socket.write_all(request.as_bytes()).expect("the server reads");
                let mut answer = [0; 2048];
                let _ = socket.read(&mut answer).expect("the server answers");
            }
            if round % 5 == 0 {
                let _ = socket.write_all(b"half a requ");
            }
        }
        let url = self.gateway.url(&format!("{camera}/sub"));
        let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
        assert!(player.next(DEADLINE).is_some(), "the sub mount of {camera} plays");
    }

    /// Waits for a second of pictures newer than any that has come so far.
    fn plays_again(&mut self, index: usize) {
        let (name, player) = (CAMERAS[index].0, &self.players[index]);
        let mut newest = 0;
        while let Some(shown) = player.next(Duration::ZERO) {
            newest = player.barcode(&shown).map_or(newest, |code| code.counter.max(newest));
        }
        let end = Instant::now() + DEADLINE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(shown) = player.next(left) else {
                panic!("no live picture of {name} came again; log:\n{}", self.gateway.log());
            };
            if player.barcode(&shown).is_some_and(|code| code.counter > newest + scene::RATE) {
                return;
            }
        }
    }

    /// The core side's resident memory in KiB, and its open descriptors.
    fn core_size(&self) -> (u64, usize) {
        let core = until(DEADLINE, "the core side", || self.gateway.side("core"));
        let status = core.proc_file("status");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
        let memory = line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let folder = format!("/proc/{}/fd", core.pid);
        (memory, std::fs::read_dir(folder).map_or(0, Iterator::count))
    }
}

/// Numbers that are spread, and the same on each run.
struct Random(u32);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % bound
    }
}
