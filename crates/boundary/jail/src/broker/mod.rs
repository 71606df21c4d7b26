//! The socket broker: a worker that can open no socket, and the process that gives it one.
//!
//! A worker installs a filter ([`install`]) that stops every thread of it in `socket` and `connect`
//! and asks the [`Supervisor`], a process that the worker was started by. That one has connected to
//! the worker's camera itself. It answers `socket` once, with the connected descriptor, and the
//! `connect` that follows with success, without looking at the address: the worker's own kernel
//! calls are never made, so there is no address to choose and none to race for. Everything after,
//! and everything before there is a socket to give, gets `EACCES`.
//!
//! This is safe as a policy, where seccomp_unotify(2) warns that notification is none: no call is
//! ever let through ("continue"), and nothing is read from the worker's memory. `socket` is judged
//! by its arguments, which are registers; `connect`'s pointer is ignored.
//!
//! The listener crosses by `SCM_RIGHTS`: a container's profile refuses `pidfd_getfd`. Needs Linux
//! 5.14 (`SECCOMP_ADDFD_FLAG_SEND`) and no privilege.
//!
//! | file | runs in |
//! |---|---|
//! | `filter.rs`, `worker.rs` | the worker, before it meets its camera |
//! | `policy.rs` | the supervisor: what is answered; sans-IO |
//! | `supervisor.rs` | the supervisor: receiving and answering |
//! | `kernel.rs` | both: the system calls |
//!
//! # Calls a worker makes on its socket
//!
//! For whoever writes a worker's allow-list. tokio and retina make these on or around the injected
//! descriptor: `socket`, `connect` (both answered here; a second filter must allow them, because the
//! most restrictive verdict wins, and `KILL` is more restrictive than a notification),
//! `getsockopt(SOL_SOCKET, SO_ERROR)`, `getsockname`, `getpeername`, `epoll_ctl`, `epoll_wait` or
//! `epoll_pwait`, `readv`, `recvfrom`, `sendto`, `writev`, `shutdown`, `close`. The gate for
//! credentials adds `fcntl(F_DUPFD_CLOEXEC)`, `recvfrom(MSG_PEEK)` and
//! `getsockopt(IPPROTO_TCP, TCP_INFO)`. On the channel to the supervisor: `sendmsg` once (in
//! [`install`]), then `sendto` or `write`, `recvfrom` or `read`, `close`.

mod filter;
mod kernel;
mod policy;
mod supervisor;
mod worker;

pub use policy::Answer;
pub use supervisor::{CameraSocket, Supervisor};
pub use worker::{InstallError, install};
