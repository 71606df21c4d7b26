//! Whether this host keeps the cameras' network apart from the core network, as far as a process
//! without privileges can see it, and what to do where it does not.
//!
//! ```text
//! kernel    reads the kernel's files and asks it over netlink            the only part with IO
//! facts     what it says, parsed: links, addresses, routes, settings, sockets, this process
//! subject   what the configuration expects, from where it is looked at
//! rules     facts and subject in, findings out: one rule a check
//! report    the verdict check by check; what changed since the last one
//! nft       host firewall rules to match the configuration
//! ```
//!
//! No camera byte comes here: facts are the kernel's, names are the configuration's.
#![forbid(unsafe_code)]

mod check;
mod facts;
mod interface;
mod kernel;
mod nft;
mod prefix;
mod report;
mod rules;
mod subject;

pub use check::{Check, UnknownCheck};
pub use facts::{Address, Device, Facts, Link, OpenSocket, Process, Protocol, Route, Settings};
pub use interface::{BadInterfaceName, InterfaceName};
pub use kernel::{ReadError, read};
pub use nft::{CameraAddress, Firewall};
pub use prefix::Prefix;
pub use report::{Change, Finding, Outcome, Report};
pub use subject::{OwnListener, Stance, Subject};
