//! What is stored of a password.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::{DigestClaim, REALM, ReaderName, digest};

const HEAD: &str = "# A reader's account of Cofferdam, written by `cofferdam user add`. Whoever has this \
                    file can log in.\n";

/// A password as it is stored: enough to verify a Digest, and a slow hash for Basic.
///
/// A Digest with MD5 cannot be verified with less than `MD5(name:realm:password)`, which is as good as the
/// password to whoever would log in here: the file is to be kept like one.
#[derive(Clone)]
pub struct Secret {
    ha1: [u8; 16],
    argon2id: PasswordHash,
}

/// Why a text is no stored password. Never quotes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// A line that does not belong there, by its number.
    #[error("expected the form that `cofferdam user add` writes, found something else in line {0}")]
    Line(usize),
    /// A line is missing.
    #[error("expected a line `{0} = \"…\"`, found none")]
    Missing(&'static str),
    /// The account of somebody else: the name is part of what is stored.
    #[error("expected the account of {expected}, found that of {found}")]
    Name {
        /// The name in the configuration.
        expected: ReaderName,
        /// The name in the file.
        found: ReaderName,
    },
    /// The password could not be hashed.
    #[error("expected a password that can be hashed, found one that is too long")]
    Password,
}

impl Secret {
    /// What is stored of `password`. Takes a moment: the hash is slow on purpose.
    ///
    /// # Errors
    /// When the password is longer than any hash takes.
    pub fn of_password(
        name: &ReaderName,
        password: &SecretString,
        salt: [u8; 16],
    ) -> Result<Self, SecretError> {
        Self::of(name.as_str(), password, salt)
    }

    pub(crate) fn of(
        name: &str,
        password: &SecretString,
        salt: [u8; 16],
    ) -> Result<Self, SecretError> {
        let password = password.expose_secret();
        let argon2id = Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|_| SecretError::Password)?;
        Ok(Self { ha1: digest::ha1(name, REALM, password), argon2id })
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// When it is not that, or another account's.
    pub fn parse(text: &str, expected: &ReaderName) -> Result<Self, SecretError> {
        let (mut name, mut ha1, mut argon2id) = (None, None, None);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || SecretError::Line(number);
            let (key, value) = line.split_once('=').ok_or_else(wrong)?;
            let value = value.trim();
            let value =
                value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).ok_or_else(wrong)?;
            let taken = match key.trim() {
                "name" => name.replace(value.parse::<ReaderName>().map_err(|_| wrong())?).is_some(),
                "digest_md5" => ha1.replace(digest::from_hex(value).ok_or_else(wrong)?).is_some(),
                "argon2id" => argon2id.replace(slow_hash(value).ok_or_else(wrong)?).is_some(),
                _ => true,
            };
            if taken {
                return Err(wrong());
            }
        }
        let found = name.ok_or(SecretError::Missing("name"))?;
        if found != *expected {
            return Err(SecretError::Name { expected: expected.clone(), found });
        }
        Ok(Self {
            ha1: ha1.ok_or(SecretError::Missing("digest_md5"))?,
            argon2id: argon2id.ok_or(SecretError::Missing("argon2id"))?,
        })
    }

    /// The stored form: lines of text.
    #[must_use]
    pub fn to_text(&self, name: &ReaderName) -> SecretString {
        let Self { ha1, argon2id } = self;
        let ha1 = digest::to_hex(ha1);
        format!("{HEAD}name = \"{name}\"\ndigest_md5 = \"{ha1}\"\nargon2id = \"{argon2id}\"\n")
            .into()
    }

    /// Whether the same is stored, salt and all. Says nothing of what a password is worth.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.ha1 == other.ha1 && self.argon2id == other.argon2id
    }

    /// What the slow hash costs.
    #[cfg(test)]
    pub(crate) fn cost(&self) -> String {
        self.argon2id.params.to_string()
    }

    /// Whether a digest proves the password. Takes the same time for every wrong one.
    pub(crate) fn proves(&self, method: &str, claim: &DigestClaim) -> bool {
        #[cfg(test)]
        tests::COMPUTED.with(|computed| computed.set((computed.get().0 + 1, computed.get().1)));
        digest::expected(&self.ha1, method, claim).ct_eq(&claim.response).into()
    }

    /// Whether this is the password. Takes tens of milliseconds, on purpose.
    #[must_use]
    pub fn is_password(&self, password: &SecretString) -> bool {
        #[cfg(test)]
        tests::COMPUTED.with(|computed| computed.set((computed.get().0, computed.get().1 + 1)));
        Argon2::default()
            .verify_password(password.expose_secret().as_bytes(), &self.argon2id)
            .is_ok()
    }
}

fn slow_hash(text: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(text).ok()?;
    let usable = hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && hash.salt.is_some()
        && hash.hash.is_some();
    usable.then_some(hash)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// How many digests and how many slow hashes this thread has computed.
        pub(crate) static COMPUTED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    fn name(text: &str) -> ReaderName {
        text.parse().unwrap()
    }

    fn secret() -> Secret {
        Secret::of_password(&name("vms"), &"open sesame".to_owned().into(), [7; 16]).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let text = secret().to_text(&name("vms")).expose_secret().to_owned();
        assert!(!text.contains("sesame"), "{text}");
        let read = Secret::parse(&text, &name("vms")).unwrap();
        assert_eq!(read.ha1, secret().ha1);
        assert!(read.is_password(&"open sesame".to_owned().into()));
        assert!(!read.is_password(&"open sesam".to_owned().into()));
        assert!(!read.is_password(&String::new().into()));
    }

    #[test]
    fn what_is_not_the_stored_form_is_refused_without_being_quoted() {
        let good = secret().to_text(&name("vms")).expose_secret().to_owned();
        let refused = |text: &str| Secret::parse(text, &name("vms")).unwrap_err();
        assert_eq!(refused("open sesame\n"), SecretError::Line(1));
        assert_eq!(refused(""), SecretError::Missing("name"));
        for key in ["name", "digest_md5", "argon2id"] {
            let without: String =
                good.lines().filter(|l| !l.starts_with(key)).map(|l| format!("{l}\n")).collect();
            assert_eq!(refused(&without), SecretError::Missing(key));
            let line = good.lines().find(|l| l.starts_with(key)).unwrap();
            assert_eq!(refused(&format!("{good}{line}\n")), SecretError::Line(5), "{key} twice");
            assert_eq!(refused(&good.replace(line, &format!("{key} = \"!\""))), {
                SecretError::Line(1 + good.lines().position(|l| l == line).unwrap())
            });
        }
        assert_eq!(refused(&good.replace("$argon2id$", "$argon2i$")), SecretError::Line(4));
        let other = secret().to_text(&name("other")).expose_secret().to_owned();
        let line = refused(&other).to_string();
        assert!(line.contains("vms") && line.contains("other"), "{line}");
        assert_eq!(refused(&good.replace("name", "nom")), SecretError::Line(2));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", secret()), "Secret");
    }
}
