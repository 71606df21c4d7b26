//! Folders that are held open, for files that cannot be reached by their path any more.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Folders held open. A gateway that was started as root becomes a user who may not enter the home that
/// its checkout is in; the folders it holds it can still look into.
#[derive(Debug, Default)]
pub struct Folders(Vec<(PathBuf, OwnedFd)>);

impl Folders {
    /// Holds `folder`. One that cannot be held is reached by its path, or not at all.
    pub fn hold(&mut self, folder: &Path) {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        if let Ok(held) = rustix::fs::open(folder, flags, Mode::empty()) {
            self.0.push((folder.to_owned(), held));
        }
    }

    /// Opens the file at `path` for reading: through its folder, if that is held.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        let held = path.parent().and_then(|folder| self.0.iter().find(|(held, _)| held == folder));
        let (Some((_, folder)), Some(name)) = (held, path.file_name()) else {
            return File::open(path);
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_held_folder_is_looked_into_wherever_it_is() {
        let root = tempfile::TempDir::new().unwrap();
        let home = root.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("list"), "as it was").unwrap();
        let mut folders = Folders::default();
        folders.hold(&home);
        // As much out of reach as behind a folder that may not be entered.
        std::fs::rename(&home, root.path().join("elsewhere")).unwrap();
        let mut text = String::new();
        folders.open(&home.join("list")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "as it was");
        assert!(folders.open(&home.join("other")).is_err());
        assert!(Folders::default().open(&home.join("list")).is_err());
    }
}
