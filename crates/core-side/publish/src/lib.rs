//! Mounts: output verifier, key-frame cache and fan-out to readers.
#![forbid(unsafe_code)]
