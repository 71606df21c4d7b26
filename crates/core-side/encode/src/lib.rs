//! The worker that turns pictures into access units.
#![forbid(unsafe_code)]

pub mod pacer;
