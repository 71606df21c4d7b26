//! Metrics and health over HTTP.
#![forbid(unsafe_code)]
