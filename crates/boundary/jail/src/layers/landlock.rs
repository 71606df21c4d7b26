//! No file system, and no network and no signals where the kernel's Landlock knows of them.

use std::net::TcpListener;

use cofferdam_picture_ring::JailLayer;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset,
    RulesetAttr, RulesetError, Scope,
};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::JailError;

/// The newest version this was tried with.
const NEWEST: ABI = ABI::V10;

/// What the kernel's Landlock holds beyond files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// TCP ports.
    pub(crate) network: bool,
    /// Signals and abstract Unix sockets.
    pub(crate) scopes: bool,
}

/// Restricts the calling thread and those it starts: no file at all, no TCP port (but connecting, if
/// `connects`), no signal and no abstract socket outwards. Sees that it holds.
pub(crate) fn restrict(connects: bool) -> Result<Found, JailError> {
    let failed = |what: String| JailError::new(JailLayer::LandlockFiles, what);
    let status = rule_set(connects).map_err(|error| failed(error.to_string()))?;
    let LandlockStatus::Available { effective_abi, .. } = status else {
        return Err(failed(format!("this kernel's Landlock: {status:?}")));
    };
    match rustix::fs::open("/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    {
        Err(Errno::ACCESS) => {}
        other => return Err(failed(format!("opening /: expected EACCES, found {other:?}"))),
    }
    let found = Found { network: effective_abi >= ABI::V4, scopes: effective_abi >= ABI::V6 };
    if found.network && binds() {
        let what = "binding a TCP port: expected it refused, found it done";
        return Err(JailError::new(JailLayer::LandlockNetwork, what));
    }
    if found.scopes && signals_the_parent() {
        let what = "a signal to the parent: expected it refused, found it sent";
        return Err(JailError::new(JailLayer::LandlockScopes, what));
    }
    Ok(found)
}

fn rule_set(connects: bool) -> Result<LandlockStatus, RulesetError> {
    let network = match connects {
        true => AccessNet::from_all(NEWEST) & !AccessNet::ConnectTcp,
        false => AccessNet::from_all(NEWEST),
    };
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(network)?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()?;
    Ok(restricted.landlock)
}

/// Whether a TCP port can be bound. Where no such socket can be made, none can.
fn binds() -> bool {
    TcpListener::bind("127.0.0.1:0").is_ok()
}

/// Whether a signal reaches the parent; false as well where there is none to be seen.
fn signals_the_parent() -> bool {
    rustix::process::getppid()
        .is_some_and(|parent| rustix::process::test_kill_process(parent).is_ok())
}
