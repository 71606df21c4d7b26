//! What a running gateway goes by, while somebody is at work on the file.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use serde::{Deserialize, Serialize};

use super::Config;
use super::error::ConfigError;
use super::load::{parse, read};
use crate::exit::Exit;

/// The configuration as it was written when the gateway started, and when its accounts were last taken over. A side
/// that comes back goes by these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Texts {
    started: String,
    accounts: String,
}

impl Texts {
    /// The descriptor that a side started by `both` has its texts on.
    pub(crate) const DESCRIPTOR: i32 = 4;

    /// Those of the file at `path` as it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let started = read(path)?;
        Ok(Self { accounts: started.clone(), started })
    }

    /// What they say, where `path` is the file that they were in.
    ///
    /// # Errors
    /// Every mistake found, each naming its key and its source.
    pub(crate) fn config(&self, path: &Path) -> Result<Config, ConfigError> {
        let mut config = parse(path, &self.started)?;
        if self.accounts != self.started {
            config.reader = parse(path, &self.accounts)?.reader;
        }
        Ok(config)
    }

    /// These with the accounts of the file at `path` as it is; `None` where it is not valid.
    pub(crate) fn with_accounts(&self, path: &Path) -> Option<Self> {
        let accounts = read(path).ok()?;
        parse(path, &accounts).ok()?;
        Some(Self { started: self.started.clone(), accounts })
    }

    #[cfg(test)]
    pub(crate) fn of(started: &str, accounts: &str) -> Self {
        Self { started: started.into(), accounts: accounts.into() }
    }

    /// A file in memory that holds them. Nobody can write to it.
    pub(crate) fn to_descriptor(&self) -> io::Result<OwnedFd> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(memfd_create("cofferdam-configuration", flags)?);
        file.write_all(&serde_json::to_vec(self)?)?;
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        fcntl_add_seals(&file, seals)?;
        Ok(file.into())
    }

    /// Those that this process was given. Call first thing in the process.
    pub(crate) fn inherited() -> Result<Self, Exit> {
        let failed = |error: io::Error| Exit::run_time(format!("the parent's texts: {error}"));
        let descriptor = cofferdam_jail::inherited(Self::DESCRIPTOR).map_err(io::Error::other);
        Self::from_descriptor(descriptor.map_err(failed)?).map_err(failed)
    }

    fn from_descriptor(descriptor: OwnedFd) -> io::Result<Self> {
        let file = File::from(descriptor);
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fps: u32, readers: &[&str]) -> String {
        let reader = |name: &&str| {
            format!("[[reader]]\nname = \"{name}\"\nsecret_file = \"{name}\"\nmounts = [\"*\"]\n")
        };
        let readers: String = readers.iter().map(reader).collect();
        format!(
            "{readers}[core]\nrtsp = \"127.0.0.1:8554\"\n[[camera]]\nid = \"lobby\"\nurl = \"rtsp://192.0.2.1/\"\n\
             picture = {{ width = 640, height = 360, fps = {fps} }}\n"
        )
    }

    #[test]
    fn a_side_that_comes_back_gets_what_was_there_at_the_start_and_the_accounts_of_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cofferdam.toml");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(&text(15, &["one"]));
        let texts = Texts::read(&path).unwrap();
        let names = |texts: &Texts| -> Vec<String> {
            let readers = texts.config(&path).unwrap().reader;
            readers.iter().map(|reader| reader.name.to_string()).collect()
        };
        write(&text(10, &["two"]));
        assert_eq!(names(&texts), ["one"], "nobody has asked for it");
        let texts = texts.with_accounts(&path).unwrap();
        write("broken");
        assert_eq!(texts.with_accounts(&path), None);
        assert_eq!(names(&texts), ["two"]);
        assert_eq!(texts.config(&path).unwrap().cameras[0].rate.per_second(), 15);
        let handed_on = Texts::from_descriptor(texts.to_descriptor().unwrap()).unwrap();
        assert_eq!(handed_on, texts);
    }

    #[test]
    fn one_side_cannot_change_what_another_is_told() {
        let texts = Texts::of("a", "b");
        let file = File::from(texts.to_descriptor().unwrap());
        assert!(file.write_at(b"x", 0).is_err() && file.set_len(1).is_err());
    }
}
