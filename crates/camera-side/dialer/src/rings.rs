//! Where rings come from: a connection to the core side, made again for ever.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_handover::{HandoverError, RingRecord, receive_ring, receive_with_descriptor};
use cofferdam_picture::CameraId;
use cofferdam_picture_ring::RingSpec;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::watch;

/// How the camera side reaches the core side.
#[derive(Debug)]
pub enum RingSource {
    /// The core side listens on this path (`boundary.socket`).
    Path(PathBuf),
    /// The parent of both sides sends fresh connections over this socket, one whenever the core side
    /// was started.
    Inherited(OwnedFd),
}

/// A ring of one camera: its memory, read and write.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) fd: OwnedFd,
    pub(crate) spec: RingSpec,
}

type Given = HashMap<CameraId, (RingSpec, watch::Sender<Option<Arc<Ring>>>)>;

/// The time between two attempts to reach the core side.
const RETRY: Duration = Duration::from_millis(250);

/// Receives rings for ever. Returns only when the parent of both sides is gone.
pub(crate) async fn receive(source: RingSource, given: Given) {
    match source {
        RingSource::Path(path) => {
            let mut reported = false;
            loop {
                match UnixStream::connect(&path).await {
                    Ok(connection) => {
                        reported = false;
                        drain(&connection, &given).await;
                    }
                    Err(error) if !reported => {
                        tracing::warn!(socket = %path.display(), %error, "waiting for the core side");
                        reported = true;
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(RETRY).await;
            }
        }
        RingSource::Inherited(parent) => {
            let Ok(parent) = watched(parent) else { return };
            loop {
                let received = parent
                    .async_io(Interest::READABLE, || {
                        receive_with_descriptor(parent.as_fd(), &mut [0])
                    })
                    .await;
                let Ok(Some(connection)) = received else { return };
                match watched(connection) {
                    Ok(connection) => drain(&connection, &given).await,
                    Err(error) => tracing::error!(%error, "taking a connection to the core side"),
                }
            }
        }
    }
}

/// The descriptor of a connected Unix stream socket, for this process's event loop.
fn watched(socket: OwnedFd) -> io::Result<UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Takes every ring a connection offers, until it ends.
async fn drain(connection: &UnixStream, given: &Given) {
    loop {
        let received = connection
            .async_io(Interest::READABLE, || match receive_ring(connection.as_fd()) {
                Err(HandoverError::Socket(error)) => Err(error),
                other => Ok(other),
            })
            .await;
        match received {
            Ok(Ok(Some((record, fd)))) => take(&record, fd, given),
            Ok(Ok(None)) => {
                tracing::info!("the core side closed its connection");
                return;
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the core side is of another version");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the connection to the core side failed");
                return;
            }
        }
    }
}

fn take(record: &RingRecord, fd: OwnedFd, given: &Given) {
    let Some((spec, ring)) = given.get(&record.camera) else {
        tracing::error!(
            camera = %record.camera,
            "expected rings of configured cameras, found one more: do both sides read one file?"
        );
        return;
    };
    if *spec != record.spec {
        tracing::error!(
            camera = %record.camera,
            expected = %spec.geometry,
            found = %record.spec.geometry,
            "the ring's geometry is not the configured one: do both sides read one file?"
        );
        return;
    }
    ring.send_replace(Some(Arc::new(Ring { fd, spec: record.spec })));
}
