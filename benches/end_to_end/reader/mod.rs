//! The reader: a process of its own that receives one mount and notes when each picture was there.
//!
//! While it receives it only stamps and stores; it decodes what it stored, and reads the counters,
//! when the measurement is over. So it takes next to nothing from what is measured, and what it
//! reports is read from decoded pictures all the same.

pub(crate) mod decode;
pub(crate) mod rtp;
pub(crate) mod rtsp;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::accounting::Received;
use rtp::{AccessUnit, Assembler};
use rtsp::Client;

/// A first key frame takes at most a group of pictures, and a peer some time to start.
const FIRST_PICTURE: Duration = Duration::from_secs(30);

/// Memory for what is stored, in bytes: far more than any sensible run.
const MOST_STORED: usize = 1 << 30;

/// What the reader process is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReadOptions {
    #[arg(long)]
    url: String,
    #[arg(long)]
    width: usize,
    #[arg(long)]
    height: usize,
    /// The camera's number in the barcode.
    #[arg(long)]
    camera: u8,
}

/// A picture as the reader had it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) received: Received,
    /// Bytes of the access unit.
    pub(crate) bytes: u64,
}

/// All that a reader received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) units: Vec<Unit>,
    /// RTP packets that never came.
    pub(crate) packets_lost: u64,
}

/// A running reader process.
pub(crate) struct Reader {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Reader {
    /// Starts to read `url`, which shows the camera with this number in pictures of this size.
    pub(crate) fn start(url: &str, camera: u8, size: (u32, u32)) -> anyhow::Result<Self> {
        // This program, even if a newer one has taken its place in the meantime.
        let mut child = Command::new("/proc/self/exe")
            .arg0("end_to_end")
            .args(["read", "--url", url, "--camera", &camera.to_string()])
            .args(["--width", &size.0.to_string(), "--height", &size.1.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("standard output is piped")?);
        Ok(Self { child, input, output })
    }

    /// Waits for the first picture.
    pub(crate) fn wait_until_playing(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line == "playing\n", "a reader ended before its first picture");
        Ok(())
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it, and gives what it received, once that is decoded.
    pub(crate) fn finish(mut self) -> anyhow::Result<Recording> {
        self.input = None;
        let mut recording = Recording::default();
        let mut complete = false;
        let mut line = String::new();
        while self.output.read_line(&mut line)? > 0 {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["unit", at, bytes, counter] => recording.units.push(Unit {
                    received: Received { at: at.parse()?, counter: counter.parse().ok() },
                    bytes: bytes.parse()?,
                }),
                ["lost", packets] => {
                    recording.packets_lost = packets.parse()?;
                    complete = true;
                }
                _ => bail!("a reader said {line:?}"),
            }
            line.clear();
        }
        ensure!(complete, "a reader ended early");
        Ok(recording)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It has ended already, or there is nobody left to listen to it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The reader process: receives until standard input ends, then decodes and reports.
pub(crate) fn run(options: &ReadOptions) -> anyhow::Result<()> {
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    std::thread::spawn(move || {
        let mut ignored = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut ignored);
        stop.store(true, Ordering::Relaxed);
    });

    let mut client = Client::prepare(&options.url)?;
    client.play()?;
    let mut assembler = Assembler::default();
    let mut units: Vec<(u64, AccessUnit)> = Vec::new();
    let (mut stored, deadline) = (0, Instant::now() + FIRST_PICTURE);
    while !stopped.load(Ordering::Relaxed) {
        if let Some(packet) = client.next()?
            && let Some(unit) = assembler.push(&packet.bytes)
            && (unit.key || !units.is_empty())
        {
            if units.is_empty() {
                say("playing")?;
            }
            stored += unit.bytes.len();
            ensure!(stored < MOST_STORED, "the run is too long to be stored");
            units.push((packet.at, unit));
        }
        ensure!(!units.is_empty() || Instant::now() < deadline, "no key frame");
    }

    let size = (options.width, options.height);
    if let Some((_, first)) = units.first_mut() {
        // For a server that says them in the description alone.
        first.bytes.splice(..0, client.parameter_sets().iter().copied());
    }
    let codes = decode::barcodes(units.iter().map(|(_, unit)| unit.bytes.as_slice()), size)?;
    for ((at, unit), code) in units.iter().zip(codes) {
        let counter = code.filter(|code| code.camera == options.camera).map(|code| code.counter);
        let counter = counter.map_or("none".to_owned(), |counter| counter.to_string());
        say(&format!("unit {at} {} {counter}", unit.bytes.len()))?;
    }
    say(&format!("lost {}", assembler.lost()))
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
