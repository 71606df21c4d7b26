//! Scaling and letterboxing of pictures.
#![forbid(unsafe_code)]
