//! Memory is writable or executable, never one after the other.

use cofferdam_picture_ring::JailLayer;

use crate::JailError;

/// Has the kernel refuse memory that is, or was, writable to become executable. False where the
/// kernel (before 6.3) does not know that: the list of system calls refuses it anyway.
pub(crate) fn deny() -> Result<bool, JailError> {
    let mode = libc::c_ulong::from(libc::PR_MDWE_REFUSE_EXEC_GAIN);
    // SAFETY: this prctl takes numbers and touches no memory of ours; it changes what later mmap and
    // mprotect calls may do, and nothing that is mapped.
    if unsafe { libc::prctl(libc::PR_SET_MDWE, mode, 0, 0, 0) } == 0 {
        // SAFETY: as above; it only asks.
        let set = unsafe { libc::prctl(libc::PR_GET_MDWE, 0, 0, 0, 0) };
        return if set & 1 == 1 {
            Ok(true)
        } else {
            Err(JailError::new(JailLayer::WriteXorExecute, "it does not stay"))
        };
    }
    match rustix::io::Errno::from_io_error(&std::io::Error::last_os_error()) {
        Some(rustix::io::Errno::INVAL) => Ok(false),
        error => Err(JailError::new(JailLayer::WriteXorExecute, format!("setting it: {error:?}"))),
    }
}
