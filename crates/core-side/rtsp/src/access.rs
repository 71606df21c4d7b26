//! Who may ask for what.

use rtsp_types::headers::HeaderValue;

use crate::Request;

/// Whom the server serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Nobody: every request but OPTIONS is answered with a Digest challenge that no one can meet.
    #[default]
    Closed,
    /// Everybody.
    Anonymous,
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
}

/// What [`Access`] says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Granted,
    /// Prove who you are.
    Challenge,
}

impl Access {
    /// Whether the sender of `request` may go on. The one place that accounts will extend.
    pub(crate) fn verdict(self, _request: &Request) -> Verdict {
        match self {
            Self::Anonymous => Verdict::Granted,
            Self::Closed => Verdict::Challenge,
        }
    }
}

/// The one challenge of a 401: MD5 and without `qop`, because that is what every client speaks,
/// and the only one, because some read the first challenge and some the last.
pub(crate) fn challenge(nonce: Nonce) -> HeaderValue {
    format!("Digest realm=\"Cofferdam\", nonce=\"{:032x}\", algorithm=MD5", nonce.0).into()
}
