//! The worker that turns one camera's stream into pictures.
//!
//! ```text
//! camera ── session (retina, TCP interleaved) ── decode (unit filter, one element) ── convert ── ring
//!                ├ basic_policy: no password in clear
//!                └ meter: no more bytes than video has
//! ```
//!
//! One process is one connection to one camera, in one thread. It opens no socket: the dialer makes
//! the connection, and this process is given that and no other. Everything it reads is hostile, and
//! it has nobody to tell but by codes: [`Fault`](cofferdam_picture_ring::Fault) as its exit code,
//! counters and states in the ring. The one exception is [`probe`], a tool at a terminal.
#![forbid(unsafe_code)]

mod basic_policy;
pub mod boot;
mod classify;
pub mod convert;
pub mod decode;
mod dialed;
mod limits;
mod meter;
mod operations;
pub mod probe;
mod pump;
mod resolve;
pub mod session;

pub use limits::{Limits, MEMORY};
pub use meter::Meter;
pub use pump::{run, run_dialed, run_within};
