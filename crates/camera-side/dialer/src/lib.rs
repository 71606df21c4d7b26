//! Starts, watches and replaces the ingest workers.
#![forbid(unsafe_code)]
