//! Who may ask for what.

use std::sync::Arc;
use std::time::{Duration, Instant};

use std::net::IpAddr;

use cofferdam_accounts::{
    Accounts, Claim, ClaimError, Judgement, PasswordCheck, REALM, Reader, ReaderName, Refusal,
};
use rtsp_types::headers::{self, HeaderValue};

use crate::{ConnectionSettings, Request};

/// Whom the server serves.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody.
    Anonymous,
    /// Who proves to be one of these. Without any, nobody: every request but OPTIONS is answered with a
    /// challenge that no one can meet.
    Accounts(Arc<Accounts>),
}

/// The nonce of a connection's Digest challenges (RFC 2617 §3.2.1).
///
/// One for a connection's whole life: common clients give up when challenged a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(u128);

impl Nonce {
    /// A nonce of these random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    fn text(self) -> String {
        format!("{:032x}", self.0)
    }
}

/// What came of a request that had to prove who sends it, for metrics and the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// The connection is that reader's from now on. Told once, not for each request.
    Granted(ReaderName),
    /// It proved nothing yet, and was told how to.
    Challenged,
    /// It answered the challenge of another connection, and was told to answer this one's.
    Stale,
    /// It was refused.
    Refused {
        /// The account that was claimed, if there is one of that name.
        reader: Option<ReaderName>,
        /// Why.
        reason: Refusal,
    },
}

/// A request's `Authorization`, if it has one.
pub(crate) type Claimed = Option<Result<Claim, ClaimError>>;

/// How a connection is protected on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Not at all.
    Clear,
    /// By TLS.
    Tls,
}

/// What [`Access`] says to a request.
pub(crate) enum Verdict {
    /// Ask again when this is known.
    Check(PasswordCheck),
    /// Go on, as this reader; `None` where everybody may.
    Granted(Option<Arc<Reader>>),
    /// Prove who you are.
    Challenge(Login),
}

impl Access {
    /// What `request` claims. Where everybody may read it is not looked at.
    pub(crate) fn claimed(&self, request: &Request) -> Claimed {
        match self {
            Self::Anonymous => None,
            Self::Accounts(_) => {
                request.header(&headers::AUTHORIZATION).map(|header| Claim::parse(header.as_str()))
            }
        }
    }

    /// How long a claim is to wait before it is judged.
    pub(crate) fn delay(&self, claimed: &Claimed, from: IpAddr, now: Instant) -> Duration {
        match (self, claimed) {
            (Self::Accounts(accounts), Some(Ok(claim))) => accounts.delay(claim, from, now),
            _ => Duration::ZERO,
        }
    }

    /// Whether the sender of `request` may go on.
    pub(crate) fn verdict(
        &self,
        request: &Request,
        claimed: &Claimed,
        settings: &ConnectionSettings,
        now: Instant,
    ) -> Verdict {
        let Self::Accounts(accounts) = self else { return Verdict::Granted(None) };
        let (nonce, channel, peer) = (settings.nonce, settings.channel, settings.peer);
        let refused = |reason| Login::Refused { reader: None, reason };
        let login = match claimed {
            None => Login::Challenged,
            Some(Ok(Claim::Basic(claim))) if channel == Channel::Tls => {
                return Verdict::Check(accounts.password_check(claim));
            }
            Some(Err(ClaimError::Scheme | ClaimError::Algorithm) | Ok(Claim::Basic(_))) => {
                refused(Refusal::Scheme)
            }
            Some(Err(ClaimError::TooLong | ClaimError::Form)) => refused(Refusal::Malformed),
            Some(Ok(Claim::Digest(claim))) => {
                let method: &str = request.method().into();
                let judgement = accounts.judge_digest(claim, method, &nonce.text(), peer, now);
                match outcome(judgement) {
                    Ok(reader) => return Verdict::Granted(Some(reader)),
                    Err(login) => login,
                }
            }
        };
        Verdict::Challenge(login)
    }
}

/// The one challenge of a 401: MD5 and without `qop`, because that is what every client speaks,
/// and the only one, because some read the first challenge and some the last.
///
/// `stale` tells a client that its password may be right (RFC 2617 §3.2.1): without it, those that
/// remember the challenge of an earlier connection take 401 for the end.
pub(crate) fn challenge(nonce: Nonce, stale: bool) -> HeaderValue {
    let stale = if stale { ", stale=true" } else { "" };
    format!("Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=MD5{stale}", nonce.text()).into()
}

/// The second challenge of a 401 over TLS. Those who read but one challenge read the first.
pub(crate) fn basic_challenge() -> String {
    format!("Basic realm=\"{REALM}\"")
}

/// A judgement as what came of the login.
pub(crate) fn outcome(judgement: Judgement) -> Result<Arc<Reader>, Login> {
    match judgement {
        Judgement::Granted(reader) => Ok(reader),
        Judgement::Stale => Err(Login::Stale),
        Judgement::Refused { reader, reason } => Err(Login::Refused { reader, reason }),
    }
}
