//! The `cofferdam-ingest` binary: a worker of the dialer's (`--camera ID`), or a tool that tells
//! what a camera is (`--probe`, with the camera as JSON on the descriptor that a worker has it on).
#![forbid(unsafe_code)]

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use cofferdam_ingest::{boot, decode, probe};
use cofferdam_ingest_boot::descriptors;
use cofferdam_jail::{broker, inherited};
use cofferdam_picture::CameraId;
use cofferdam_picture_ring::Fault;

fn main() -> ExitCode {
    // A panic's message may quote the camera, and nobody is there to read it.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let code = match arguments.as_slice() {
        [flag, id] if flag == "--camera" => {
            std::panic::catch_unwind(AssertUnwindSafe(|| worker(id)))
                .unwrap_or(Fault::WorkerCrashed)
                .code()
        }
        [flag] if flag == "--probe" => u8::from(!std::panic::catch_unwind(probed).unwrap_or(false)),
        _ => Fault::WorkerSetup.code(),
    };
    ExitCode::from(code)
}

fn worker(id: &str) -> Fault {
    let Ok(camera) = id.parse::<CameraId>() else { return Fault::WorkerSetup };
    let (Ok(pipe), Ok(ring)) = (inherited(descriptors::BOOT), inherited(descriptors::RING)) else {
        return Fault::WorkerSetup;
    };
    let Ok((boot, writer)) = boot::boot(pipe, &ring, &camera) else { return Fault::WorkerSetup };
    drop(ring);
    // All code is loaded before anything is given up.
    if decode::load().is_err() {
        return Fault::WorkerSetup;
    }
    let Some(runtime) = runtime() else { return Fault::WorkerSetup };
    if boot.unjailed {
        return runtime.block_on(cofferdam_ingest::run(&boot, writer));
    }
    let Ok(channel) = inherited(descriptors::CHANNEL) else { return Fault::WorkerSetup };
    if broker::install(&channel).is_err() {
        return Fault::WorkerSetup;
    }
    runtime.block_on(cofferdam_ingest::run_dialed(&boot, writer, channel))
}

fn probed() -> bool {
    let (Ok(boot), Some(runtime)) = (inherited(descriptors::BOOT), runtime()) else { return false };
    runtime.block_on(probe::probe(std::fs::File::from(boot), &mut std::io::stdout().lock()))
}

fn runtime() -> Option<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().ok()
}
