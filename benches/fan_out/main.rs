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
use report::Report;
use round::Plan;
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
    let film = film::make(folder.path()).context("the film")?;
    println!("{}", film.describe());
    if !options.no_controls {
        controls::run(&film.path)?;
    }
    let peer = peer(options, folder.path());
    let mut report = Report::default();
    for plan in options.plans() {
        let ours = Subject::ours(&film.path, None)?;
        report.add(plan, "cofferdam", round::run(&ours, plan)?);
        drop(ours);
        if let Ok(peer) = &peer {
            let running = peer.start(&film.path)?;
            report.add(plan, report::PEER, round::run(&running, plan)?);
        }
        let bare = Subject::bare(&film.path)?;
        report.add(plan, "bare loop", round::run(&bare, Plan { joins: 0, ..plan })?);
        drop(bare);
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
