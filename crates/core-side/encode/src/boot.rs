//! What the worker is born with, and how it says why it ended.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use cofferdam_encode_link::{EncodeSettings, descriptors};
use cofferdam_jail::inherited;
use cofferdam_pad_codec::InitError;

use crate::encoder::EncoderError;
use crate::output::OutputError;

/// The most bytes of settings that are read.
const MOST_SETTINGS: u64 = 64 << 10;

/// Why the worker ended, as its exit code: its standard streams lead nowhere.
///
/// 0 is a good end (the server closed a pipe), 101 a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command line is none of the defined ones.
    Usage = 2,
    /// A descriptor is missing, or the settings on it cannot be read.
    Settings = 10,
    /// The encoder's plugin is missing or cannot be loaded.
    Plugin = 11,
    /// The encoder took its settings not, or failed on a picture.
    Encoder = 12,
    /// The picture ring is not what the settings say.
    Ring = 13,
    /// A pipe to the server failed otherwise than by being closed.
    Pipe = 14,
    /// The server sent what is no command.
    Command = 15,
    /// A slate or picture could not be scaled: the settings contradict themselves.
    Scale = 16,
}

impl Exit {
    /// Every way to end but the good one.
    pub const ALL: [Self; 8] = [
        Self::Usage,
        Self::Settings,
        Self::Plugin,
        Self::Encoder,
        Self::Ring,
        Self::Pipe,
        Self::Command,
        Self::Scale,
    ];

    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<InitError> for Exit {
    fn from(_: InitError) -> Self {
        Self::Plugin
    }
}

impl From<EncoderError> for Exit {
    fn from(_: EncoderError) -> Self {
        Self::Encoder
    }
}

impl From<OutputError> for Exit {
    fn from(_: OutputError) -> Self {
        Self::Pipe
    }
}

/// What the worker is born with.
#[derive(Debug)]
pub struct Inheritance {
    /// What it is told.
    pub settings: EncodeSettings,
    /// The picture ring, read-only.
    pub ring: OwnedFd,
    /// Where records go.
    pub records: OwnedFd,
    /// Where commands come from.
    pub commands: OwnedFd,
}

impl Inheritance {
    /// Takes the inherited descriptors and reads the settings, which must be those of `camera`.
    ///
    /// Call first of all, before anything opens a descriptor.
    ///
    /// # Errors
    /// When one is missing or the settings are not good.
    pub fn take(camera: &str) -> Result<Self, Exit> {
        let (settings, ring) = (take(descriptors::SETTINGS)?, take(descriptors::RING)?);
        let (records, commands) = pipes()?;
        let settings = read_settings(settings)?;
        if settings.camera.as_str() != camera {
            return Err(Exit::Settings);
        }
        Ok(Self { settings, ring, records, commands })
    }
}

/// Takes the pipes to the server: records, commands. All that a worker without a camera is born with.
///
/// # Errors
/// When one is missing.
pub fn pipes() -> Result<(OwnedFd, OwnedFd), Exit> {
    Ok((take(descriptors::RECORDS)?, take(descriptors::COMMANDS)?))
}

fn take(number: i32) -> Result<OwnedFd, Exit> {
    inherited(number).map_err(|_| Exit::Settings)
}

fn read_settings(fd: OwnedFd) -> Result<EncodeSettings, Exit> {
    let mut json = Vec::new();
    File::from(fd).take(MOST_SETTINGS).read_to_end(&mut json).map_err(|_| Exit::Settings)?;
    serde_json::from_slice(&json).map_err(|_| Exit::Settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_distinct_and_neither_success_nor_panic() {
        let codes: std::collections::BTreeSet<_> = Exit::ALL.iter().map(|e| e.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
        assert!(!codes.contains(&0) && !codes.contains(&101));
    }

    #[test]
    fn settings_that_are_cut_off_are_refused() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"{\"camera\":\"lobby\"").unwrap();
        drop(writer);
        assert_eq!(read_settings(reader).unwrap_err(), Exit::Settings);
    }
}
