//! Locking in a side of the gateway: the dialer with its supervisor, or the server.
//!
//! Looser than a worker's jail, because workers are started under it: a user of its own without
//! privileges, no ptrace, and the looser lists of system calls.

use cofferdam_picture_ring::JailLayer;
use rustix::process::Signal;

use crate::JailError;
use crate::kind::Kind;
use crate::layers::{privileges, seccomp, undumpable};

/// A user without a name: nobody else's on an ordinary host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// Number of the user, and of its group.
    pub id: u32,
}

impl User {
    /// Whom the core side becomes when it was started as root.
    pub const CORE: Self = Self { id: 65532 };
    /// Whom the camera side becomes when it was started as root.
    pub const CAMERA: Self = Self { id: 65533 };
}

/// Whether this process was started as root, and so becomes another user.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes this process `user`, if it is root, and takes all privileges from it and its children.
///
/// Call when everything is open that only root may open. The bond to a parent, which a change of user
/// undoes, is made anew if there was one. From here on nobody but root looks into the process, and it
/// does not see its own `/proc/self/fd`.
///
/// # Errors
/// When the kernel refuses: in a user namespace, for example, that does not know the user.
pub fn become_unprivileged(user: User) -> Result<(), JailError> {
    let parent = rustix::process::getppid();
    let bound = rustix::process::parent_process_death_signal()
        .is_ok_and(|signal| signal == Some(Signal::KILL));
    if is_root() {
        become_user(user)?;
    }
    privileges::drop_all()?;
    if bound {
        privileges::bind_to_parent(parent)?;
    }
    undumpable::set()
}

/// Puts the list of system calls of `kind` on this process and all that it starts.
///
/// # Errors
/// When it cannot be had.
pub fn restrict_calls(kind: Kind) -> Result<(), JailError> {
    let filters = kind
        .filters()
        .map_err(|error| JailError::new(JailLayer::SystemCalls, error.to_string()))?;
    seccomp::install(&filters)
}

fn become_user(User { id }: User) -> Result<(), JailError> {
    let failed = |what: &str| {
        let error = std::io::Error::last_os_error();
        JailError::new(JailLayer::Privileges, format!("{what} {id}: {error}"))
    };
    // SAFETY: no group is given, so no list is read. libc does it for every thread.
    if unsafe { libc::setgroups(0, std::ptr::null()) } != 0 {
        return Err(failed("giving up groups for user"));
    }
    // SAFETY: takes numbers only. libc does it for every thread.
    if unsafe { libc::setresgid(id, id, id) } != 0 {
        return Err(failed("becoming group"));
    }
    // SAFETY: as above.
    if unsafe { libc::setresuid(id, id, id) } != 0 {
        return Err(failed("becoming user"));
    }
    // SAFETY: as above: this must fail now.
    if unsafe { libc::setresuid(0, 0, 0) } == 0 {
        return Err(JailError::new(JailLayer::Privileges, "there is a way back to root"));
    }
    Ok(())
}
