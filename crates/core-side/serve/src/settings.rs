//! What a server is told.

use std::net::SocketAddr;

use cofferdam_rtsp::{Access, MulticastGroup};
use tokio::sync::watch;

use crate::Certificates;

/// Everything a [`Server`](crate::Server) needs to know.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen. Port 0 leaves the choice to the kernel.
    pub listen: SocketAddr,
    /// The one interface to use, for the listener and for datagrams (`SO_BINDTODEVICE`).
    pub interface: Option<String>,
    /// What is shown to readers who connect over TLS, `None` where they connect in clear.
    pub certificates: Option<Certificates>,
    /// Whom to serve.
    pub access: Access,
    /// Where it is told that the accounts of `access` were replaced.
    pub refresh: Refresh,
    /// The groups of mounts that have one, by the mounts' own paths.
    pub multicast: Vec<(String, MulticastGroup)>,
    /// How much to take on.
    pub limits: Limits,
}

/// Tells servers that accounts were replaced, so that whoever logged in with what is no longer one is put
/// out. Clones tell the same servers.
#[derive(Clone, Debug, Default)]
pub struct Refresh(watch::Sender<()>);

impl Refresh {
    /// Accounts have been [replaced](cofferdam_rtsp::Accounts::replace).
    pub fn accounts_replaced(&self) {
        self.0.send_replace(());
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// How much a server takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address whose reader has not proved who it is.
    pub per_address: usize,
    /// Bytes that the kernel holds for one reader before its lag shows. The encoder's largest key
    /// frame should fit.
    pub send_buffer: usize,
}

impl Limits {
    /// Where everybody may read, nobody ever proves anything: a recorder holds one connection for each
    /// camera and size, and all recorders behind one address translation look like one.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { per_address: 1024, ..Self::default() }
    }
}

/// 2048 connections, 256 from one address before they have logged in: as many as a recorder with hundreds
/// of cameras begins at once.
impl Default for Limits {
    fn default() -> Self {
        Self { connections: 2048, per_address: 256, send_buffer: 512 << 10 }
    }
}
