//! The `cofferdam-ingest` binary.
#![forbid(unsafe_code)]

fn main() {}
