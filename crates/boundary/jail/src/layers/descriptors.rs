//! Closing what a worker has no use for.

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use cofferdam_picture_ring::JailLayer;
use rustix::fs::FileType;
use rustix::net::AddressFamily;

use crate::JailError;

/// Descriptors above this are closed unseen: a worker has a dozen.
const HIGHEST: i32 = 255;

/// Closes every descriptor from 3 up that is not in `keep` and leads to a file, a folder, a device or
/// a network: libraries may have left some open. What only this process holds (event counters, pipes,
/// pairs of Unix sockets) stays, because a library may be working with it.
pub(crate) fn close_others(keep: &[i32]) -> Result<(), JailError> {
    for number in 3..=HIGHEST {
        if keep.contains(&number) {
            continue;
        }
        // SAFETY: the borrow ends with this iteration, and the only calls made on it are fstat and
        // getsockopt, which report a closed descriptor as an error and change nothing about an open
        // one.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        if leads_outside(borrowed) {
            // SAFETY: it is open (just asked). Whoever else in this process thinks to own it only
            // loses it: later calls on that number fail, or fail to be system calls at all, in a
            // process that is being locked in. Nothing maps memory through it.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
    let first = u32::try_from(HIGHEST + 1).unwrap_or(256);
    // SAFETY: as above, for numbers that a worker does not reach.
    if unsafe { libc::close_range(first, u32::MAX, 0) } != 0 {
        let error = std::io::Error::last_os_error();
        return Err(JailError::new(
            JailLayer::Descriptors,
            format!("closing from {first}: {error}"),
        ));
    }
    Ok(())
}

/// Whether an open descriptor leads out of this process, other than by what its parent gave it.
fn leads_outside(fd: BorrowedFd<'_>) -> bool {
    let Ok(stat) = rustix::fs::fstat(fd) else { return false };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo => false,
        FileType::Socket => rustix::net::sockopt::socket_domain(fd) != Ok(AddressFamily::UNIX),
        FileType::RegularFile
        | FileType::Directory
        | FileType::Symlink
        | FileType::CharacterDevice
        | FileType::BlockDevice => true,
        // Event counters, timers and pollers have no type.
        FileType::Unknown => false,
    }
}
