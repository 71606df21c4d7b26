//! The worker that turns one camera's stream into pictures.
#![forbid(unsafe_code)]
