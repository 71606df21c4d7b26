//! `cofferdam user add`: writes the stored form of an account's password.

use std::fs::{OpenOptions, Permissions};
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use cofferdam_accounts::{ReaderName, Secret};
use rustix::fs::{Gid, fchown};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::UserAddOptions;
use crate::exit::Exit;

/// The longest password, in bytes.
const LONGEST: usize = 256;
/// The shortest: recorders keep passwords for people, so there is no reason for a short one.
const SHORTEST: usize = 8;
/// The bit of a file's mode that lets its group read.
const GROUP_READS: u32 = 0o040;
/// What generated passwords are made of: letters and digits that are not taken for one another, since
/// people copy them by hand. Thirty-two, so that every byte of chance is used evenly.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Twenty-four characters of five bits.
const GENERATED: usize = 24;

/// Adds an account, and prints what to put into the configuration.
pub(crate) fn add(options: &UserAddOptions) -> Result<(), Exit> {
    let name: ReaderName = options
        .name
        .parse()
        .map_err(|error| Exit::configuration(format!("account name: {error}")))?;
    let password = if options.generate { generate()? } else { ask()? };
    let mut salt = [0; 16];
    chance(&mut salt)?;
    let secret = Secret::of_password(&name, &password, salt)
        .map_err(|error| Exit::configuration(error.to_string()))?;
    let text = secret.to_text(&name);
    write(&options.secret_file, text.expose_secret(), options.replace)?;
    let mut lines = String::new();
    if options.generate {
        lines.push_str(&format!("password: {}\n\n", password.expose_secret()));
    }
    let path =
        std::path::absolute(&options.secret_file).unwrap_or_else(|_| options.secret_file.clone());
    lines.push_str(&format!(
        "[[reader]]\nname = \"{name}\"\nsecret_file = {:?}\nmounts = [\"*\"]\n",
        path.display().to_string()
    ));
    std::io::stdout()
        .write_all(lines.as_bytes())
        .map_err(|error| Exit::run_time(format!("writing to standard output: {error}")))
}

fn generate() -> Result<SecretString, Exit> {
    let mut random = [0; GENERATED];
    chance(&mut random)?;
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    Ok(random.iter().map(letter).collect::<String>().into())
}

fn chance(bytes: &mut [u8]) -> Result<(), Exit> {
    getrandom::fill(bytes)
        .map_err(|error| Exit::run_time(format!("asking for random numbers: {error}")))
}

/// One line from standard input; at a terminal twice, and not shown.
fn ask() -> Result<SecretString, Exit> {
    if !std::io::stdin().is_terminal() {
        return line();
    }
    let password = prompt("Password: ")?;
    let again = prompt("Again: ")?;
    if password.expose_secret() != again.expose_secret() {
        return Err(Exit::configuration("expected the same password twice, found two".into()));
    }
    Ok(password)
}

fn prompt(text: &str) -> Result<SecretString, Exit> {
    let stdin = std::io::stdin();
    let failed =
        |error: rustix::io::Errno| Exit::run_time(format!("asking at the terminal: {error}"));
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes());
    let shown = tcgetattr(&stdin).map_err(failed)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(failed)?;
    let password = line();
    let restored = tcsetattr(&stdin, OptionalActions::Flush, &shown);
    let _ = stderr.write_all(b"\n");
    restored.map_err(failed)?;
    password
}

fn line() -> Result<SecretString, Exit> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(LONGEST as u64 + 2)
        .read_until(b'\n', &mut bytes)
        .map_err(|error| Exit::run_time(format!("reading the password: {error}")))?;
    password(&bytes).map_err(|found| {
        Exit::configuration(format!(
            "expected a password of {SHORTEST} to {LONGEST} bytes of UTF-8 on standard input, found {found}"
        ))
    })
}

fn password(bytes: &[u8]) -> Result<SecretString, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "other bytes")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.len() {
        0 => Err("nothing"),
        length if length < SHORTEST => Err("a shorter one"),
        length if length > LONGEST => Err("a longer one"),
        _ if text.chars().any(char::is_control) => Err("a control character"),
        _ => Ok(SecretString::from(text.to_owned())),
    }
}

/// Writes the file whole or not at all, readable by its owner only; one that it replaces leaves it its group, and
/// what that may read, for a running gateway may be no more than that.
fn write(path: &Path, text: &str, replace: bool) -> Result<(), Exit> {
    let show = path.display();
    let failed =
        |error: std::io::Error| Exit::run_time(format!("expected to write {show}, found {error}"));
    if !replace && path.exists() {
        return Err(Exit::configuration(format!(
            "expected no file at {show}, found one: `--replace` writes over it"
        )));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    // What an earlier attempt left behind may have another mode.
    let _ = std::fs::remove_file(&beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    if let Ok(old) = std::fs::metadata(path)
        && old.mode() & GROUP_READS != 0
    {
        let group = Some(Gid::from_raw(old.gid()));
        fchown(&file, None, group).map_err(|error| failed(error.into()))?;
        file.set_permissions(Permissions::from_mode(0o600 | GROUP_READS)).map_err(failed)?;
    }
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        let read = |bytes: &[u8]| password(bytes).map(|p| p.expose_secret().to_owned());
        assert_eq!(read(b"open sesame\n"), Ok("open sesame".into()));
        assert_eq!(read(b"open sesame\r\n"), Ok("open sesame".into()));
        assert_eq!(read(b"\n"), Err("nothing"));
        assert_eq!(read(b"short\n"), Err("a shorter one"));
        assert_eq!(read(&[b'x'; LONGEST + 1]), Err("a longer one"));
        assert_eq!(read(b"open\x07sesame"), Err("a control character"));
        assert_eq!(read(b"\xff\xfe open"), Err("other bytes"));
    }

    #[test]
    fn generated_passwords_differ_and_are_long() {
        let [one, other] = [generate().unwrap(), generate().unwrap()];
        assert_eq!(one.expose_secret().len(), GENERATED);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }

    #[test]
    fn a_file_is_written_over_only_when_asked_to() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("vms");
        write(&path, "one", false).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write(&path, "two", false).unwrap_err().to_string().contains("--replace"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one");
        write(&path, "two", true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
