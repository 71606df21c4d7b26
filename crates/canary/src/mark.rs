//! Marks, and the list of them that a planted camera writes.

use serde::{Deserialize, Serialize};

/// The least bytes of a mark: 64 random bits, so that chance finds none (see [`Search`]).
///
/// [`Search`]: crate::Search
pub const SHORTEST: usize = 8;

/// Random bytes at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Mark {
    place: String,
    layer: String,
    forms: Vec<Vec<u8>>,
}

/// Why a mark cannot be searched for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// It is so short that chance would find it.
    #[error("mark {place}: expected at least {SHORTEST} bytes in each form, found {found}")]
    Short {
        /// Its place.
        place: String,
        /// Bytes of its shortest form.
        found: usize,
    },
    /// It is not written in hexadecimal.
    #[error("mark {place}: expected hexadecimal, found {found:?}")]
    Hexadecimal {
        /// Its place.
        place: String,
        /// What stands there.
        found: String,
    },
}

impl Mark {
    /// A mark at `place` of the protocol `layer`. Its `forms` are what is written there first, and
    /// what else the same value may look like: a decimal number's eight bytes, say.
    ///
    /// # Errors
    /// When there is no form, or one of fewer bytes than [`SHORTEST`].
    pub fn new(place: &str, layer: &str, forms: Vec<Vec<u8>>) -> Result<Self, MarkError> {
        let found = forms.iter().map(Vec::len).min().unwrap_or(0);
        if found < SHORTEST {
            return Err(MarkError::Short { place: place.to_owned(), found });
        }
        Ok(Self { place: place.to_owned(), layer: layer.to_owned(), forms })
    }

    /// Where it stands, such as `sdp/session-name`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The protocol it stands in, such as `SDP`.
    #[must_use]
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// What is written at its place.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.forms.first().map_or(&[], Vec::as_slice)
    }

    /// Everything it may look like, before any encoding.
    pub fn forms(&self) -> impl Iterator<Item = &[u8]> {
        self.forms.iter().map(Vec::as_slice)
    }
}

/// A mark in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Raw {
    place: String,
    layer: String,
    forms: Vec<String>,
}

impl From<Mark> for Raw {
    fn from(mark: Mark) -> Self {
        let forms = mark.forms().map(hexadecimal).collect();
        Self { place: mark.place, layer: mark.layer, forms }
    }
}

impl TryFrom<Raw> for Mark {
    type Error = MarkError;

    fn try_from(raw: Raw) -> Result<Self, MarkError> {
        let forms: Result<_, _> = raw
            .forms
            .iter()
            .map(|text| {
                bytes(text).ok_or_else(|| MarkError::Hexadecimal {
                    place: raw.place.clone(),
                    found: text.clone(),
                })
            })
            .collect();
        Self::new(&raw.place, &raw.layer, forms?)
    }
}

/// What one run of a simulator planted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// Its cameras.
    pub cameras: Vec<PlantedCamera>,
}

/// What one camera carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlantedCamera {
    /// What it is called.
    pub name: String,
    /// `h264`, `h265` or `mjpeg`.
    pub codec: String,
    /// Its marks, each of another place.
    pub marks: Vec<Mark>,
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_survives_its_file() {
        let mark = Mark::new("sdp/tool", "SDP", vec![b"abcdefgh".to_vec(), vec![0; 8]]).unwrap();
        let camera = PlantedCamera { name: "a".into(), codec: "h264".into(), marks: vec![mark] };
        let planted = Planted { cameras: vec![camera] };
        let text = serde_json::to_string(&planted).unwrap();
        assert!(text.contains("6162636465666768"), "{text}");
        assert_eq!(serde_json::from_str::<Planted>(&text).unwrap(), planted);
    }

    #[test]
    fn what_chance_could_find_is_no_mark() {
        assert!(Mark::new("p", "l", vec![vec![1; 7]]).is_err());
        assert!(Mark::new("p", "l", vec![vec![1; 8], vec![1; 4]]).is_err());
        assert!(Mark::new("p", "l", Vec::new()).is_err());
        for forms in [r#"["6162"]"#, r#"["616263646566676"]"#, r#"["zz62636465666768"]"#] {
            let text = format!(r#"{{"place":"p","layer":"l","forms":{forms}}}"#);
            assert!(serde_json::from_str::<Mark>(&text).is_err(), "{forms}");
        }
    }
}
