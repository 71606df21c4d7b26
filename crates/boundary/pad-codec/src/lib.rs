//! A GStreamer codec element driven as a synchronous function.
#![forbid(unsafe_code)]
