//! The `cofferdam-ingest` binary: a worker of the dialer's (`--camera ID`), or a tool that tells
//! what a camera is (`--probe`, with the camera as JSON on the descriptor that a worker has it on).
#![forbid(unsafe_code)]

use std::io::Write;
use std::os::fd::AsRawFd;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use cofferdam_ingest::{MEMORY, boot, decode, probe};
use cofferdam_ingest_boot::descriptors;
use cofferdam_jail::broker::{self, InstallError};
use cofferdam_jail::{Jail, JailError, Kind, Rehearsed, inherited};
use cofferdam_picture::CameraId;
use cofferdam_picture_ring::{Fault, JailLayer};

fn main() -> ExitCode {
    // A panic's message may quote the camera, and nobody is there to read it.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let code = match arguments.as_slice() {
        [flag, id] if flag == "--camera" => {
            match std::panic::catch_unwind(AssertUnwindSafe(|| worker(id))) {
                Ok(Ok(fault)) => fault.code(),
                Ok(Err(missing)) => missing.exit_code(),
                Err(_) => Fault::WorkerCrashed.code(),
            }
        }
        [flag] if flag == "--probe" => u8::from(!std::panic::catch_unwind(probed).unwrap_or(false)),
        _ => Fault::WorkerSetup.code(),
    };
    ExitCode::from(code)
}

/// Everything that opens a file, loads code or starts a thread comes before the lock, the first byte
/// from the camera after it, and the ring only then: the dialer writes to it as well.
fn worker(id: &str) -> Result<Fault, JailError> {
    let setup = Ok(Fault::WorkerSetup);
    let Ok(camera) = id.parse::<CameraId>() else { return setup };
    let (Ok(pipe), Ok(ring)) = (inherited(descriptors::BOOT), inherited(descriptors::RING)) else {
        return setup;
    };
    let Ok(boot) = boot::read(pipe, &camera) else { return setup };
    let Ok(spec) = boot::ring_spec(&boot) else { return setup };
    let channel = match inherited(descriptors::CHANNEL) {
        Ok(channel) => Some(channel),
        Err(_) if boot.unjailed => None,
        Err(_) => return setup,
    };
    let jail = match &channel {
        None => None,
        Some(channel) => {
            let ring_bytes = u64::try_from(spec.total_len()).unwrap_or(u64::MAX);
            let jail = Jail::new(Kind::Ingest).memory(MEMORY.saturating_add(ring_bytes));
            Some(jail.keep(ring.as_raw_fd()).keep(channel.as_raw_fd()).rehearse()?)
        }
    };
    if decode::warm_up().is_err() {
        return setup;
    }
    let Some(runtime) = runtime() else { return setup };
    // From here on the dialer answers for every socket; the lock that follows allows asking it.
    match channel.as_ref().map(broker::install) {
        None | Some(Ok(())) => {}
        // A dialer that is gone is no fault of the kernel's.
        Some(Err(InstallError::HandOver(_))) => return setup,
        Some(Err(error)) => {
            return Err(JailError { layer: JailLayer::SystemCalls, what: error.to_string() });
        }
    }
    let locked = jail.map(Rehearsed::lock).transpose()?;
    let Ok(writer) = boot::map(&ring, spec) else { return setup };
    writer.set_jail(
        locked.map(|locked| locked.posture).unwrap_or_default(),
        locked.map(|locked| locked.took).unwrap_or_default(),
    );
    Ok(match channel {
        Some(channel) => runtime.block_on(cofferdam_ingest::run_dialed(&boot, writer, channel)),
        None => runtime.block_on(cofferdam_ingest::run(&boot, writer)),
    })
}

/// As a worker, but for its standard output, which may be a file.
fn probed() -> bool {
    let mut output = std::io::stdout().lock();
    let Ok(boot) = inherited(descriptors::BOOT) else { return false };
    let Some(mut request) = probe::request(std::fs::File::from(boot), &mut output) else {
        return false;
    };
    let jail = match Jail::new(Kind::Probe).memory(MEMORY).writes_files().rehearse() {
        Ok(jail) => jail,
        Err(error) => return refused(&error, &mut output),
    };
    if !request.pin(&mut output) || decode::warm_up().is_err() {
        return false;
    }
    let Some(runtime) = runtime() else { return false };
    if let Err(error) = jail.lock() {
        return refused(&error, &mut output);
    }
    runtime.block_on(probe::probe(&request, &mut output))
}

fn refused(error: &JailError, output: &mut impl Write) -> bool {
    let _ = writeln!(output, "probe: {error}");
    false
}

fn runtime() -> Option<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().ok()
}
