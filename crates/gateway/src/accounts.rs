//! Readers' accounts, from the configuration and the files it names.

use std::path::Path;

use cofferdam_accounts::{Accounts, Reader, Secret};

use crate::config::{self, Config};
use crate::exit::Exit;

/// More than any account's file has, in bytes.
const LONGEST: u64 = 4096;

/// Reads the file of every account. Call while this process may still read them.
///
/// # Errors
/// Every mistake found, with the account's name and the key.
pub(crate) fn open(config: &Config) -> Result<Accounts, Exit> {
    let mut readers = Vec::new();
    let mut refused = Vec::new();
    for reader in &config.reader {
        match secret(reader) {
            Ok(secret) => readers.push(Reader {
                name: reader.name.clone(),
                secret,
                mounts: reader.mounts.clone(),
                networks: reader.networks.clone(),
                transports: reader.transports,
            }),
            Err(what) => refused.push(format!("`reader {}: secret_file`: {what}", reader.name)),
        }
    }
    if !refused.is_empty() {
        return Err(Exit::configuration(refused.join("\n")));
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| Exit::run_time(format!("asking for random numbers: {error}")))?;
    Accounts::new(readers, random)
        .map_err(|error| Exit::configuration(format!("`reader`: {error}")))
}

fn secret(reader: &config::Reader) -> Result<Secret, String> {
    let path = &reader.secret_file;
    let text = read(path)?;
    Secret::parse(&text, &reader.name).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    let show = path.display();
    let unreadable = |error| format!("expected a readable file, found {show}: {error}");
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LONGEST {
        return Err(format!("expected at most {LONGEST} bytes in {show}, found {length}"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| format!("expected UTF-8 in {show}, found other bytes"))
}
