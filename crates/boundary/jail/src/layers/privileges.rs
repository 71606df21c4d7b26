//! No new privileges, no capabilities; and the bond to the parent.

use cofferdam_picture_ring::JailLayer;
use rustix::process::{Pid, Signal};
use rustix::thread::CapabilitySet;

use crate::JailError;

/// Gives up every capability and every way to new ones.
pub(crate) fn drop_all() -> Result<(), JailError> {
    let failed = |what: &'static str| {
        move |errno: rustix::io::Errno| {
            JailError::new(JailLayer::Privileges, format!("{what}: {errno}"))
        }
    };
    rustix::thread::set_no_new_privs(true).map_err(failed("setting no_new_privs"))?;
    rustix::thread::clear_ambient_capability_set()
        .map_err(failed("clearing ambient capabilities"))?;
    let none = rustix::thread::CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none).map_err(failed("dropping capabilities"))?;
    let left = rustix::thread::capabilities(None).map_err(failed("looking at capabilities"))?;
    match rustix::thread::no_new_privs() {
        Ok(true) if left.permitted.is_empty() && left.effective.is_empty() => Ok(()),
        _ => Err(JailError::new(JailLayer::Privileges, "privileges are left")),
    }
}

/// Has this process killed when its parent's thread ends. `parent` is who it was: another one now
/// means that it ended meanwhile, and nobody would send the signal.
///
/// A change of user clears the bond, so it is set anew.
pub(crate) fn bind_to_parent(parent: Option<Pid>) -> Result<(), JailError> {
    let failed = |what: String| JailError::new(JailLayer::ParentBound, what);
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| failed(format!("setting the death signal: {errno}")))?;
    let now = rustix::process::getppid();
    if parent.is_some() && now != parent {
        return Err(failed("the parent ended meanwhile".to_owned()));
    }
    match rustix::process::parent_process_death_signal() {
        Ok(Some(Signal::KILL)) => Ok(()),
        _ => Err(failed("the death signal does not stay".to_owned())),
    }
}
