//! Who there is, what a claim is worth, and what a reader may do.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::delay::Delays;
use crate::{
    BasicClaim, Claim, DigestClaim, MountPattern, Network, ReaderName, Secret, SecretError,
    TransportKind, TransportSet,
};

/// An account.
#[derive(Clone, Debug)]
pub struct Reader {
    /// What it is called.
    pub name: ReaderName,
    /// What is stored of its password.
    pub secret: Secret,
    /// The mounts it may read: those that any of the patterns stands for.
    pub mounts: Vec<MountPattern>,
    /// Where it may come from. Empty means anywhere.
    pub networks: Vec<Network>,
    /// How its packets may travel.
    pub transports: TransportSet,
    /// Certificates it may log in with over TLS, in DER.
    pub certificates: Vec<Vec<u8>>,
}

impl Reader {
    /// Whether it may read the mount at `path`, given without slashes at either end.
    #[must_use]
    pub fn may_read(&self, path: &str) -> bool {
        self.mounts.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether its packets may travel that way.
    #[must_use]
    pub const fn may_use(&self, kind: TransportKind) -> bool {
        self.transports.contains(kind)
    }

    /// Whether nothing of it differs.
    fn is_same(&self, other: &Self) -> bool {
        // All of it is named, so that what is added is not forgotten here.
        let Self { name, secret, mounts, networks, transports, certificates } = self;
        *name == other.name
            && secret.is_same(&other.secret)
            && *mounts == other.mounts
            && *networks == other.networks
            && *transports == other.transports
            && *certificates == other.certificates
    }

    fn may_come_from(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|n| n.contains(address))
    }
}

/// What a claim is worth.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// It is that reader.
    Granted(Arc<Reader>),
    /// The claim answers a challenge that this connection did not make: it is to be made again. Says
    /// nothing about the password.
    Stale,
    /// It is not, or may not be here. Whoever claims is told the same for every reason.
    Refused {
        /// The account that was claimed, if there is one of that name.
        reader: Option<ReaderName>,
        /// Why, for logs and metrics.
        reason: Refusal,
    },
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The header cannot be read.
    Malformed,
    /// A scheme that is not offered.
    Scheme,
    /// There is no such account.
    Unknown,
    /// The password is wrong.
    Password,
    /// Right, but from an address that is not in the account's networks.
    Network,
}

impl Refusal {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::Malformed, Self::Scheme, Self::Unknown, Self::Password, Self::Network];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Scheme => "scheme",
            Self::Unknown => "unknown",
            Self::Password => "password",
            Self::Network => "network",
        }
    }
}

/// Why accounts cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountsError {
    /// Two have the same name.
    #[error("expected each name once, found {0} twice")]
    Duplicate(ReaderName),
    /// Two have the same certificate.
    #[error("expected each certificate in one account, found one in those of {0} and {1}")]
    Certificate(ReaderName, ReaderName),
    /// The password that nobody has could not be hashed.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A password in clear that waits to be judged. Clones are the same.
#[derive(Clone, Debug)]
pub struct PasswordCheck(Arc<Check>);

#[derive(Debug)]
struct Check {
    secret: Secret,
    username: String,
    password: SecretString,
    reader: Option<Arc<Reader>>,
}

impl PasswordCheck {
    /// Whether the password is right. Takes tens of milliseconds and as many mebibytes, on purpose, and as
    /// long for a name that does not exist.
    #[must_use]
    pub fn run(&self) -> bool {
        let Check { secret, password, reader, .. } = &*self.0;
        secret.is_password(password) && reader.is_some()
    }
}

impl PartialEq for PasswordCheck {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for PasswordCheck {}

type ByName = HashMap<Box<str>, Arc<Reader>>;

/// What [`Accounts::replace`] made of the accounts: the names of those it concerns, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountChanges {
    /// There was none of that name.
    pub added: Vec<ReaderName>,
    /// Something of it differs: the password, or what the reader may do.
    pub changed: Vec<ReaderName>,
    /// There is none of that name any more.
    pub removed: Vec<ReaderName>,
}

/// All accounts, and the failures of those who tried.
#[derive(Debug)]
pub struct Accounts {
    readers: RwLock<ByName>,
    /// Judged in the place of accounts that do not exist, so that these take as long as others.
    decoy: Secret,
    delays: Mutex<Delays>,
}

impl Accounts {
    /// Those accounts. `random` makes the password that nobody has.
    ///
    /// # Errors
    /// When two have the same name or certificate, or that password could not be hashed.
    pub fn new(readers: Vec<Reader>, random: [u8; 32]) -> Result<Self, AccountsError> {
        let readers = RwLock::new(by_name(readers)?);
        Ok(Self { readers, decoy: decoy(random)?, delays: Mutex::default() })
    }

    /// Puts these in the place of those there are. Whoever is among both and the same in everything stays
    /// [current](Self::is_current). What failed attempts have earned is not forgotten.
    ///
    /// # Errors
    /// When two have the same name or certificate; then everything stays as it is.
    pub fn replace(&self, readers: Vec<Reader>) -> Result<AccountChanges, AccountsError> {
        let mut new = by_name(readers)?;
        let mut changes = AccountChanges::default();
        let mut readers = self.readers.write().unwrap_or_else(PoisonError::into_inner);
        for (name, reader) in &mut new {
            match readers.get(name) {
                None => changes.added.push(reader.name.clone()),
                Some(old) if old.is_same(reader) => *reader = Arc::clone(old),
                Some(_) => changes.changed.push(reader.name.clone()),
            }
        }
        let gone = readers.iter().filter(|(name, _)| !new.contains_key(*name));
        changes.removed.extend(gone.map(|(_, reader)| reader.name.clone()));
        *readers = new;
        drop(readers);
        for names in [&mut changes.added, &mut changes.changed, &mut changes.removed] {
            names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        }
        Ok(changes)
    }

    /// Whether `reader` is an account as it is now, and not as it was before it was
    /// [replaced](Self::replace).
    #[must_use]
    pub fn is_current(&self, reader: &Arc<Reader>) -> bool {
        self.of(reader.name.as_str()).is_some_and(|current| Arc::ptr_eq(&current, reader))
    }

    /// How long a claim that arrives at `now` is to wait before it is judged.
    #[must_use]
    pub fn delay(&self, claim: &Claim, from: IpAddr, now: Instant) -> Duration {
        self.delays().delay(from, claim.username(), now)
    }

    /// Judges a Digest for a request with `method`, on a connection whose challenges have `nonce`.
    pub fn judge_digest(
        &self,
        claim: &DigestClaim,
        method: &str,
        nonce: &str,
        from: IpAddr,
        now: Instant,
    ) -> Judgement {
        if claim.nonce != nonce {
            return Judgement::Stale;
        }
        let reader = self.of(&claim.username);
        let secret = reader.as_ref().map_or(&self.decoy, |reader| &reader.secret);
        let proven = secret.proves(method, claim);
        self.conclude(reader, proven, &claim.username, from, now)
    }

    /// What it takes to judge a password in clear. Judging it is slow, so it is a task of its own.
    #[must_use]
    pub fn password_check(&self, claim: &BasicClaim) -> PasswordCheck {
        let reader = self.of(&claim.username);
        let secret = reader.as_ref().map_or(&self.decoy, |reader| &reader.secret).clone();
        let (username, password) = (claim.username.clone(), claim.password.clone());
        PasswordCheck(Arc::new(Check { secret, username, password, reader }))
    }

    /// Whether an account is another by now, or there is one that was not, so that the password is to be checked
    /// against that.
    #[must_use]
    pub fn is_outdated(&self, check: &PasswordCheck) -> bool {
        let Check { reader, username, .. } = &*check.0;
        match (reader, self.of(username)) {
            (None, None) => false,
            (Some(reader), Some(current)) => !Arc::ptr_eq(reader, &current),
            _ => true,
        }
    }

    /// Judges a password in clear, of which [`PasswordCheck::run`] has said whether it is right.
    pub fn judge_password(
        &self,
        check: &PasswordCheck,
        is_right: bool,
        from: IpAddr,
        now: Instant,
    ) -> Judgement {
        let Check { reader, username, .. } = &*check.0;
        // Checking takes long enough for an account to be replaced meanwhile, and its password with it.
        let reader = reader.clone().filter(|reader| self.is_current(reader));
        self.conclude(reader, is_right, username, from, now)
    }

    /// Judges a certificate that was proved to be the sender's, in DER.
    pub fn judge_certificate(&self, certificate: &[u8], from: IpAddr) -> Judgement {
        let has = |reader: &&Arc<Reader>| reader.certificates.iter().any(|own| own == certificate);
        match self.readers().values().find(has) {
            None => Judgement::Refused { reader: None, reason: Refusal::Unknown },
            Some(reader) if !reader.may_come_from(from) => {
                Judgement::Refused { reader: Some(reader.name.clone()), reason: Refusal::Network }
            }
            Some(reader) => Judgement::Granted(Arc::clone(reader)),
        }
    }

    /// Every certificate that a reader may log in with, in DER.
    #[must_use]
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        self.readers().values().flat_map(|reader| reader.certificates.iter().cloned()).collect()
    }

    fn conclude(
        &self,
        reader: Option<Arc<Reader>>,
        proven: bool,
        username: &str,
        from: IpAddr,
        now: Instant,
    ) -> Judgement {
        let name = reader.as_ref().map(|reader| reader.name.clone());
        let refusal = match reader {
            None => Refusal::Unknown,
            Some(_) if !proven => Refusal::Password,
            Some(reader) if !reader.may_come_from(from) => Refusal::Network,
            Some(reader) => {
                self.delays().succeeded(from, username);
                return Judgement::Granted(reader);
            }
        };
        self.delays().failed(from, username, now);
        Judgement::Refused { reader: name, reason: refusal }
    }

    /// The account of that name.
    fn of(&self, name: &str) -> Option<Arc<Reader>> {
        self.readers().get(name).cloned()
    }

    fn readers(&self) -> RwLockReadGuard<'_, ByName> {
        self.readers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn delays(&self) -> MutexGuard<'_, Delays> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_name(readers: Vec<Reader>) -> Result<ByName, AccountsError> {
    let mut by_name = ByName::new();
    let mut by_certificate: HashMap<Vec<u8>, ReaderName> = HashMap::new();
    for reader in readers {
        let name = reader.name.clone();
        if by_name.contains_key(name.as_str()) {
            return Err(AccountsError::Duplicate(name));
        }
        for certificate in &reader.certificates {
            if let Some(other) = by_certificate.insert(certificate.clone(), name.clone()) {
                return Err(AccountsError::Certificate(other, name));
            }
        }
        by_name.insert(name.as_str().into(), Arc::new(reader));
    }
    Ok(by_name)
}

/// A stored password that nobody has.
fn decoy(random: [u8; 32]) -> Result<Secret, SecretError> {
    let (mut salt, mut password) = ([0; 16], [0; 16]);
    salt.copy_from_slice(&random[..16]);
    password.copy_from_slice(&random[16..]);
    Secret::of("decoy", &crate::digest::to_hex(&password).into(), salt)
}

#[cfg(test)]
mod tests;
