//! What a server is told.

use std::net::SocketAddr;

use cofferdam_rtsp::Access;

/// Everything a [`Server`](crate::Server) needs to know.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen. Port 0 leaves the choice to the kernel.
    pub listen: SocketAddr,
    /// The one interface to use, for the listener and for datagrams (`SO_BINDTODEVICE`).
    pub interface: Option<String>,
    /// Whom to serve.
    pub access: Access,
    /// How much to take on.
    pub limits: Limits,
}

/// How much a server takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address.
    pub per_address: usize,
    /// Bytes that the kernel holds for one reader before its lag shows. The encoder's largest key
    /// frame should fit.
    pub send_buffer: usize,
}

/// 2048 connections, 1024 from one address: a recorder holds one for each camera and size, and all
/// recorders behind one address translation look like one.
impl Default for Limits {
    fn default() -> Self {
        Self { connections: 2048, per_address: 1024, send_buffer: 512 << 10 }
    }
}
