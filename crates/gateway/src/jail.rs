//! How a side locks itself in.

use cofferdam_jail::{Kind, User, become_unprivileged, restrict_calls};

use crate::config::Sandbox;
use crate::exit::Exit;

/// Gives up every privilege, as `user` where this process is root, and puts on the list of system calls
/// of `kind`, unless the configuration opts out of that.
///
/// Call when everything is open that only root may open.
pub(crate) fn lock_side(kind: Kind, user: User, sandbox: Sandbox) -> Result<(), Exit> {
    become_unprivileged(user).map_err(|error| Exit::run_time(error.to_string()))?;
    if sandbox == Sandbox::Off {
        return Ok(());
    }
    restrict_calls(kind).map_err(|error| Exit::run_time(error.to_string()))
}
