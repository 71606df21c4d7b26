//! The `cofferdam-encode` binary: `--camera ID`, started by the server with its descriptors, or
//! `--attest NAME` to say what an encoder is made of here.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use cofferdam_encode::attest::attest;
use cofferdam_encode::boot::{self, Exit, Inheritance};
use cofferdam_encode::worker::{Prepared, Stop, rehearse};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let end = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--camera", camera] => encode(camera),
        ["--attest", name] => boot::pipes()
            .map_err(Stop::Fault)
            .and_then(|(records, commands)| attest(name, records, &commands)),
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
    // The server looks at this process, and at the files its code came from, before this returns:
    // whatever locks it down comes after.
    let prepared = Prepared::new(settings, records, commands)?.lock_in(jail)?;
    let worker = prepared.open_ring(&ring)?;
    drop(ring);
    Err(worker.run())
}
