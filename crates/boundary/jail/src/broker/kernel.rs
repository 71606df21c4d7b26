//! The kernel's side of seccomp notification (seccomp_unotify(2)), as functions without `unsafe`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::policy::Call;

/// A call that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notification {
    /// The kernel's name for it; of no use once the caller is gone.
    pub(super) id: u64,
    /// The call.
    pub(super) call: Call,
}

/// Makes `program` a filter of every thread of this process, and returns the descriptor on which
/// its questions arrive.
pub(super) fn install_with_listener(program: &[libc::sock_filter]) -> Result<OwnedFd, Errno> {
    let len = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
    // The kernel only reads the program, whatever the type of the pointer says.
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // With TSYNC_ESRCH a thread that cannot follow is an error and not a thread's number.
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER
        | libc::SECCOMP_FILTER_FLAG_TSYNC
        | libc::SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    // SAFETY: `program` points to `len` instructions, both of which outlive the call, and the kernel
    // checks them before it takes them.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    let descriptor = i32::try_from(result).map_err(|_| Errno::INVAL)?;
    if descriptor < 0 {
        return Err(last());
    }
    // SAFETY: with NEW_LISTENER a result that is no error is a new descriptor, ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Takes the next question from `listener`. Call only when polling says that there is one: this
/// waits otherwise.
///
/// # Errors
/// [`Errno::NOENT`] when its caller died meanwhile.
pub(super) fn receive(listener: BorrowedFd<'_>) -> Result<Notification, Errno> {
    // SAFETY: these are plain numbers, for which all zeros are valid; the kernel asks for zeros.
    let mut question: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request's number carries the size of what it writes, which is `question`'s.
    let result = unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut question)
    };
    if result < 0 {
        return Err(last());
    }
    let argument = |index: usize| low_word(question.data.args[index]);
    let call = match libc::c_long::from(question.data.nr) {
        libc::SYS_socket => {
            Call::Socket { family: argument(0), kind: argument(1), protocol: argument(2) }
        }
        libc::SYS_connect => Call::Connect,
        _ => Call::Other,
    };
    Ok(Notification { id: question.id, call })
}

/// Answers `question` with 0, or with an error.
///
/// # Errors
/// [`Errno::NOENT`] when its caller died meanwhile.
pub(super) fn answer(
    listener: BorrowedFd<'_>,
    question: Notification,
    error: Option<Errno>,
) -> Result<(), Errno> {
    let mut answer = libc::seccomp_notif_resp { id: question.id, val: 0, error: 0, flags: 0 };
    match error {
        None => {}
        Some(_) if cfg!(feature = "without-broker") => {
            answer.flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(1);
        }
        Some(error) => answer.error = -error.raw_os_error(),
    }
    // SAFETY: the request's number carries the size of what it reads, which is `answer`'s.
    let result = unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer)
    };
    if result < 0 { Err(last()) } else { Ok(()) }
}

/// Puts a copy of `descriptor` into the asking process, closed on exec, and answers `question` with
/// its number there: both or neither.
///
/// # Errors
/// [`Errno::NOENT`] when the caller died meanwhile; [`Errno::MFILE`] when it has no number left, and
/// then it still waits.
pub(super) fn inject(
    listener: BorrowedFd<'_>,
    question: Notification,
    descriptor: impl AsFd,
) -> Result<(), Errno> {
    let flags = |flags: libc::c_ulong| u32::try_from(flags).unwrap_or_default();
    let mut request = libc::seccomp_notif_addfd {
        id: question.id,
        flags: flags(libc::SECCOMP_ADDFD_FLAG_SEND),
        srcfd: descriptor.as_fd().as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: libc::O_CLOEXEC.cast_unsigned(),
    };
    // SAFETY: the request's number carries the size of what it reads, which is `request`'s; the
    // descriptor in it is borrowed for as long as the call takes.
    let result = unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut request)
    };
    if result < 0 { Err(last()) } else { Ok(()) }
}

/// What the kernel takes of a register for an `int`.
#[expect(clippy::cast_possible_truncation, reason = "as the kernel does")]
const fn low_word(register: u64) -> u32 {
    register as u32
}

fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
