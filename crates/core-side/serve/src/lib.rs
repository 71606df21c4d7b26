//! The tokio shell of the RTSP server: listeners, connections, transports.
//!
//! What RTSP means is decided in `cofferdam-rtsp`, what a reader is sent in `cofferdam-publish`;
//! here are sockets, timers and the order of writes. One task a connection: whatever one reader
//! does, or fails to do, costs the others nothing.
#![forbid(unsafe_code)]

mod admission;
mod connection;
mod datagrams;
mod directory;
mod lane;
mod metrics;
mod multicast;
mod orders;
mod outbox;
mod password_checks;
mod playback;
mod reception;
mod sender;
mod server;
mod settings;
mod sockets;
mod stream;
mod tls;
mod tunnel;

pub use cofferdam_rtsp::{
    Access, AccountChanges, Accounts, MulticastGroup, Reader, is_reachable_path,
};
pub use metrics::ServeMetrics;
pub use server::{BindError, Server};
pub use settings::{Limits, Refresh, ServerSettings};
pub use sockets::listen;
pub use tls::{Certificates, TlsError, certificate};
