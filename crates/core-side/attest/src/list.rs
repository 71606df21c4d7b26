//! The list of vetted encoders: a TOML file.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cofferdam_encode_link::{Digest, EncoderName};
use serde::Deserialize;

use crate::Entry;
use crate::Folders;
use crate::hasher::digest_of_bytes;

/// What was vetted, and the digest of the list itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    entries: Vec<Entry>,
    digest: Digest,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// There is no such file.
    #[error("{0}: expected a list of vetted encoders, found none")]
    Missing(PathBuf),
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not such a list.
    #[error("{path}: expected a list of vetted encoders, found {what}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(default)]
    encoder: Vec<Entry>,
}

const HEAD: &str = "\
# The encoders that this gateway may publish with. Written by `cofferdam attest --write`.
#
# Each is vetted as a whole: element, version, what it makes of a built-in clip, and the SHA-256 of
# every file that its worker executes. A gateway whose encoder is anything else refuses to publish
# with it and names what is different. After an update that you meant, write the list anew. A file
# without a folder stands beside the gateway's program.
";

impl List {
    /// The list in the file at `path`, reached through `folders`.
    ///
    /// # Errors
    /// When there is none, or it is not understood to the last key.
    pub fn load(path: &Path, folders: &Folders) -> Result<Self, ListError> {
        let read = folders.open(path).and_then(io::read_to_string);
        let text = read.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ListError::Missing(path.to_owned()),
            _ => ListError::File { path: path.to_owned(), source },
        })?;
        Self::parse(&text).map_err(|what| ListError::Malformed { path: path.to_owned(), what })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let shape: Shape = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            format!("line {}: {}", before.matches('\n').count() + 1, error.message())
        })?;
        for (index, entry) in shape.encoder.iter().enumerate() {
            let name = entry.name.as_str();
            if shape.encoder.iter().take(index).any(|other| other.name == entry.name) {
                return Err(format!("the encoder {name} twice"));
            }
            if !entry.has_good_names() {
                return Err(format!("an encoder {name} whose files are no paths"));
            }
        }
        Ok(Self { entries: shape.encoder, digest: digest_of_bytes(text.as_bytes()) })
    }

    /// The encoder `name` as it was vetted.
    #[must_use]
    pub fn entry(&self, name: EncoderName) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// SHA-256 of the list.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Writes a list of `entries` to `path`: all of it, or nothing of it.
    ///
    /// # Errors
    /// When the file or its folder cannot be written to.
    pub fn write(path: &Path, entries: &[Entry]) -> Result<(), ListError> {
        write_whole(path, &text(entries))
            .map_err(|source| ListError::File { path: path.to_owned(), source })
    }
}

fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    // Whoever runs the gateway reads it: nothing in it is secret.
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The list as a file.
fn text(entries: &[Entry]) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut out = HEAD.to_owned();
    for entry in entries {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n[[encoder]]");
        for (key, value) in [
            ("name", entry.name.as_str()),
            ("element", &entry.element),
            ("version", &entry.version),
            ("plugin", &entry.plugin.to_string_lossy()),
            ("known_answer", &entry.known_answer.to_string()),
        ] {
            let _ = writeln!(out, "{key} = {}", quoted(value));
        }
        let _ = writeln!(out, "\n[encoder.files]");
        for (file, digest) in &entry.files {
            let _ = writeln!(out, "{} = \"{digest}\"", quoted(&file.to_string_lossy()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entry::tests::entry;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("vetted.toml");
        assert!(matches!(List::load(&path, &Folders::default()), Err(ListError::Missing(_))));
        let mut odd = Entry { name: EncoderName::Openh264, ..entry() };
        odd.files.insert("/lib/with \"quotes\" and\\slashes.so".into(), Digest([4; 32]));
        List::write(&path, &[entry(), odd.clone()]).unwrap();
        let list = List::load(&path, &Folders::default()).unwrap();
        assert_eq!(list.entry(EncoderName::X264), Some(&entry()));
        assert_eq!(list.entry(EncoderName::Openh264), Some(&odd));
        assert_eq!(list.digest(), digest_of_bytes(&std::fs::read(&path).unwrap()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);

        List::write(&path, &[]).unwrap();
        assert_eq!(List::load(&path, &Folders::default()).unwrap().entry(EncoderName::X264), None);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(matches!(
            List::load(folder.path(), &Folders::default()),
            Err(ListError::File { .. })
        ));
    }

    #[test]
    fn a_list_that_is_not_understood_is_refused_on_one_line() {
        let good = text(&[entry()]);
        let twice = text(&[entry(), entry()]);
        let end = good.len() - 3;
        for (text, told) in [
            (good.replace("element", "elements"), "line 10: unknown field"),
            (good.replace("x264\"", "x265\""), "line 9: unknown variant"),
            (good.replace("0909", "09"), "line 13: expected 64"),
            (good.replace("cofferdam-encode\"", "../cofferdam-encode\""), "no paths"),
            (good.replace("version = \"1.22.0\"\n", ""), "missing field `version`"),
            (good[..end].to_owned(), "line "),
            (twice, "the encoder x264 twice"),
            (format!("{good}\n[other]\n"), "unknown field"),
        ] {
            let error = List::parse(&text).unwrap_err();
            assert!(error.contains(told) && !error.contains('\n'), "{told}: {error}");
        }
        assert!(List::parse("").unwrap().entries.is_empty());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", cut in 0..900usize) {
            let _ = List::parse(&text);
            let good = super::text(&[entry()]);
            if let Some(cut) = good.get(..cut) {
                let _ = List::parse(&format!("{cut}{text}"));
            }
        }
    }
}
