//! Which mounts a reader may have.

use std::fmt;
use std::str::FromStr;

/// The longest pattern, in bytes.
const LONGEST: usize = 256;

/// A pattern of mount paths: `lobby/main`, `lobby/*`, `*/sub`, or `*` for all. `*` stands for any run
/// of characters, slashes included; everything else stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPattern(Box<str>);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing, or too much.
    #[error("expected a path such as \"lobby/*\" of 1 to {LONGEST} characters, found {0}")]
    Length(usize),
    /// A pattern that no path can match.
    #[error("expected no slash at either end, found {0:?}")]
    Slash(String),
}

impl MountPattern {
    /// Whether the pattern stands for `path`, given without slashes at either end.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let (pattern, path) = (self.0.as_bytes(), path.as_bytes());
        let (mut p, mut t) = (0, 0);
        // Where to go on when what follows the last star does not fit: one character further.
        let mut retry: Option<(usize, usize)> = None;
        while t < path.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p + 1, t));
                    p += 1;
                }
                Some(wanted) if *wanted == path[t] => {
                    p += 1;
                    t += 1;
                }
                _ => match retry {
                    Some((after_star, from)) => {
                        retry = Some((after_star, from + 1));
                        (p, t) = (after_star, from + 1);
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|rest| *rest == b'*')
    }
}

impl fmt::Display for MountPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MountPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if !(1..=LONGEST).contains(&text.len()) {
            return Err(PatternError::Length(text.len()));
        }
        if text.starts_with('/') || text.ends_with('/') {
            return Err(PatternError::Slash(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        pattern.parse::<MountPattern>().unwrap().matches(path)
    }

    #[test]
    fn patterns_stand_for_paths() {
        for (pattern, yes, no) in [
            ("*", "lobby/main", ""),
            ("lobby/*", "lobby/main", "lobby2/main"),
            ("*/sub", "lobby/sub", "lobby/main"),
            ("lobby/main", "lobby/main", "lobby/mai"),
            ("lobby/main", "lobby/main", "lobby/main2"),
            ("gate-*/main", "gate-7/main", "gate/main"),
            ("a*b*c", "a--b--c", "a--c--b"),
            ("*ab", "aab", "aba"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no) || no.is_empty(), "{pattern} {no}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_refused() {
        for bad in ["", "/lobby", "lobby/", &"x".repeat(257)] {
            assert!(bad.parse::<MountPattern>().is_err(), "{bad}");
        }
    }

    /// The textbook's definition.
    fn slow(pattern: &[u8], path: &[u8]) -> bool {
        match pattern.split_first() {
            None => path.is_empty(),
            Some((b'*', rest)) => (0..=path.len()).any(|from| slow(rest, &path[from..])),
            Some((wanted, rest)) => path.first() == Some(wanted) && slow(rest, &path[1..]),
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(
            pattern in "[ab*]{1,6}", path in "[ab]{0,7}"
        ) {
            let expected = slow(pattern.as_bytes(), path.as_bytes());
            prop_assert_eq!(matches(&pattern, &path), expected);
        }
    }
}
