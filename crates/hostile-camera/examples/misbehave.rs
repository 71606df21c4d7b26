//! Stands in the place of `cofferdam-ingest`, and does with the ring and the machine whatever the
//! camera's id says, as code of an attacker would that has taken a worker over. An id that says nothing
//! is a camera of the real worker's, which stands beside this program as `cofferdam-ingest.real`.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::exit)]

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, exit};
use std::time::{Duration, Instant};

use cofferdam_ingest_boot::{IngestBoot, descriptors};
use cofferdam_jail::inherited;
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::{Codec, Fault, IngestState, RingSpec, SlotCount, Writer};
use rustix::fs::FallocateFlags;
use rustix::process::Signal;

/// Bytes of the status block.
const STATUS: u64 = 4096;
/// Where a bomb ends by itself, should nobody stop it: the test fails then, and the machine lives.
const MOST_BYTES: usize = 6 << 30;
const MOST_PROCESSES: u16 = 3000;
const LONGEST: Duration = Duration::from_secs(60);

/// What the camera's id may say.
const MODES: [&str; 16] = [
    "silence",
    "spin",
    "exit-codes",
    "signals",
    "stops-itself",
    "fork-bomb",
    "memory-bomb",
    "descriptor-bomb",
    "channel-noise",
    "status-noise",
    "counter-jumps",
    "scribble",
    "full-speed",
    "holes",
    "resize",
    "future-beats",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode = arguments.get(1).cloned().unwrap_or_default();
    if !MODES.contains(&mode.as_str()) {
        be_the_real_one(&arguments);
    }
    wait_for_the_word();
    let began = Instant::now();
    match mode.as_str() {
        "silence" => sleep_for_ever(),
        "spin" => while began.elapsed() < 2 * LONGEST {},
        "exit-codes" => exit(i32::from(random_byte())),
        "signals" => die_by(random_byte()),
        "stops-itself" => {
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, Signal::STOP);
        }
        "fork-bomb" => fork_bomb(&arguments, began),
        "memory-bomb" => memory_bomb(),
        "descriptor-bomb" => descriptor_bomb(),
        "channel-noise" => channel_noise(),
        "status-noise" | "counter-jumps" | "scribble" | "full-speed" | "holes" | "resize"
        | "future-beats" => Ring::inherited().misuse(&mode),
        _ => unreachable!("a mode of the list"),
    }
}

fn be_the_real_one(arguments: &[String]) {
    let own = std::env::current_exe().expect("a running program has a path");
    let error = Command::new(own.with_file_name("cofferdam-ingest.real")).args(arguments).exec();
    exit(error.raw_os_error().unwrap_or(1));
}

/// Until a file `go` stands beside this program: until the honest camera plays.
fn wait_for_the_word() {
    let own = std::env::current_exe().expect("a running program has a path");
    while !own.with_file_name("go").exists() {
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn random_byte() -> u8 {
    let mut byte = [0];
    let _ = rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::empty());
    byte[0]
}

fn sleep_for_ever() {
    loop {
        std::thread::park();
    }
}

fn die_by(chance: u8) {
    let signals =
        [Signal::SEGV, Signal::ABORT, Signal::KILL, Signal::SYS, Signal::TERM, Signal::BUS];
    let signal = signals[usize::from(chance) % signals.len()];
    let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    sleep_for_ever();
}

/// As many of itself as there may be, each doing the same.
#[allow(clippy::zombie_processes)]
fn fork_bomb(arguments: &[String], began: Instant) {
    let own = std::env::current_exe().expect("a running program has a path");
    while began.elapsed() < LONGEST {
        if rustix::system::sysinfo().procs < MOST_PROCESSES {
            let mut child = Command::new(&own);
            child.args(arguments).stdin(Stdio::null());
            // Where it is refused it is tried again, at once.
            let _ = child.spawn();
        }
    }
}

fn memory_bomb() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    while kept.len() << 24 < MOST_BYTES {
        kept.push(vec![1; 1 << 24]);
    }
    sleep_for_ever();
}

fn descriptor_bomb() {
    let mut kept = Vec::new();
    let began = Instant::now();
    while began.elapsed() < LONGEST {
        if let Ok(file) = File::open("/dev/null") {
            kept.push(file);
        }
    }
}

/// Bytes where a descriptor and one letter belong.
fn channel_noise() {
    let Ok(channel) = inherited(descriptors::CHANNEL) else { exit(1) };
    let noise = [0x52; 1 << 16];
    while rustix::io::write(&channel, &noise).is_ok() {}
}

struct Ring {
    file: File,
    writer: Writer,
    length: u64,
    seed: u64,
}

impl Ring {
    fn inherited() -> Self {
        let pipe = inherited(descriptors::BOOT).expect("a worker is told something");
        let told: IngestBoot =
            serde_json::from_reader(File::from(pipe)).expect("a worker is told this");
        let slots = SlotCount::try_from(told.slots).expect("a number of slots");
        let spec = RingSpec { geometry: told.geometry, slots };
        let ring = inherited(descriptors::RING).expect("a worker has a ring");
        let writer = Writer::map(ring.as_fd(), spec).expect("the ring can be mapped");
        let length = u64::try_from(spec.total_len()).expect("a length");
        Self { file: File::from(ring), writer, length, seed: 0x9e37_79b9_7f4a_7c15 }
    }

    fn random(&mut self) -> u64 {
        // Marsaglia's xorshift64.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn misuse(mut self, mode: &str) {
        self.writer.set_codec(Codec::H264);
        self.writer.set_state(IngestState::Streaming, Fault::None);
        let mut jump: u64 = 0;
        loop {
            self.writer.beat(MonotonicTime::now());
            match mode {
                // Any word of the status block.
                "status-noise" => self.put_word(0, STATUS / 8),
                // The first word is the write counter: far ahead, far back, anywhere.
                "counter-jumps" => {
                    jump = match self.random() % 4 {
                        0 => jump.wrapping_add(1 << 40),
                        1 => jump.wrapping_sub(7),
                        2 => u64::MAX,
                        _ => self.random(),
                    };
                    self.put(0, &jump.to_le_bytes());
                    self.picture();
                }
                // Everything, while the core reads.
                "scribble" => {
                    let (at, byte) = (self.random() % self.length, self.random().to_le_bytes()[0]);
                    self.put(at, &vec![byte; 1 << 16]);
                    self.picture();
                    continue;
                }
                "full-speed" => {
                    self.picture();
                    continue;
                }
                "holes" => {
                    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                    let _ = rustix::fs::fallocate(&self.file, flags, 0, self.length);
                    self.picture();
                }
                "resize" => {
                    let _ = self.file.set_len(0);
                    let _ = self.file.set_len(self.length * 2);
                    self.picture();
                }
                _ => {
                    self.writer.beat(MonotonicTime::from_nanos(u64::MAX));
                    self.picture();
                }
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// A picture of noise, told to have arrived at a random time.
    fn picture(&mut self) {
        let (arrived, luma) = (MonotonicTime::from_nanos(self.random()), self.random());
        self.writer.write(arrived, |picture| {
            picture.y.fill(luma.to_le_bytes()[0]);
        });
    }

    fn put_word(&mut self, from: u64, words: u64) {
        let (at, word) = (from + self.random() % words * 8, self.random());
        self.put(at, &word.to_le_bytes());
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        // The size is sealed: what would go beyond it fails.
        let most = usize::try_from(self.length - at).unwrap_or(usize::MAX).min(bytes.len());
        let _ = self.file.write_all_at(&bytes[..most], at);
    }
}
