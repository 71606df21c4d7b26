//! Reading what the dialer says, at the start.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use cofferdam_ingest_boot::IngestBoot;
use cofferdam_picture::CameraId;
use cofferdam_picture_ring::{RingSpec, SlotCount, Writer};

/// More than any configuration: a URL, two names and a few numbers.
const LONGEST_BOOT: u64 = 64 * 1024;

/// Why a worker cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The pipe broke or is too long.
    #[error("reading the boot message: {0}")]
    Read(#[from] std::io::Error),
    /// It is no boot message.
    #[error("the boot message is not understood")]
    Parse,
    /// It is another camera's than the command line says.
    #[error("the boot message is another camera's")]
    Camera,
    /// A ring has 2 to 8 slots.
    #[error(transparent)]
    Ring(#[from] cofferdam_picture_ring::RingSpecError),
    /// The ring is not what the boot message says.
    #[error(transparent)]
    Map(#[from] cofferdam_picture_ring::MapError),
}

/// Reads `pipe` to its end.
///
/// # Errors
/// When it is not what the dialer of `camera` gives.
pub fn read(pipe: OwnedFd, camera: &CameraId) -> Result<IngestBoot, BootError> {
    let mut json = Vec::new();
    File::from(pipe).take(LONGEST_BOOT).read_to_end(&mut json)?;
    // The parser's own error could quote a password.
    let boot: IngestBoot = serde_json::from_slice(&json).map_err(|_| BootError::Parse)?;
    if boot.camera != *camera {
        return Err(BootError::Camera);
    }
    Ok(boot)
}

/// The ring that `boot` speaks of.
///
/// # Errors
/// When a ring cannot have so many slots.
pub fn ring_spec(boot: &IngestBoot) -> Result<RingSpec, BootError> {
    Ok(RingSpec { geometry: boot.geometry, slots: SlotCount::try_from(boot.slots)? })
}

/// Maps `ring`.
///
/// # Errors
/// When it is not the one that `spec` says.
pub fn map(ring: &OwnedFd, spec: RingSpec) -> Result<Writer, BootError> {
    Ok(Writer::map(ring.as_fd(), spec)?)
}
