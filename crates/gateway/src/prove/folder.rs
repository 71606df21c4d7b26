//! A temporary folder of this process alone.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::exit::Exit;

/// A folder that goes when this does.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it, for this user only: it holds the marks while they are still a secret.
    pub(super) fn make() -> Result<Self, Exit> {
        let path = std::env::temp_dir().join(format!("cofferdam-prove-{}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Exit::run_time(format!("making {}: {error}", path.display())))?;
        Ok(Self(path))
    }

    /// A path in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder itself.
    #[cfg(test)]
    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Exit> {
        let path = self.path(name);
        std::fs::write(&path, text)
            .map_err(|error| Exit::run_time(format!("writing {}: {error}", path.display())))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A path as an argument.
pub(super) fn argument(path: &Path) -> Result<&str, Exit> {
    path.to_str().ok_or_else(|| Exit::run_time(format!("{}: not UTF-8", path.display())))
}
