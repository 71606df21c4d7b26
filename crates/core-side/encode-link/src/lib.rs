//! What the encode worker and the server say to each other.
//!
//! The worker is told everything at its start ([`EncodeSettings`], as JSON on an inherited
//! descriptor). From then on it writes [`Record`]s into a bounded pipe, and the server writes
//! single-byte [`Command`]s into another. The first record is the [`Attestation`] of the encoder, the
//! first command its answer, [`Command::Vetted`]; until then the worker does not touch the ring. Bytes come in as arguments: no descriptor is touched here.
//! Both ends never meet a camera byte; the server still checks every field, because the worker
//! holds C code.
#![forbid(unsafe_code)]

mod attestation;
mod command;
mod record;
mod settings;
mod status;

pub use attestation::{Attestation, Digest, NoDigest};
pub use command::{Command, UnknownCommand};
pub use record::{
    AccessUnitHeader, HEADER_LEN, MAX_ACCESS_UNIT, MountKind, Record, RecordError, RecordReader,
};
pub use settings::{EncodeSettings, EncoderName, EncoderSettings, Preset, Profile};
pub use status::{CameraStatus, JailStatus, PacerStatus};

/// The worker's descriptors, by number.
pub mod descriptors {
    /// [`EncodeSettings`](crate::EncodeSettings) as JSON, to the end of file.
    pub const SETTINGS: i32 = 3;
    /// The picture ring, reopened read-only.
    pub const RING: i32 = 4;
    /// Records from the worker: the writing end of a pipe, non-blocking.
    pub const RECORDS: i32 = 5;
    /// Commands to the worker: the reading end of a pipe, non-blocking. End of file means that the
    /// server is gone, and the worker ends.
    pub const COMMANDS: i32 = 6;
}
