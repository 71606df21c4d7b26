//! The worker that turns pictures into access units.
//!
//! One process a camera, jailed, one thread. It says what its encoder is ([`attest`]) and goes on when
//! the server has vetted it. It reads pictures out of the ring at its own cadence
//! ([`pacer`]), hands them to a vetted encoder ([`encoder`]), shows a [`slate`] where there is no
//! picture, and writes access units into a pipe that it never waits for ([`output`]). The
//! [`worker`] ties these together.
#![forbid(unsafe_code)]

pub mod attest;
pub mod boot;
pub mod encoder;
pub mod output;
pub mod pacer;
pub mod slate;
pub mod worker;
