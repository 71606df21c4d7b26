//! A server that plays one scenario on every connection.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Scenario;
use crate::act::Stage;

/// A running hostile camera. It ends with the process, or takes no further connection once dropped.
#[derive(Debug)]
pub struct HostileCamera {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
    elsewhere: AtomicUsize,
    heard: Mutex<Vec<u8>>,
}

impl HostileCamera {
    /// Starts one on a port of loopback, and another listener that nobody should ever reach: the
    /// second host that some scenarios name.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(scenario: &Scenario) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let other = TcpListener::bind("127.0.0.1:0")?;
        let elsewhere = other.local_addr()?.to_string();
        let shared = Arc::new(Shared::default());
        let acts = Arc::new(scenario.acts());
        let counted = Arc::clone(&shared);
        std::thread::spawn(move || {
            while other.accept().is_ok() {
                counted.elsewhere.fetch_add(1, Ordering::SeqCst);
            }
        });
        let taken = Arc::clone(&shared);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if taken.stopped.load(Ordering::SeqCst) {
                    return;
                }
                taken.connections.fetch_add(1, Ordering::SeqCst);
                let (acts, elsewhere) = (Arc::clone(&acts), elsewhere.clone());
                let shared = Arc::clone(&taken);
                std::thread::spawn(move || {
                    let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
                    shared.most_open.fetch_max(open, Ordering::SeqCst);
                    // Fails only where it waits for no answer anyway.
                    let _ = stream.set_nodelay(true);
                    let mut stage = Stage::new(stream, elsewhere);
                    // The other side's going is how most scenarios end.
                    let _ = stage.play(&acts);
                    shared.hear(&stage.heard);
                    drop(stage);
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtsp://{}/stream", self.address)
    }

    /// How many connections it has taken.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections it had at once, at the most.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// How many connections the host took that it points to.
    #[must_use]
    pub fn connections_elsewhere(&self) -> usize {
        self.shared.elsewhere.load(Ordering::SeqCst)
    }

    /// All that it was asked, on connections that have ended.
    #[must_use]
    pub fn heard(&self) -> String {
        let heard = self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Shared {
    fn hear(&self, bytes: &[u8]) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

impl Drop for HostileCamera {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
    }
}
