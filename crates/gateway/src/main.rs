//! The `cofferdam` binary.
#![forbid(unsafe_code)]

fn main() {}
