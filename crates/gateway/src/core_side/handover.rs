//! The core side's end of the boundary socket: sends rings, reads nothing.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use cofferdam_handover::{RingRecord, send_ring};
use cofferdam_jail::User;
use cofferdam_picture_ring::RingMemory;
use tokio::net::UnixListener;

use crate::config::Config;
use crate::exit::Exit;
use crate::parent::Parent;

/// Offers every ring to whoever stands for the camera side.
pub(crate) struct Offering {
    door: Door,
    rings: Vec<(RingRecord, RingMemory)>,
}

/// Where the camera side comes in.
enum Door {
    /// A listener on `boundary.socket`.
    Listener(UnixListener),
    /// The parent of both sides sends connections.
    Parent(Arc<Parent>),
}

impl Offering {
    /// Opens the door.
    pub(crate) fn prepare(
        config: &Config,
        parent: Option<Arc<Parent>>,
        rings: Vec<(RingRecord, RingMemory)>,
    ) -> Result<Self, Exit> {
        let door = match parent {
            Some(parent) => Door::Parent(parent),
            None => Door::Listener(listen(&config.boundary.socket)?),
        };
        Ok(Self { door, rings })
    }

    /// Offers for ever. The last connection is kept open, so that the camera side sees when this
    /// side ends.
    pub(crate) async fn run(self) {
        let mut _standing = None;
        loop {
            let connection = match &self.door {
                Door::Listener(listener) => listener.accept().await.and_then(|(s, _)| s.into_std()),
                Door::Parent(parent) => match parent.connection().await {
                    Ok(Some(socket)) => Ok(UnixStream::from(socket)),
                    Ok(None) => return,
                    Err(error) => Err(error),
                },
            };
            match connection.and_then(|socket| self.offer(socket)) {
                Ok(socket) => {
                    tracing::info!(rings = self.rings.len(), "handed the rings to the camera side");
                    _standing = Some(socket);
                }
                Err(error) => {
                    tracing::warn!(%error, "handing the rings to the camera side failed");
                    // Accepting can fail for as long as descriptors are short.
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn offer(&self, socket: UnixStream) -> io::Result<UnixStream> {
        // A few records fit any socket buffer: a peer that does not take them is not waited for.
        socket.set_nonblocking(true)?;
        for (record, ring) in &self.rings {
            send_ring(socket.as_fd(), record, ring.writer_fd()).map_err(io::Error::other)?;
        }
        Ok(socket)
    }
}

fn listen(path: &Path) -> Result<UnixListener, Exit> {
    let failed = |error: io::Error| {
        Exit::run_time(format!(
            "`boundary.socket`: expected to listen on {}, found {error}",
            path.display()
        ))
    };
    match UnixStream::connect(path) {
        Ok(_) => return Err(failed(io::ErrorKind::AddrInUse.into())),
        // Left behind by a gateway that was killed.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Both sides may run under different users of one group; those that root's sides become do.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
    if cofferdam_jail::is_root() {
        let (owner, group) = (User::CORE.id, User::CAMERA.id);
        std::os::unix::fs::chown(path, Some(owner), Some(group)).map_err(failed)?;
    }
    Ok(listener)
}
