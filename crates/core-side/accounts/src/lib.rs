//! Readers' accounts, without sockets or clocks.
//!
//! An account is a name, a stored [`Secret`], and what it may do: [`MountPattern`]s, [`Network`]s and
//! [`TransportSet`]. [`Claim::parse`] reads an `Authorization` header within fixed bounds;
//! [`Accounts`] says what a claim is worth, in the same time for a name that does not exist as for a
//! wrong password, and how long the next attempt from that address waits. Nobody is ever locked out.
#![forbid(unsafe_code)]

mod accounts;
#[cfg(test)]
mod cases;
mod claim;
mod delay;
mod digest;
mod name;
mod network;
mod pattern;
mod secret;
mod transports;

pub use accounts::{
    AccountChanges, Accounts, AccountsError, Judgement, PasswordCheck, Reader, Refusal,
};
pub use claim::{BasicClaim, Claim, ClaimError, DigestClaim, MAX_CLAIM, Qop};
pub use delay::{FORGOTTEN_AFTER, LONGEST_DELAY, host};
pub use name::{NameError, ReaderName};
pub use network::{Network, NetworkError};
pub use pattern::{MountPattern, PatternError};
pub use secret::{Secret, SecretError};
pub use transports::{TransportKind, TransportSet, UnknownTransport};

/// The realm of every challenge (RFC 2617 §3.2.1). It is part of what is stored, so it cannot change.
pub const REALM: &str = "Cofferdam";
