//! What a running gateway goes by, while somebody is at work on the file.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::load::{parse, read};
use super::{Config, load};
use crate::accounts;
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

    /// Takes the accounts of the file at `path` as it is, if they can be taken over.
    pub(crate) fn take_accounts(&mut self, path: &Path) {
        let is_usable = |config: &Config| accounts::read_all(config).is_ok();
        // What is wrong is told by the side that is to take them over.
        if let (Ok(accounts), Ok(config), Ok(before)) = (read(path), load(path), self.config(path))
            && config.readers == before.readers
            && is_usable(&config)
        {
            self.accounts = accounts;
        }
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
        for name in ["one", "two"] {
            let parsed = name.parse().unwrap();
            let password = "a password".to_owned().into();
            let secret =
                cofferdam_accounts::Secret::of_password(&parsed, &password, [1; 16]).unwrap();
            let text = secret.to_text(&parsed);
            std::fs::write(folder.path().join(name), secrecy::ExposeSecret::expose_secret(&text))
                .unwrap();
        }
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write(&text(15, &["one"]));
        let mut texts = Texts::read(&path).unwrap();
        let names = |texts: &Texts| -> Vec<String> {
            let readers = texts.config(&path).unwrap().reader;
            readers.iter().map(|reader| reader.name.to_string()).collect()
        };
        write(&text(10, &["two"]));
        assert_eq!(names(&texts), ["one"], "nobody has asked for it");
        texts.take_accounts(&path);
        assert_eq!(names(&texts), ["two"]);
        assert_eq!(texts.config(&path).unwrap().cameras[0].rate.per_second(), 15);
        let open = format!("{}[readers]\nanonymous = true\n", text(15, &[]));
        for unusable in ["broken", &text(15, &["three"]), &open] {
            write(unusable);
            texts.take_accounts(&path);
            assert_eq!(names(&texts), ["two"], "{unusable}");
        }
        let handed_on = Texts::from_descriptor(texts.to_descriptor().unwrap()).unwrap();
        assert_eq!(handed_on, texts);
    }

    #[test]
    fn one_side_cannot_change_what_another_is_told() {
        let texts = Texts { started: "a".into(), accounts: "b".into() };
        let file = File::from(texts.to_descriptor().unwrap());
        assert!(file.write_at(b"x", 0).is_err() && file.set_len(1).is_err());
    }
}
