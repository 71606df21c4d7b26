//! Readers' accounts, from the configuration and the files it names.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use cofferdam_accounts::{Accounts, Reader, Secret};
use rustix::fs::OFlags;

use crate::config::{self, Config};
use crate::exit::Exit;

/// More than any account, certificate chain or key has, in bytes.
const LONGEST: u64 = 128 << 10;

/// The accounts, with what their files hold. Call while this process may still read them.
///
/// # Errors
/// Every mistake found, with the account's name and the key.
pub(crate) fn open(config: &Config) -> Result<Accounts, Exit> {
    let readers = read_all(config).map_err(Exit::configuration)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| Exit::run_time(format!("asking for random numbers: {error}")))?;
    Accounts::new(readers, random)
        .map_err(|error| Exit::configuration(format!("`reader`: {error}")))
}

/// Reads the file of every account.
///
/// # Errors
/// A line for every mistake found, with the account's name and the key.
pub(crate) fn read_all(config: &Config) -> Result<Vec<Reader>, String> {
    let mut readers = Vec::new();
    let mut refused = Vec::new();
    for reader in &config.reader {
        let key = |name: &str| format!("`reader {}: {name}`", reader.name);
        let secret = secret(reader).map_err(|what| format!("{}: {what}", key("secret_file")));
        let certificates =
            certificates(reader).map_err(|what| format!("{}: {what}", key("certificate")));
        match (secret, certificates) {
            (Ok(secret), Ok(certificates)) => readers.push(Reader {
                name: reader.name.clone(),
                secret,
                mounts: reader.mounts.clone(),
                networks: reader.networks.clone(),
                transports: reader.transports,
                certificates,
            }),
            (secret, certificates) => {
                refused.extend(secret.err().into_iter().chain(certificates.err()));
            }
        }
    }
    if refused.is_empty() { Ok(readers) } else { Err(refused.join("\n")) }
}

fn secret(reader: &config::Reader) -> Result<Secret, String> {
    let path = &reader.secret_file;
    let text = read(path)?;
    Secret::parse(&text, &reader.name).map_err(|error| format!("{}: {error}", path.display()))
}

fn certificates(reader: &config::Reader) -> Result<Vec<Vec<u8>>, String> {
    let Some(path) = &reader.certificate else { return Ok(Vec::new()) };
    let pem = read_bytes(path)?;
    let show = path.display();
    cofferdam_serve::certificate(&pem)
        .map(|der| vec![der])
        .map_err(|error| format!("{show}: {error}"))
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = read_bytes(path)?;
    let show = path.display();
    String::from_utf8(bytes).map_err(|_| format!("expected UTF-8 in {show}, found other bytes"))
}

/// A file's bytes, within reason. Never waits: what is no file might have it wait for ever.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let show = path.display();
    let unreadable = |error| format!("expected a readable file, found {show}: {error}");
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(format!("expected a file, found something else at {show}"));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("expected at most {LONGEST} bytes in {show}, found more"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_waited_for_or_never_ends_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        for path in [&path, Path::new("/dev/zero"), folder.path()] {
            let told = read_bytes(path).unwrap_err();
            assert!(told.starts_with("expected a file, found something else"), "{told}");
        }
        let path = folder.path().join("file");
        let most = usize::try_from(LONGEST).unwrap();
        for (length, is_fine) in [(0, true), (most, true), (most + 1, false)] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            let read = read_bytes(&path);
            assert_eq!(read.as_ref().map(Vec::len).ok(), is_fine.then_some(length), "{read:?}");
        }
    }
}
