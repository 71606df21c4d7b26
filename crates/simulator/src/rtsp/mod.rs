//! The camera's RTSP server (RFC 2326), over TCP and nothing else.

mod auth;
mod connection;
mod player;
mod rtcp;
pub(crate) mod sdp;
mod server;
mod session;

pub use auth::{Authentication, Credentials};
pub(crate) use server::{Counters, Server, Shared};
