//! Measures what readers of one mount cost, beside Debian's GStreamer RTSP server that serves the same
//! access units to the same readers.
//!
//! ```text
//! cargo bench --bench fan_out -- [--readers 1,10,100] [--transport tcp] [--seconds 20]
//! ```
//!
//! `docs/benchmarks.md` says what the numbers mean.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod bare;
#[path = "../peer/compile.rs"]
mod compile;
mod controls;
mod cost;
mod film;
mod options;
mod peer;
mod readers;
mod report;
mod round;
mod server;
mod stamp;
mod subject;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tempfile::TempDir;

use options::{Options, Part};
use peer::Peer;
use report::{BARE, OURS, PEER, Report};
use round::{Plan, Round};
use subject::Subject;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.part {
        Some(Part::Serve(serve)) if serve.bare => bare::run(serve),
        Some(Part::Serve(serve)) => server::run(serve),
        Some(Part::Read(read)) => readers::run(read),
        None => bench(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fan_out: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let folder = TempDir::with_prefix("cofferdam-bench-")?;
    let film = film::make(folder.path(), options.delimiters).context("the film")?;
    println!("{}", film.describe());
    if !options.no_controls {
        controls::run(&film.path)?;
    }
    let peer = peer(options, folder.path());
    let mut report = Report::default();
    for plan in options.plans() {
        let (mut ours, mut peers, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            ours.push(round::run(&Subject::ours(&film.path, None)?, plan).context(OURS)?);
            if let Ok(peer) = &peer {
                peers.push(round::run(&peer.start(&film.path)?, plan).context(PEER)?);
            }
            let plan = Plan { joins: 0, ..plan };
            bare.push(round::run(&Subject::bare(&film.path)?, plan).context(BARE)?);
        }
        for (server, rounds) in [(OURS, ours), (PEER, peers), (BARE, bare)] {
            if let Some(round) = Round::median(&rounds) {
                report.add(plan, server, round);
            }
        }
        print!("{}", report.newest());
    }
    if let Err(error) = &peer {
        println!("no peer, so no ratio: {error:#}");
    }
    print!("{}", report.table());
    Ok(())
}

fn peer(options: &Options, folder: &Path) -> anyhow::Result<Peer> {
    anyhow::ensure!(!options.no_peer, "not asked for");
    Peer::compile(folder)
}
