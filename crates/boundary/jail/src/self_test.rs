//! Trying that the jail holds: a layer that silently does nothing must not go unnoticed.

use std::io::ErrorKind::WouldBlock;
use std::os::raw::{c_int, c_long};
use std::time::Duration;

use cofferdam_picture_ring::JailLayer;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use crate::JailError;
use crate::kind::Kind;

/// One system call with arguments that do no harm should it be let through.
struct Attempt {
    name: &'static str,
    call: c_long,
    arguments: [usize; 6],
}

const fn attempt(name: &'static str, call: c_long, arguments: [usize; 6]) -> Attempt {
    Attempt { name, call, arguments }
}

/// Bits that have the right type for an argument.
const fn bits(flags: c_int) -> usize {
    flags.cast_unsigned() as usize
}

const NOWHERE: usize = usize::MAX;

/// What ends either kind of worker, one of each family that the list has to stop.
const KILLED: [Attempt; 7] = [
    // Nothing is at the null address, so nothing would be started.
    attempt("execve", libc::SYS_execve, [0; 6]),
    // CLONE_FS with CLONE_NEWNS is always refused, so no process would be made.
    attempt("clone", libc::SYS_clone, [bits(libc::CLONE_FS | libc::CLONE_NEWNS), 0, 0, 0, 0, 0]),
    attempt(
        "mmap of executable memory",
        libc::SYS_mmap,
        [
            0,
            4096,
            bits(libc::PROT_READ | libc::PROT_EXEC),
            bits(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
            NOWHERE,
            0,
        ],
    ),
    attempt(
        "mprotect to executable",
        libc::SYS_mprotect,
        [0, 4096, bits(libc::PROT_EXEC), 0, 0, 0],
    ),
    attempt("ptrace", libc::SYS_ptrace, [bits(-1), 0, 0, 0, 0, 0]),
    attempt("io_uring_setup", libc::SYS_io_uring_setup, [0; 6]),
    // AF_ALG: a family that neither kind needs, and that is no Unix socket either.
    attempt(
        "socket of another family",
        libc::SYS_socket,
        [bits(libc::AF_ALG), bits(libc::SOCK_SEQPACKET), 0, 0, 0, 0],
    ),
];

/// What fails with this error in either kind of worker: calls that libraries make in passing.
const REFUSED: [(Attempt, Errno); 3] = [
    (attempt("openat", libc::SYS_openat, [NOWHERE, 0, 0, 0, 0, 0]), Errno::PERM),
    (attempt("clone3", libc::SYS_clone3, [0; 6]), Errno::NOSYS),
    (
        attempt("clone of a thread", libc::SYS_clone, [bits(libc::CLONE_THREAD), 0, 0, 0, 0, 0]),
        Errno::AGAIN,
    ),
];

impl Attempt {
    /// Makes the call. The error that came of it, if one did.
    fn make(&self) -> Option<Errno> {
        let [a, b, c, d, e, f] = self.arguments;
        // SAFETY: each call above either fails by its arguments (null or invalid pointers and
        // descriptors, contradicting flags) or, where it would succeed, makes an anonymous mapping or
        // a socket that nothing refers to. None writes to memory of this process or changes a mapping
        // in use.
        let result = unsafe { libc::syscall(self.call, a, b, c, d, e, f) };
        (result == -1).then(|| Errno::from_io_error(&std::io::Error::last_os_error())).flatten()
    }
}

fn failed(what: String) -> JailError {
    JailError::new(JailLayer::SelfTest, what)
}

/// A child that is to end by SIGSYS.
#[derive(Debug)]
pub(crate) struct Child {
    attempt: &'static str,
    pid: Pid,
}

/// Starts a child for each forbidden call, which locks itself in by `lock` and makes it. Call while
/// this process has one thread.
pub(crate) fn send_out(lock: impl Fn() -> Result<(), JailError>) -> Result<Vec<Child>, JailError> {
    let send =
        |attempt: &Attempt| Ok(Child { attempt: attempt.name, pid: sacrifice(attempt, &lock)? });
    KILLED.iter().map(send).collect()
}

/// Sees that every child ended as it should.
pub(crate) fn judge(kind: Kind, children: Vec<Child>) -> Result<(), JailError> {
    let mut verdict = Ok(());
    // Every child is waited for, whatever the others did.
    for Child { attempt, pid } in children {
        let ended = wait(pid);
        if verdict.is_ok() {
            verdict = judge_one(kind, attempt, ended.as_ref());
        }
    }
    verdict
}

/// How a sacrificed child ended.
enum Ended {
    Signal(i32),
    Code(i32),
}

/// How often, and how far apart, a child is tried to be made: four seconds in all.
const MOST_TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// A sacrificed child survived what it tried.
const SURVIVED: i32 = 1;

fn sacrifice(
    attempt: &Attempt,
    lock: &impl Fn() -> Result<(), JailError>,
) -> Result<Pid, JailError> {
    let mut tries = 0;
    let child = loop {
        // SAFETY: this process has one thread (`lock` made sure), so the child has all of its state and
        // no lock is held by a thread that is gone. The child ends by `_exit`, which runs none of this
        // process's own ends.
        let child = unsafe { libc::fork() };
        let crowded = child == -1 && std::io::Error::last_os_error().kind() == WouldBlock;
        if !crowded || tries == MOST_TRIES {
            break child;
        }
        // The user's processes are too many at the moment: others are starting, or ending.
        tries += 1;
        std::thread::sleep(BETWEEN_TRIES);
    };
    match child {
        -1 => Err(failed(format!("starting a child: {}", std::io::Error::last_os_error()))),
        0 => {
            let code = match lock() {
                Ok(()) => {
                    attempt.make();
                    SURVIVED
                }
                Err(error) => i32::from(error.exit_code()),
            };
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(code) }
        }
        pid => Pid::from_raw(pid).ok_or_else(|| failed("a child without a number".to_owned())),
    }
}

fn wait(child: Pid) -> Option<Ended> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => {
                let signal = status.terminating_signal().map(Ended::Signal);
                return signal.or(status.exit_status().map(Ended::Code));
            }
            Err(Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

fn judge_one(kind: Kind, name: &str, ended: Option<&Ended>) -> Result<(), JailError> {
    match ended {
        Some(Ended::Signal(signal)) if *signal == Signal::SYS.as_raw() => Ok(()),
        Some(Ended::Code(code)) => Err(match JailLayer::from_exit_code(*code) {
            // It could not be locked in.
            Some(layer) => JailError::new(layer, format!("a child of the {} worker", kind.name())),
            None => failed(format!("{name}: expected SIGSYS, found an end with code {code}")),
        }),
        Some(Ended::Signal(signal)) => {
            Err(failed(format!("{name}: expected SIGSYS, found signal {signal}")))
        }
        None => Err(failed(format!("{name}: its child cannot be waited for"))),
    }
}

/// Sees that calls which are to fail do, with the error that the list says.
pub(crate) fn refused(kind: Kind) -> Result<(), JailError> {
    for (attempt, expected) in &REFUSED {
        let found = attempt.make();
        if found != Some(*expected) {
            let (kind, name) = (kind.name(), attempt.name);
            return Err(failed(format!("{kind}: {name}: expected {expected}, found {found:?}")));
        }
    }
    Ok(())
}
