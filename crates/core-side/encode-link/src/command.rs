//! What the server may say to the encode worker: that its encoder is vetted, and from then on nothing
//! but key frames and which mounts matter.

use crate::MountKind;

/// A one-byte command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The encoder is on the list: go on. Said once, before any other.
    Vetted,
    /// Make the next access unit of this mount a key frame.
    KeyFrame(MountKind),
    /// This mount has readers: encode it.
    Start(MountKind),
    /// This mount has no readers: encoding it would be for nobody.
    Stop(MountKind),
}

const VETTED: u8 = 0x40;

/// A byte that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a command byte, found {0:#04x}")]
pub struct UnknownCommand(pub u8);

impl Command {
    /// The command as it crosses the pipe.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Vetted => VETTED,
            Self::KeyFrame(mount) => 0x10 | mount.code(),
            Self::Start(mount) => 0x20 | mount.code(),
            Self::Stop(mount) => 0x30 | mount.code(),
        }
    }

    /// The command that `byte` stands for.
    ///
    /// # Errors
    /// When it stands for none.
    pub fn from_byte(byte: u8) -> Result<Self, UnknownCommand> {
        if byte == VETTED {
            return Ok(Self::Vetted);
        }
        let mount = MountKind::from_code(byte & 0x0f).ok_or(UnknownCommand(byte))?;
        match byte >> 4 {
            1 => Ok(Self::KeyFrame(mount)),
            2 => Ok(Self::Start(mount)),
            3 => Ok(Self::Stop(mount)),
            _ => Err(UnknownCommand(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_seven_bytes_are_commands() {
        let commands: Vec<_> =
            (0..=255u8).filter_map(|b| Command::from_byte(b).ok().map(|c| (b, c))).collect();
        assert_eq!(commands.len(), 7);
        for (byte, command) in commands {
            assert_eq!(command.to_byte(), byte);
        }
    }
}
