//! What an encode worker says of its encoder, once it has warmed up and before it sees a picture.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hexadecimal digits")]
pub struct NoDigest;

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(NoDigest);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            let pair = std::str::from_utf8(pair).map_err(|_| NoDigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NoDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a worker says of its encoder. Sent once, before everything else; the worker then waits for
/// [`Command::Vetted`](crate::Command::Vetted).
///
/// What code the worker runs is not in it: the kernel is asked for that, and not the worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The element, such as `x264enc`.
    pub element: String,
    /// The version of the plugin it came from, such as `1.22.0`.
    pub version: String,
    /// The plugin's file.
    pub plugin: PathBuf,
    /// SHA-256 of what the encoder made of the built-in clip.
    pub answer: Digest,
}

/// The longest attestation, as JSON.
const LONGEST: usize = 8 << 10;
/// The longest name or version.
const LONGEST_WORD: usize = 32;

impl Attestation {
    /// The attestation as a record's body.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Fails only for a path that is no UTF-8, and an empty body is refused by whoever reads it.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The attestation that `bytes` hold, `None` when they are none. Names and versions become
    /// labels of metrics, so they are short words.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let found: Self =
            Some(bytes).filter(|b| b.len() <= LONGEST).map(serde_json::from_slice)?.ok()?;
        let is_word = |text: &str| {
            (1..=LONGEST_WORD).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+~:".contains(&b))
        };
        let good = is_word(&found.element) && is_word(&found.version);
        Some(found).filter(|_| good)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn attestation() -> Attestation {
        Attestation {
            element: "x264enc".into(),
            version: "1.22.0".into(),
            plugin: "/usr/lib/libgstx264.so".into(),
            answer: Digest([0x5a; 32]),
        }
    }

    #[test]
    fn only_short_words_are_names_and_versions() {
        let with = |version: &str| Attestation { version: version.into(), ..attestation() };
        let read = |a: &Attestation| Attestation::from_bytes(&a.to_bytes());
        assert_eq!(read(&attestation()), Some(attestation()));
        assert!(read(&with("1:1.22.0+deb12~u2-1_x")).is_some());
        for version in ["", "1 2", "1\n", "\"", "{", &"1".repeat(33)] {
            assert_eq!(read(&with(version)), None, "{version:?}");
        }
        assert_eq!(read(&Attestation { element: "x264 enc".into(), ..attestation() }), None);
        let long = Attestation { plugin: "x".repeat(LONGEST).into(), ..attestation() };
        assert_eq!(read(&long), None);
        assert_eq!(Attestation::from_bytes(b""), None);
        assert_eq!(Attestation::from_bytes(b"{}"), None);
    }

    #[test]
    fn a_digest_is_64_digits_and_comes_back() {
        let digest = Digest(std::array::from_fn(|i| u8::try_from(i * 7).unwrap_or(9)));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().starts_with("00070e15"));
        let text = digest.to_string();
        for wrong in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &"+f".repeat(32)] {
            assert_eq!(wrong.parse::<Digest>(), Err(NoDigest), "{wrong}");
        }
    }
}
