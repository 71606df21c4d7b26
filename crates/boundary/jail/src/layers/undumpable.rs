//! Out of reach of other processes of the same user: no ptrace, no `/proc/PID/mem`, no core dump.

use cofferdam_picture_ring::JailLayer;
use rustix::process::DumpableBehavior;

use crate::JailError;

/// Makes the process not dumpable. An exec or a change of user would undo it.
pub(crate) fn set() -> Result<(), JailError> {
    let failed = |what: String| JailError::new(JailLayer::Undumpable, what);
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|errno| failed(format!("setting it: {errno}")))?;
    match rustix::process::dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) => Ok(()),
        _ => Err(failed("it does not stay".to_owned())),
    }
}
