//! The worker's first filter: `socket` and `connect` are asked about, all else is left to the next.

use libc::{c_long, sock_filter};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7; // AUDIT_ARCH_AARCH64
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the socket broker knows the system calls of x86_64 and aarch64");

/// The first number of x32, an interface of x86-64 kernels whose calls have names for the same
/// things under other numbers. No call of a 64-bit program is that high on any architecture.
const FOREIGN_CALLS: u32 = 0x4000_0000;

/// Offsets into `struct seccomp_data` (linux/seccomp.h).
const CALL: u32 = 0;
const ARCH: u32 = 4;

/// Reads a word of the call's description.
const fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Goes `then` instructions further when the word compares so with `value`, else `otherwise`.
const fn jump(comparison: u32, value: u32, then: u8, otherwise: u8) -> sock_filter {
    instruction(libc::BPF_JMP | comparison | libc::BPF_K, then, otherwise, value)
}

const fn give(verdict: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, verdict)
}

#[expect(clippy::cast_possible_truncation, reason = "classic BPF's codes are below 256")]
const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of calls")]
const fn number(call: c_long) -> u32 {
    call as u32
}

/// The program.
pub(super) const PROGRAM: [sock_filter; 9] = [
    load(ARCH),
    // Another architecture's calls have other numbers: there is nobody here who makes any.
    jump(libc::BPF_JEQ, ARCHITECTURE, 0, 5),
    load(CALL),
    jump(libc::BPF_JGE, FOREIGN_CALLS, 3, 0),
    jump(libc::BPF_JEQ, number(libc::SYS_socket), 3, 0),
    jump(libc::BPF_JEQ, number(libc::SYS_connect), 2, 0),
    give(libc::SECCOMP_RET_ALLOW),
    give(libc::SECCOMP_RET_KILL_PROCESS),
    give(libc::SECCOMP_RET_USER_NOTIF),
];
