//! How a worker process is started, and what it inherits.
//!
//! Every process Cofferdam starts is started here: with an environment of named constants and
//! nothing else, with exactly the descriptors it is given, and bound to its parent's life. `unsafe`
//! lives in `broker/kernel.rs`, `broker/supervisor.rs`, `descriptors.rs`, `sockets.rs` and
//! `spawn.rs` and nowhere else.

pub mod broker;
mod descriptors;
mod sockets;
mod spawn;

pub use descriptors::{InheritedError, inherited};
pub use sockets::{bytes_received, socket_connected_to};
pub use spawn::{SpawnError, Streams, WorkerCommand, pipe, set_nonblocking};
