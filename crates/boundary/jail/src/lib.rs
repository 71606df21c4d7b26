//! How a worker process is started, and how it locks itself in.
//!
//! Every process Cofferdam starts is started here ([`WorkerCommand`]): with an environment of named
//! constants and nothing else, with exactly the descriptors it is given, and bound to its parent's
//! life. A worker then locks itself in ([`Jail`]), once, when its codecs are warm and before the first
//! byte from a camera. The layers, in their order, are those of
//! [`JailLayer`](cofferdam_picture_ring::JailLayer); the lists of system calls are the files under
//! `config/seccomp/`, compiled in.
//!
//! The sides of the gateway themselves become users without privileges ([`become_unprivileged`]) under
//! looser lists ([`restrict_calls`]).
//!
//! A layer that cannot be had stops the worker with an exit code of its own, except the three that
//! older kernels lack and that the list of system calls covers.
//!
//! # No way around it
//! There is no switch here. The features `without-…` leave out one control each, so that a test can be
//! shown to fail without it; they exist for `scripts/mutate` and nothing else, no package of the
//! workspace turns one on (`tests/architecture.rs`), and a release build refuses to compile with one.
//!
//! # Memory safety
//! `unsafe` is a system call that no library wraps, or a descriptor known by its number:
//! `broker/kernel.rs`, `broker/supervisor.rs`, `clock.rs`, `descriptors.rs`, `sockets.rs`, `spawn.rs`,
//! `self_test.rs`, `side.rs`, `layers/descriptors.rs`, `layers/wx.rs`.

#[cfg(all(
    not(debug_assertions),
    any(
        feature = "without-privileges",
        feature = "without-parent-bound",
        feature = "without-limits",
        feature = "without-descriptors",
        feature = "without-undumpable",
        feature = "without-landlock",
        feature = "without-wx",
        feature = "without-seccomp",
        feature = "without-self-test",
        feature = "without-broker",
        feature = "without-socket-check",
        feature = "without-closing",
        feature = "without-bounds",
    )
))]
compile_error!(
    "a control of the jail is left out: such a build is for tests and cannot be shipped"
);

/// The folder of the lists of system calls, as a literal for `include_str!`.
macro_rules! lists {
    () => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../config/seccomp/")
    };
}

pub mod broker;
mod clock;
mod descriptors;
mod kind;
mod layers;
mod lock;
mod policy;
mod self_test;
mod side;
mod sockets;
mod spawn;

pub use clock::clock_is_synchronised;
pub use descriptors::{InheritedError, inherited};
pub use kind::Kind;
pub use lock::{Jail, JailError, Locked, Rehearsed};
pub use policy::{Policy, PolicyError};
pub use side::{User, become_unprivileged, is_root, restrict_calls};
pub use sockets::{bytes_received, socket_connected_to};
pub use spawn::{
    Bounds, Program, Session, SpawnError, Streams, WorkerCommand, adopt_orphans, pipe,
    set_nonblocking,
};
