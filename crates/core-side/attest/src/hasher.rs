//! SHA-256 of files, each read once for as long as it stays the same.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cofferdam_encode_link::Digest;
use sha2::{Digest as _, Sha256};

use crate::Folders;

/// A file that could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct HashError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A file that changed less than this ago is not remembered: it could change again within the grain of
/// the kernel's clock, and look the same.
const SETTLED: Duration = Duration::from_secs(1);

/// Hashes files, and remembers what it found while device, inode, size and both times stay the same.
/// Of these only root can set the time of the last change (`ctime`) back.
#[derive(Debug, Default)]
pub struct Hasher {
    folders: Folders,
    known: HashMap<PathBuf, (Identity, Digest)>,
    read: u64,
}

/// What tells that a file is still the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_settled(&self) -> bool {
        let seconds = u64::try_from(self.changed.0).unwrap_or(0);
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        // An error means that it changed in the future: somebody has set the clock.
        SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED)
    }
}

impl Hasher {
    /// One that reaches files through `folders`.
    #[must_use]
    pub fn through(folders: Folders) -> Self {
        Self { folders, ..Self::default() }
    }

    /// The folders.
    #[must_use]
    pub const fn folders(&self) -> &Folders {
        &self.folders
    }

    /// The digest of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&mut self, path: &Path) -> Result<Digest, HashError> {
        let failed = |source| HashError { path: path.to_owned(), source };
        let mut file = self.folders.open(path).map_err(failed)?;
        // Of the open file, so that both are of the same one.
        let identity = Identity::of(&file.metadata().map_err(failed)?);
        if let Some((known, digest)) = self.known.get(path)
            && *known == identity
        {
            return Ok(*digest);
        }
        let digest = digest_of(&mut file).map_err(failed)?;
        self.read += 1;
        if identity.is_settled() {
            self.known.insert(path.to_owned(), (identity, digest));
        }
        Ok(digest)
    }

    /// How many files were read so far; the others were known.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }
}

fn digest_of(from: &mut impl Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(Digest(hash.finalize().into())),
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// SHA-256 of bytes.
pub(crate) fn digest_of_bytes(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_stays_the_same_is_read_once() {
        // Built more than a second ago.
        let own = std::env::current_exe().unwrap();
        let mut hasher = Hasher::default();
        let first = hasher.digest(&own).unwrap();
        assert_eq!((hasher.digest(&own).unwrap(), hasher.read()), (first, 1));
        // What is known of it is known of the file as it was.
        let (identity, _) = hasher.known[&own];
        let changes: [fn(&mut Identity); 5] = [
            |i| i.device += 1,
            |i| i.inode += 1,
            |i| i.size += 1,
            |i| i.modified.1 += 1,
            |i| i.changed.1 += 1,
        ];
        for (reads, change) in (2..).zip(changes) {
            let mut other = identity;
            change(&mut other);
            hasher.known.insert(own.clone(), (other, Digest([0; 32])));
            assert_eq!((hasher.digest(&own).unwrap(), hasher.read()), (first, reads));
        }
    }

    #[test]
    fn a_file_that_changed_is_read_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("file");
        let mut hasher = Hasher::default();
        std::fs::write(&path, "abc").unwrap();
        let first = hasher.digest(&path).unwrap();
        // FIPS 180-2, appendix B.1.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(first.to_string(), known);
        // Of the same size, at once, and with its time set back.
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, "abd").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_ne!(hasher.digest(&path).unwrap(), first);
        std::fs::remove_file(&path).unwrap();
        let error = hasher.digest(&path).unwrap_err().to_string();
        assert!(
            error.contains(path.to_str().unwrap()) && error.contains("No such file"),
            "{error}"
        );
        assert!(hasher.digest(folder.path()).is_err());
    }

    #[test]
    fn large_files_are_hashed_whole() {
        let bytes: Vec<u8> = (0..700_001u32).map(|n| (n % 251) as u8).collect();
        assert_eq!(digest_of(&mut bytes.as_slice()).unwrap(), digest_of_bytes(&bytes));
        assert_ne!(digest_of_bytes(&bytes), digest_of_bytes(&bytes[1..]));
    }
}
