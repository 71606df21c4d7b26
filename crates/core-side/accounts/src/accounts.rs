//! Who there is, what a claim is worth, and what a reader may do.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// All accounts, and the failures of those who tried.
#[derive(Debug)]
pub struct Accounts {
    readers: HashMap<Box<str>, Arc<Reader>>,
    /// Judged in the place of accounts that do not exist, so that these take as long as others.
    decoy: Secret,
    delays: Mutex<Delays>,
}

impl Accounts {
    /// Those accounts. `random` makes the password that nobody has.
    ///
    /// # Errors
    /// When two have the same name.
    pub fn new(readers: Vec<Reader>, random: [u8; 32]) -> Result<Self, AccountsError> {
        let mut by_name = HashMap::new();
        for reader in readers {
            let name = reader.name.clone();
            if by_name.insert(name.as_str().into(), Arc::new(reader)).is_some() {
                return Err(AccountsError::Duplicate(name));
            }
        }
        Ok(Self { readers: by_name, decoy: decoy(random)?, delays: Mutex::default() })
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
        let reader = self.readers.get(claim.username.as_str());
        let secret = reader.map_or(&self.decoy, |reader| &reader.secret);
        let proven = secret.proves(method, claim);
        self.conclude(reader, proven, &claim.username, from, now)
    }

    /// What it takes to judge a password in clear. Judging it is slow, so it is a task of its own.
    #[must_use]
    pub fn password_check(&self, claim: &BasicClaim) -> PasswordCheck {
        let reader = self.readers.get(claim.username.as_str()).cloned();
        let secret = reader.as_ref().map_or(&self.decoy, |reader| &reader.secret).clone();
        let (username, password) = (claim.username.clone(), claim.password.clone());
        PasswordCheck(Arc::new(Check { secret, username, password, reader }))
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
        self.conclude(reader.as_ref(), is_right, username, from, now)
    }

    /// Judges a certificate that was proved to be the sender's, in DER.
    pub fn judge_certificate(&self, certificate: &[u8], from: IpAddr) -> Judgement {
        let has = |reader: &&Arc<Reader>| reader.certificates.iter().any(|own| own == certificate);
        match self.readers.values().find(has) {
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
        self.readers.values().flat_map(|reader| reader.certificates.iter().cloned()).collect()
    }

    fn conclude(
        &self,
        reader: Option<&Arc<Reader>>,
        proven: bool,
        username: &str,
        from: IpAddr,
        now: Instant,
    ) -> Judgement {
        let refusal = match reader {
            None => Refusal::Unknown,
            Some(_) if !proven => Refusal::Password,
            Some(reader) if !reader.may_come_from(from) => Refusal::Network,
            Some(reader) => {
                self.delays().succeeded(from, username);
                return Judgement::Granted(Arc::clone(reader));
            }
        };
        self.delays().failed(from, username, now);
        Judgement::Refused { reader: reader.map(|r| r.name.clone()), reason: refusal }
    }

    fn delays(&self) -> MutexGuard<'_, Delays> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stored password that nobody has.
fn decoy(random: [u8; 32]) -> Result<Secret, SecretError> {
    let (mut salt, mut password) = ([0; 16], [0; 16]);
    salt.copy_from_slice(&random[..16]);
    password.copy_from_slice(&random[16..]);
    Secret::of("decoy", &crate::digest::to_hex(&password).into(), salt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LONGEST_DELAY;
    use crate::secret::tests::COMPUTED;

    const NONCE: &str = "0123";
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 9));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 2, 0, 9));

    fn accounts() -> Accounts {
        let name: ReaderName = "vms".parse().unwrap();
        let reader = Reader {
            secret: Secret::of_password(&name, &"right".to_owned().into(), [1; 16]).unwrap(),
            name,
            mounts: vec!["lobby/*".parse().unwrap(), "yard/sub".parse().unwrap()],
            networks: vec!["10.1.0.0/16".parse().unwrap()],
            transports: [TransportKind::Tcp].into_iter().collect(),
            certificates: vec![vec![1, 2, 3]],
        };
        Accounts::new(vec![reader], [2; 32]).unwrap()
    }

    fn claim(name: &str, password: &str, nonce: &str) -> DigestClaim {
        let mut claim = DigestClaim {
            username: name.into(),
            nonce: nonce.into(),
            uri: "rtsp://gw/lobby/main".into(),
            response: [0; 16],
            qop: None,
        };
        let ha1 = crate::digest::ha1(name, crate::REALM, password);
        claim.response = crate::digest::expected(&ha1, "DESCRIBE", &claim);
        claim
    }

    #[test]
    fn each_claim_is_worth_what_it_proves() {
        let (accounts, now) = (accounts(), Instant::now());
        let judge = |claim: &DigestClaim, method: &str, from: IpAddr| match accounts
            .judge_digest(claim, method, NONCE, from, now)
        {
            Judgement::Granted(reader) => Ok(reader.name.to_string()),
            Judgement::Stale => Err(("stale", false)),
            Judgement::Refused { reader, reason } => Err((reason.label(), reader.is_some())),
        };
        let right = claim("vms", "right", NONCE);
        assert_eq!(judge(&right, "DESCRIBE", HERE), Ok("vms".into()));
        assert_eq!(judge(&right, "SETUP", HERE), Err(("password", true)));
        assert_eq!(judge(&right, "DESCRIBE", ELSEWHERE), Err(("network", true)));
        let wrong = claim("vms", "wrong", NONCE);
        assert_eq!(judge(&wrong, "DESCRIBE", HERE), Err(("password", true)));
        let stranger = claim("VMS", "right", NONCE);
        assert_eq!(judge(&stranger, "DESCRIBE", HERE), Err(("unknown", false)));
        for password in ["right", "wrong"] {
            let foreign = claim("vms", password, "4567");
            assert_eq!(judge(&foreign, "DESCRIBE", HERE), Err(("stale", false)), "{password}");
        }
        // The decoy's is a name like any other.
        assert_eq!(judge(&claim("decoy", "", NONCE), "DESCRIBE", HERE), Err(("unknown", false)));
    }

    #[test]
    fn failures_delay_names_that_exist_and_that_do_not_alike_and_success_ends_it() {
        let (accounts, now) = (accounts(), Instant::now());
        for name in ["vms", "nobody"] {
            let delays: Vec<Duration> = (0..8)
                .map(|_| {
                    let wrong = claim(name, "wrong", NONCE);
                    accounts.judge_digest(&wrong, "DESCRIBE", NONCE, HERE, now);
                    accounts.delay(&Claim::Digest(wrong), HERE, now)
                })
                .collect();
            assert_eq!(delays.first(), Some(&Duration::ZERO), "{name}: one mistake is free");
            assert_eq!(delays.last(), Some(&LONGEST_DELAY), "{name}");
        }
        let right = claim("vms", "right", NONCE);
        let judged = accounts.judge_digest(&right, "DESCRIBE", NONCE, HERE, now);
        assert!(matches!(judged, Judgement::Granted(_)), "no lock-out");
        assert!(accounts.delay(&Claim::Digest(right), HERE, now).is_zero());
    }

    #[test]
    fn a_password_in_clear_is_judged_like_a_digest() {
        let (accounts, now) = (accounts(), Instant::now());
        for (name, password, from, expected) in [
            ("vms", "right", HERE, None),
            ("vms", "right", ELSEWHERE, Some(Refusal::Network)),
            ("vms", "wrong", HERE, Some(Refusal::Password)),
            ("nobody", "right", HERE, Some(Refusal::Unknown)),
        ] {
            let claim = BasicClaim { username: name.into(), password: password.to_owned().into() };
            let check = accounts.password_check(&claim);
            let reason = match accounts.judge_password(&check, check.run(), from, now) {
                Judgement::Granted(_) => None,
                Judgement::Refused { reason, .. } => Some(reason),
                Judgement::Stale => panic!("stale"),
            };
            assert_eq!(reason, expected, "{name} {password}");
        }
    }

    /// Time cannot be tested; what takes it can be counted.
    #[test]
    fn a_name_that_does_not_exist_costs_what_a_wrong_password_costs() {
        let computed = |work: &dyn Fn()| {
            let before = COMPUTED.get();
            work();
            (COMPUTED.get().0 - before.0, COMPUTED.get().1 - before.1)
        };
        let (accounts, now) = (accounts(), Instant::now());
        for name in ["vms", "nobody", "decoy"] {
            for password in ["right", "wrong"] {
                let digest = claim(name, password, NONCE);
                let judge = || drop(accounts.judge_digest(&digest, "DESCRIBE", NONCE, HERE, now));
                assert_eq!(computed(&judge), (1, 0), "{name} {password}");
                let basic =
                    BasicClaim { username: name.into(), password: password.to_owned().into() };
                let judge = || {
                    let check = accounts.password_check(&basic);
                    drop(accounts.judge_password(&check, check.run(), HERE, now));
                };
                assert_eq!(computed(&judge), (0, 1), "{name} {password}");
            }
        }
        // And the same parameters: a hash that is cheaper would tell as well.
        let cost = |secret: &Secret| secret.cost();
        assert_eq!(cost(&accounts.decoy), cost(&accounts.readers["vms"].secret));
    }

    #[test]
    fn a_certificate_is_its_readers() {
        let accounts = accounts();
        assert_eq!(accounts.certificates(), [[1, 2, 3]]);
        let judge = |certificate: &[u8], from| accounts.judge_certificate(certificate, from);
        assert!(matches!(judge(&[1, 2, 3], HERE), Judgement::Granted(_)));
        let refused = judge(&[1, 2, 3], ELSEWHERE);
        assert!(matches!(refused, Judgement::Refused { reason: Refusal::Network, .. }));
        let unknown = judge(&[1, 2], HERE);
        assert!(matches!(unknown, Judgement::Refused { reason: Refusal::Unknown, .. }));
    }

    #[test]
    fn stale_answers_cost_nothing() {
        let (accounts, now) = (accounts(), Instant::now());
        let foreign = claim("vms", "right", "old");
        for _ in 0..9 {
            accounts.judge_digest(&foreign, "DESCRIBE", NONCE, HERE, now);
        }
        assert!(accounts.delay(&Claim::Digest(foreign), HERE, now).is_zero());
    }

    #[test]
    fn a_reader_may_what_its_account_says() {
        let accounts = accounts();
        let reader = &accounts.readers["vms"];
        assert!(reader.may_read("lobby/main") && reader.may_read("yard/sub"));
        assert!(!reader.may_read("yard/main") && !reader.may_read(""));
        assert!(reader.may_use(TransportKind::Tcp) && !reader.may_use(TransportKind::Udp));
    }

    #[test]
    fn two_of_one_name_are_refused() {
        let reader = Reader::clone(&accounts().readers["vms"]);
        let error = Accounts::new(vec![reader.clone(), reader], [0; 32]).unwrap_err();
        assert!(matches!(error, AccountsError::Duplicate(name) if name.as_str() == "vms"));
    }
}
