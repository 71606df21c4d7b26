//! What cameras send, by the byte: honest, for others to be changed.

pub(crate) mod bits;
pub(crate) mod description;
pub(crate) mod h264;
pub(crate) mod h265;
pub(crate) mod jpeg;
pub(crate) mod rtp;
