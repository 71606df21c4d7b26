//! Descriptors a process was born with, taken by number.

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::FdFlags;

/// Why an inherited descriptor could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InheritedError {
    /// Only 3 to 63 can be inherited.
    #[error("expected an inherited descriptor 3 to 63, found {0}")]
    Number(i32),
    /// Nothing is open under that number.
    #[error("expected descriptor {0} to be open, found it closed")]
    Closed(i32),
    /// Somebody took it before.
    #[error("descriptor {0} was taken before")]
    Taken(i32),
}

static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Takes ownership of the descriptor `number` that this process was started with. Each can be taken
/// once; it is closed on exec from then on.
///
/// Call at the start of `main`, before anything else opens descriptors.
///
/// # Errors
/// When the number is not one that is inherited, is not open, or was taken before.
pub fn inherited(number: i32) -> Result<OwnedFd, InheritedError> {
    let bit = match number {
        3..=63 => 1u64 << number,
        _ => return Err(InheritedError::Number(number)),
    };
    // SAFETY: the borrow ends with this call, and the only calls made on it are fcntl's, which
    // report a closed descriptor as an error.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(borrowed, FdFlags::CLOEXEC)
        .map_err(|_| InheritedError::Closed(number))?;
    if TAKEN.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
        return Err(InheritedError::Taken(number));
    }
    // SAFETY: it is open (just asked), and the bit set above makes this the only owner that comes
    // from here. Callers take descriptors before opening any of their own, so none of those has
    // this number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_numbers_that_are_never_inherited() {
        for number in [-1, 0, 2, 64, i32::MAX] {
            assert_eq!(inherited(number).err(), Some(InheritedError::Number(number)));
        }
        assert_eq!(inherited(61).err(), Some(InheritedError::Closed(61)));
    }
}
