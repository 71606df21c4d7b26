//! The name of a camera, as configuration, mounts, metrics and worker command lines use it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A camera's configured name: 1 to 32 of `A–Z a–z 0–9 - _`.
///
/// Short and of a closed alphabet, so that it can stand in a URL path, a metric label, a log line
/// and a command line without escaping.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraId(String);

/// Why a text is no [`CameraId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CameraIdError {
    /// Empty, or longer than 32 characters.
    #[error("expected 1 to 32 characters, found {0}")]
    Length(usize),
    /// A character outside the alphabet.
    #[error("expected only A-Z a-z 0-9 - _, found {0:?}")]
    Character(char),
}

impl CameraId {
    /// The longest id, in characters (and bytes).
    pub const MAX_LEN: usize = 32;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CameraId {
    type Err = CameraIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if length == 0 || length > Self::MAX_LEN {
            return Err(CameraIdError::Length(length));
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_')) {
            Some(c) => Err(CameraIdError::Character(c)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for CameraId {
    type Error = CameraIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CameraId> for String {
    fn from(id: CameraId) -> Self {
        id.0
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_alphabet_and_both_lengths() {
        for text in ["a", "lobby-2_B", &"x".repeat(32)] {
            assert_eq!(text.parse::<CameraId>().map(String::from), Ok(text.to_owned()));
        }
    }

    #[test]
    fn refuses_what_would_need_escaping() {
        assert_eq!("".parse::<CameraId>(), Err(CameraIdError::Length(0)));
        assert_eq!("x".repeat(33).parse::<CameraId>(), Err(CameraIdError::Length(33)));
        for c in ['/', ' ', '.', '"', '\n', 'é', '\0'] {
            assert_eq!(format!("a{c}").parse::<CameraId>(), Err(CameraIdError::Character(c)));
        }
    }
}
