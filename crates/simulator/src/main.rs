//! The `cofferdam-simulator` binary.
#![forbid(unsafe_code)]

fn main() {}
