//! The worker that turns one camera's stream into pictures.
//!
//! ```text
//! camera ── session (retina, TCP interleaved) ── decode (NAL filter, one element) ── convert ── ring
//!                └ basic_policy: no password in clear
//! ```
//!
//! One process is one connection to one camera, in one thread. Everything it reads is hostile, and
//! it has nobody to tell but by codes: [`Fault`](cofferdam_picture_ring::Fault) as its exit code,
//! counters and states in the ring. The one exception is [`probe`], a tool at a terminal.
#![forbid(unsafe_code)]

mod basic_policy;
pub mod boot;
mod classify;
pub mod convert;
pub mod decode;
pub mod probe;
mod pump;
pub mod resolve;
pub mod session;

pub use pump::run;
