//! Measures the running system end to end: from the last packet of a picture that a camera sends to
//! the last packet of its re-encoding at a reader, and what that costs.
//!
//! ```text
//! cargo bench --bench end_to_end -- [--seconds 60] [--cameras 1] [--quick]
//! ```
//!
//! `docs/benchmarks.md` says what the numbers mean.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod accounting;
mod binaries;
mod camera;
#[path = "../peer/compile.rs"]
mod compile;
mod controls;
mod cost;
mod join;
mod machine;
mod measure;
mod options;
mod reader;
mod relay;
mod report;
mod subject;

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use tempfile::TempDir;

use binaries::Binaries;
use camera::{Camera, CameraSpec};
use options::{Options, Part};
use report::Report;
use subject::gateway::Ours;
use subject::peer;

/// How often the controls may be run.
const CONTROL_ATTEMPTS: usize = 3;

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.part {
        Some(Part::Read(reader)) => reader::run(reader).map(|()| ExitCode::SUCCESS),
        None => bench(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("end_to_end: {error:#}");
        ExitCode::FAILURE
    })
}

fn bench(options: &Options) -> anyhow::Result<ExitCode> {
    if !options.no_build {
        binaries::build()?;
    }
    let folder = TempDir::with_prefix("cofferdam-bench-")?;
    let binaries = Binaries::copy_to(folder.path())?;
    println!("{}", machine::describe());
    if options.wants_controls() && !controls_show(&binaries, folder.path())? {
        eprintln!("end_to_end: what the controls do not show cannot be measured");
        return Ok(ExitCode::FAILURE);
    }
    if options.wants_numbers() {
        let report = numbers(options, &binaries, folder.path())?;
        print!("{}", report.table());
        report.write_json(options.json.as_deref())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether all controls show, in one attempt of a few.
///
/// A measurement that does not see what it should fails every time; a gateway that loses a picture
/// because something else has the machine does not.
fn controls_show(binaries: &Binaries, folder: &Path) -> anyhow::Result<bool> {
    for _ in 0..CONTROL_ATTEMPTS {
        let controls = controls::run(binaries, folder)?;
        controls.lines().for_each(|line| println!("{line}"));
        if controls.all_good() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Measures both subjects in turn, on the same cameras.
fn numbers(options: &Options, binaries: &Binaries, folder: &Path) -> anyhow::Result<Report> {
    let spec =
        |number| CameraSpec { number, size: (1920, 1080), fps: 25, loop_seconds: 20, drop: None };
    let specs: Vec<CameraSpec> = (1..=options.cameras).map(spec).collect();
    let cameras = Camera::start_all(&specs, binaries, folder)?;
    let mut peer = match options.no_peer {
        true => Err(anyhow::anyhow!("not asked for")),
        false => peer::Program::compile(folder),
    };
    let mut report = Report::new(options.cameras);
    for plan in options.plans() {
        let urls = || cameras.iter().map(|camera| camera.url.as_str());
        {
            let tables: Vec<_> =
                urls().zip(&specs).map(|(url, spec)| (url, spec.size, spec.fps)).collect();
            let gateway = Ours::start(binaries, &tables);
            report.add(measure::round(&gateway, &cameras, plan)?);
        }
        // Without the peer the gateway's numbers stand alone: there is nothing to relate them to.
        peer = peer.and_then(|program| {
            let running = program.start(&urls().collect::<Vec<_>>())?;
            report.add(measure::round(&running, &cameras, plan)?);
            Ok(program)
        });
    }
    if let Err(error) = peer {
        report.without_peer(&format!("{error:#}"));
    }
    Ok(report)
}
