//! What the system tests share.
#![forbid(unsafe_code)]
