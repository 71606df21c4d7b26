//! One encoder: as it was vetted, or as it is.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use cofferdam_encode_link::{Attestation, Digest, EncoderName};
use serde::Deserialize;

use crate::{HashError, Hasher, Mappings, NoMappings};

/// One encoder and all of its code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The encoder's name in configurations.
    pub name: EncoderName,
    /// Its element.
    pub element: String,
    /// The version of the plugin.
    pub version: String,
    /// The plugin's file, one of [`files`](Self::files).
    pub plugin: PathBuf,
    /// SHA-256 of what the encoder makes of the built-in clip.
    pub known_answer: Digest,
    /// SHA-256 of the file of every executable mapping of its worker. A file that stands beside the
    /// gateway's program is named by its name alone, so that the list can move with the programs.
    pub files: BTreeMap<PathBuf, Digest>,
}

/// Where an encoder is not what was vetted.
#[derive(Debug, thiserror::Error)]
pub enum Difference {
    /// It is not on the list.
    #[error("expected it on the list, found it missing there")]
    NotListed,
    /// A file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] HashError),
    /// A file is another one.
    #[error("{file} has changed: expected sha256 {}, found {}", Short(expected), Short(found))]
    Changed {
        /// The file.
        file: PathBuf,
        /// Its digest when it was vetted.
        expected: Digest,
        /// Its digest now.
        found: Digest,
    },
    /// The worker runs code from a file that was not vetted.
    #[error("{0} is executed and not on the list")]
    Unlisted(PathBuf),
    /// The worker has executable memory that cannot be vetted.
    #[error("{0}")]
    Mappings(#[from] NoMappings),
    /// The worker says something else of its encoder than was vetted.
    #[error("expected the {what} {expected}, found {found}")]
    Other {
        /// Which word.
        what: &'static str,
        /// As vetted.
        expected: String,
        /// As it is.
        found: String,
    },
    /// The plugin that the worker names is none that it runs.
    #[error("expected the plugin {0} among the files it executes, found it is not")]
    Plugin(PathBuf),
    /// The encoder does not make of the built-in clip what it should.
    #[error(
        "known-answer test failed: expected sha256 {}, found {}",
        Short(expected),
        Short(found)
    )]
    KnownAnswer {
        /// The answer when it was vetted.
        expected: Digest,
        /// The answer now.
        found: Digest,
    },
}

/// The first digits of a digest: enough to compare by eye.
struct Short<'a>(&'a Digest);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

impl Entry {
    /// What the encoder `name` is: what its worker says of it, and the files the worker executes.
    /// `folder` is where the gateway's programs stand.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn measure(
        name: EncoderName,
        attestation: &Attestation,
        mappings: &Mappings,
        folder: &Path,
        hasher: &mut Hasher,
    ) -> Result<Self, Difference> {
        let mut files = BTreeMap::new();
        for path in mappings.files() {
            files.insert(name_of(path, folder).to_owned(), hasher.digest(path)?);
        }
        Ok(Self {
            name,
            element: attestation.element.clone(),
            version: attestation.version.clone(),
            plugin: attestation.plugin.clone(),
            known_answer: attestation.answer,
            files,
        })
    }

    /// Whether the files of this entry are still the ones that were vetted.
    ///
    /// # Errors
    /// Every file that is not.
    pub fn check_files(&self, folder: &Path, hasher: &mut Hasher) -> Result<(), Vec<Difference>> {
        let check = |(file, expected): (&PathBuf, &Digest)| {
            let path = folder.join(file);
            match hasher.digest(&path) {
                Ok(found) if found == *expected => None,
                Ok(found) => Some(Difference::Changed { file: path, expected: *expected, found }),
                Err(error) => Some(error.into()),
            }
        };
        all_good(self.files.iter().filter_map(check).collect())
    }

    /// Whether `found`, an encoder as it is, is the one of this entry.
    ///
    /// # Errors
    /// Every difference.
    pub fn judge(&self, found: &Self, folder: &Path) -> Result<(), Vec<Difference>> {
        let mut differences = Vec::new();
        for (file, digest) in &found.files {
            let path = folder.join(file);
            match self.files.get(file) {
                Some(expected) if expected == digest => {}
                Some(expected) => differences.push(Difference::Changed {
                    file: path,
                    expected: *expected,
                    found: *digest,
                }),
                None => differences.push(Difference::Unlisted(path)),
            }
        }
        let plugin = |entry: &Self| entry.plugin.display().to_string();
        for (what, expected, found) in [
            ("encoder", self.name.as_str().to_owned(), found.name.as_str().to_owned()),
            ("element", self.element.clone(), found.element.clone()),
            ("version", self.version.clone(), found.version.clone()),
            ("plugin", plugin(self), plugin(found)),
        ] {
            if expected != found {
                differences.push(Difference::Other { what, expected, found });
            }
        }
        if !found.files.contains_key(&found.plugin) {
            differences.push(Difference::Plugin(found.plugin.clone()));
        }
        if self.known_answer != found.known_answer {
            let (expected, found) = (self.known_answer, found.known_answer);
            differences.push(Difference::KnownAnswer { expected, found });
        }
        all_good(differences)
    }

    /// Whether every name of a file is a full path, or a name alone.
    pub(crate) fn has_good_names(&self) -> bool {
        let is_good = |file: &PathBuf| {
            let mut parts = file.components();
            let alone = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            file.is_absolute() || alone
        };
        !self.files.is_empty() && self.files.keys().all(is_good)
    }
}

fn all_good(differences: Vec<Difference>) -> Result<(), Vec<Difference>> {
    let good = differences.is_empty() || cfg!(feature = "without-judgement");
    if good { Ok(()) } else { Err(differences) }
}

/// How a file is called on the list.
fn name_of<'a>(path: &'a Path, folder: &Path) -> &'a Path {
    match path.strip_prefix(folder) {
        Ok(name) if name.components().count() == 1 => name,
        _ => path,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry() -> Entry {
        let files =
            [("cofferdam-encode", 1), ("/usr/lib/libgstx264.so", 2), ("/usr/lib/libc.so.6", 3)];
        Entry {
            name: EncoderName::X264,
            element: "x264enc".into(),
            version: "1.22.0".into(),
            plugin: "/usr/lib/libgstx264.so".into(),
            known_answer: Digest([9; 32]),
            files: files.map(|(file, n)| (file.into(), Digest([n; 32]))).into(),
        }
    }

    fn said(found: &Entry) -> String {
        let differences = entry().judge(found, Path::new("/opt")).unwrap_err();
        let lines: Vec<_> = differences.iter().map(ToString::to_string).collect();
        lines.join("; ")
    }

    #[test]
    fn the_encoder_that_was_vetted_is_vetted() {
        entry().judge(&entry(), Path::new("/opt")).unwrap();
        // Code that is not run this time is no harm.
        let mut less = entry();
        less.files.remove(Path::new("/usr/lib/libc.so.6"));
        entry().judge(&less, Path::new("/opt")).unwrap();
    }

    #[test]
    fn every_difference_is_told() {
        let with = |change: fn(&mut Entry)| {
            let mut entry = entry();
            change(&mut entry);
            entry
        };
        for (change, told) in [
            (
                (|e: &mut Entry| e.files.extend([("cofferdam-encode".into(), Digest([7; 32]))]))
                    as fn(&mut Entry),
                "/opt/cofferdam-encode has changed: expected sha256 010101010101…, found 0707",
            ),
            (
                |e| e.files.extend([("/usr/lib/liborc.so".into(), Digest([7; 32]))]),
                "/usr/lib/liborc.so is executed and not on the list",
            ),
            (|e| e.element = "x265enc".into(), "expected the element x264enc, found x265enc"),
            (|e| e.version = "1.22.1".into(), "expected the version 1.22.0, found 1.22.1"),
            (|e| e.name = EncoderName::Openh264, "expected the encoder x264, found openh264"),
            (
                |e| e.plugin = "/tmp/libgstx264.so".into(),
                "expected the plugin /tmp/libgstx264.so among the files it executes",
            ),
            (
                |e| e.known_answer = Digest([8; 32]),
                "known-answer test failed: expected sha256 0909",
            ),
        ] {
            let said = said(&with(change));
            assert!(said.contains(told), "{said}");
        }
        let several = said(&with(|e| {
            e.version = "2".into();
            e.known_answer = Digest([8; 32]);
        }));
        assert_eq!(several.matches("; ").count(), 1, "{several}");
    }

    #[test]
    fn files_are_checked_where_they_are() {
        let folder = tempfile::TempDir::new().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("cofferdam-encode", "worker");
        write("lib.so", "library");
        let mut hasher = Hasher::default();
        let mut list = Entry { files: BTreeMap::new(), ..entry() };
        for (name, file) in [
            (PathBuf::from("cofferdam-encode"), "cofferdam-encode"),
            (folder.path().join("lib.so"), "lib.so"),
        ] {
            let digest = hasher.digest(&folder.path().join(file)).unwrap();
            list.files.insert(name, digest);
        }
        list.check_files(folder.path(), &mut hasher).unwrap();
        write("lib.so", "Library");
        let told = list.check_files(folder.path(), &mut hasher).unwrap_err();
        assert!(
            matches!(&told[..], [Difference::Changed { file, .. }] if file.ends_with("lib.so"))
        );
        std::fs::remove_file(folder.path().join("cofferdam-encode")).unwrap();
        let told = list.check_files(folder.path(), &mut hasher).unwrap_err();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().any(|d| d.to_string().contains("cofferdam-encode: No such file")));
    }

    #[test]
    fn a_file_beside_the_gateway_is_called_by_its_name() {
        let folder = tempfile::TempDir::new().unwrap();
        let own = std::env::current_exe().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mappings = Mappings::parse(&maps).unwrap();
        let attestation = Attestation {
            element: "x264enc".into(),
            version: "1".into(),
            plugin: own.clone(),
            answer: Digest([0; 32]),
        };
        let measure = |folder: &Path| {
            let mut hasher = Hasher::default();
            let name = EncoderName::X264;
            Entry::measure(name, &attestation, &mappings, folder, &mut hasher).unwrap()
        };
        let beside = measure(own.parent().unwrap());
        let elsewhere = measure(folder.path());
        let name = Path::new(own.file_name().unwrap());
        assert!(beside.files.contains_key(name) && !beside.files.contains_key(&own));
        assert!(elsewhere.files.contains_key(&own));
        assert!(beside.files.keys().any(|file| file.to_string_lossy().contains("libc.so")));
        assert!(beside.has_good_names() && elsewhere.has_good_names());
    }
}
