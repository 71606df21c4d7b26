//! One `[[reader]]` table, validated.

use cofferdam_accounts::{ReaderName, TransportKind, TransportSet};

use super::validate::Found;
use super::{Reader, file};

/// Validates one reader; `None` when anything in it is wrong, which `found` then says.
pub(crate) fn reader(raw: &file::Reader, found: &mut Found) -> Option<Reader> {
    let key = |name: &str| format!("reader {}: {name}", raw.name);
    let mut own = Found::new();
    let name = raw.name.parse::<ReaderName>();
    if let Err(error) = &name {
        own.push((key("name"), error.to_string()));
    }
    if raw.secret_file.as_os_str().is_empty() {
        own.push((key("secret_file"), "expected a path, found nothing".into()));
    }
    if raw.mounts.is_empty() {
        let what = "expected at least one path such as \"lobby/*\", or \"*\" for all, found none";
        own.push((key("mounts"), what.into()));
    }
    let mounts = parsed(&raw.mounts, &key("mounts"), &mut own);
    let networks = parsed(&raw.networks, &key("networks"), &mut own);
    let transports = transports(&raw.transports, &key("transports"), &mut own);
    let valid = own.is_empty();
    found.append(&mut own);
    if !valid {
        return None;
    }
    Some(Reader {
        name: name.ok()?,
        secret_file: raw.secret_file.clone(),
        mounts,
        networks,
        transports,
        certificate: raw.certificate.clone(),
    })
}

fn parsed<T>(texts: &[String], key: &str, found: &mut Found) -> Vec<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let mut values = Vec::new();
    for text in texts {
        match text.parse::<T>() {
            Ok(value) => values.push(value),
            Err(error) => found.push((key.to_owned(), error.to_string())),
        }
    }
    values
}

fn transports(texts: &[String], key: &str, found: &mut Found) -> TransportSet {
    let known = TransportKind::ALL.map(TransportKind::label);
    let expected = format!("expected some of {known:?}");
    if texts.is_empty() {
        found.push((key.to_owned(), format!("{expected}, found none")));
    }
    let mut kinds = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(kind) => kinds.push(kind),
            Err(_) => found.push((key.to_owned(), format!("{expected}, found {text:?}"))),
        }
    }
    kinds.into_iter().collect()
}
