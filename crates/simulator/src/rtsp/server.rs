//! The listener of one camera.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use cofferdam_picture::CameraId;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Authentication, connection};
use crate::hub::{Description, Hub};
use crate::plant::Plant;
use crate::script::Script;
use crate::sent_log::SentLog;

/// What all connections of a camera have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: CameraId,
    pub(crate) authentication: Authentication,
    pub(crate) script: Script,
    pub(crate) hub: Hub,
    /// `None` when the script sends no pictures.
    pub(crate) description: Option<Description>,
    pub(crate) sent_log: Option<SentLog>,
    /// The marks of a planted camera.
    pub(crate) plant: Option<Arc<Plant>>,
    pub(crate) counters: Counters,
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Connections accepted.
    pub(crate) connections: AtomicU64,
    /// Access units sent, to all readers together.
    pub(crate) pictures: AtomicU64,
}

/// A running server. All its connections end when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    /// Dropped first, which is what the thread waits for.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on `listener`, on a thread of its own.
    pub(crate) fn start(listener: TcpListener, shared: Arc<Shared>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name(format!("rtsp {}", shared.name));
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                if let Err(error) = accept(listener, &shared, stopped).await {
                    tracing::error!(camera = %shared.name, %error, "the listener failed");
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: TcpListener,
    shared: &Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    // Dropped at the end, with all connections.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut stopped => return Ok(()),
            Some(_) = connections.join_next() => continue,
        };
        shared.counters.connections.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(shared);
        connections.spawn(async move {
            let name = shared.name.clone();
            if let Err(error) = connection::serve(stream, shared).await {
                tracing::debug!(camera = %name, %error, "a connection broke");
            }
        });
    }
}
