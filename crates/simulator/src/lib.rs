//! Cameras for the demo, tests and benchmarks.
#![forbid(unsafe_code)]
