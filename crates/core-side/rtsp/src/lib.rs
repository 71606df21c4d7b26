//! The server side of RTSP 1.0 (RFC 2326), without sockets or clocks.
//!
//! Bytes go into a [`Framer`], which cuts them into bounded [`Frame`]s. Requests go into a
//! [`Connection`], which says what to do as [`Output`]s: answer, start or stop a mount's packets,
//! end the session, close. Time is an argument everywhere. What mounts there are comes from a
//! [`MountDirectory`]; the session description is written from configuration and parameter sets
//! and from nothing else.
//!
//! Every byte that comes in is a reader's, so nothing here may panic on any of them: that is what
//! the property tests hold it to.
#![forbid(unsafe_code)]

mod access;
mod answer;
mod connection;
mod framer;
mod malformed;
mod mount;
mod sdp;
mod target;
mod transport;
mod tunnel;

pub use access::{Access, Channel, Login, Nonce};
pub use answer::{Answer, MethodName};
pub use cofferdam_accounts::{
    AccountChanges, Accounts, PasswordCheck, Reader, ReaderName, Refusal, TransportKind, host,
};
pub use connection::{
    CHECK_DEADLINE, CloseReason, Connection, ConnectionSettings, FirstPacket, IDLE_TIMEOUT,
    LOGIN_DEADLINE, Output, PLAY_DEADLINE, SESSION_TIMEOUT, SESSION_TIMEOUT_ADVERTISED, SessionEnd,
    State,
};
pub use framer::{Frame, FrameError, Framer, MAX_BODY, MAX_HEAD, Malformed, Request};
pub use malformed::MalformedReason;
pub use mount::{MountDirectory, MountState, MountView, VideoTrack};
pub use sdp::{PAYLOAD_TYPE, TRACK};
pub use target::is_reachable_path;
pub use transport::{MulticastGroup, PortPair, Transport};
pub use tunnel::{
    TUNNEL_OPEN, TUNNEL_REFUSED, TunnelDecoder, TunnelError, TunnelHalf, TunnelRequest,
};
