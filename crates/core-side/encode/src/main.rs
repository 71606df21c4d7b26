//! The `cofferdam-encode` binary: `--camera ID`, started by the server with its descriptors, or
//! `--check NAME` to see whether an encoder works here.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use cofferdam_encode::boot::{Exit, Inheritance};
use cofferdam_encode::check::check;
use cofferdam_encode::worker::{Prepared, Stop, rehearse};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let end = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--camera", camera] => encode(camera),
        ["--check", name] => check(name, &mut std::io::stdout()).map_err(Stop::Fault),
        _ => Err(Stop::Fault(Exit::Usage)),
    };
    match end {
        Ok(()) | Err(Stop::ServerGone) => ExitCode::SUCCESS,
        Err(Stop::Fault(exit)) => ExitCode::from(exit.code()),
        Err(Stop::Jail(layer)) => ExitCode::from(layer.exit_code()),
    }
}

fn encode(camera: &str) -> Result<(), Stop> {
    let Inheritance { settings, ring, records, commands } =
        Inheritance::take(camera).map_err(Stop::Fault)?;
    let jail = rehearse(&settings, &ring)?;
    let prepared = Prepared::new(settings, records, commands)?.lock_in(jail)?;
    let worker = prepared.open_ring(&ring)?;
    drop(ring);
    Err(worker.run())
}
