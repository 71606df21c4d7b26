//! What accounts are called.

use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// The name of an account: 1 to 64 of `A–Z a–z 0–9 - _ . @`, so that it needs no quoting in a header,
/// a URL or a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReaderName(Box<str>);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or too much.
    #[error("expected 1 to {LONGEST} characters, found {0}")]
    Length(usize),
    /// A character that a name does not have.
    #[error("expected only A-Z a-z 0-9 - _ . @, found {0:?}")]
    Character(char),
}

impl ReaderName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ReaderName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
        if let Some(found) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(NameError::Character(found));
        }
        if !(1..=LONGEST).contains(&text.len()) {
            return Err(NameError::Length(text.len()));
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quoting() {
        for good in ["vms", "a", "milestone-2.core@site_1", &"x".repeat(64)] {
            assert_eq!(good.parse::<ReaderName>().unwrap().as_str(), good);
        }
        assert_eq!("".parse::<ReaderName>(), Err(NameError::Length(0)));
        assert_eq!("x".repeat(65).parse::<ReaderName>(), Err(NameError::Length(65)));
        for bad in ['"', '\\', ':', ' ', '\n', ',', 'ä', '*'] {
            assert_eq!(format!("a{bad}").parse::<ReaderName>(), Err(NameError::Character(bad)));
        }
    }
}
