//! The worker's part: from here on, every socket is asked for.

use std::os::fd::AsFd;

use cofferdam_handover::send_with_descriptor;
use rustix::io::Errno;

use super::filter::PROGRAM;
use super::kernel::install_with_listener;

/// Why there is no broker. The worker must not go on.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// `PR_SET_NO_NEW_PRIVS` was refused.
    #[error("socket broker: expected no_new_privs to be settable, found {0}")]
    NoNewPrivileges(Errno),
    /// The filter was refused. `EBUSY` when another supervisor already listens to this process, as
    /// some container engines do.
    #[error(
        "socket broker: expected seccomp with user notification (Linux 5.14 or later), found {0}"
    )]
    Filter(Errno),
    /// The supervisor is gone.
    #[error("socket broker: expected to hand the listener to the supervisor: {0}")]
    HandOver(std::io::Error),
}

/// The byte that the listener comes with.
pub(super) const LISTENER: u8 = b'L';

/// Has every later `socket` and `connect` of this process, all its threads and children, asked of
/// the supervisor at the other end of `channel`, a connected Unix stream socket.
///
/// Nothing but the end of the process takes this back. The listener exists at the supervisor's end
/// alone once this returns.
///
/// # Errors
/// When the kernel lacks something, or the supervisor is gone. The filter may be in force then, and
/// nobody answers: every `socket` fails with `ENOSYS`.
pub fn install(channel: impl AsFd) -> Result<(), InstallError> {
    rustix::thread::set_no_new_privs(true).map_err(InstallError::NoNewPrivileges)?;
    let listener = install_with_listener(&PROGRAM).map_err(InstallError::Filter)?;
    send_with_descriptor(channel, &[LISTENER], listener.as_fd()).map_err(InstallError::HandOver)
}
