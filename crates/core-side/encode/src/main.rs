//! The `cofferdam-encode` binary.
#![forbid(unsafe_code)]

fn main() {}
