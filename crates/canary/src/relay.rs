//! A relay on the wire between a camera and a gateway, which keeps what the camera says.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::{Capture, Kind};

/// The most that is kept, in bytes. What comes later is passed on all the same.
const MOST_KEPT: usize = 256 * 1024 * 1024;

/// A running relay. It accepts no more connections once it is dropped; those there are end with
/// their ends.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    /// One for each connection.
    kept: Mutex<Vec<Vec<u8>>>,
    bytes: AtomicUsize,
    closed: AtomicBool,
}

impl Relay {
    /// A relay on a port of loopback, to `target`.
    ///
    /// # Errors
    /// When the system gives no port or no thread.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            kept: Mutex::new(Vec::new()),
            bytes: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("relay".into()).spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.closed.load(Ordering::SeqCst) {
                    return;
                }
                // A connection that fails here is one that its client sees fail.
                let _ = accepting.connect(client);
            }
        })?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes passed from the target so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shared.bytes.load(Ordering::SeqCst)
    }

    /// What the target has said so far, connection by connection.
    #[must_use]
    pub fn captures(&self, name: &str) -> Vec<Capture> {
        let kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (1..)
            .zip(kept.iter())
            .map(|(number, bytes)| {
                Capture::new(format!("{name}, connection {number}"), Kind::Rtsp(bytes.clone()))
            })
            .collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.target)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (to_client, to_server) = (client.try_clone()?, server.try_clone()?);
        let number = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(Vec::new());
            kept.len() - 1
        };
        let keeper = Arc::clone(self);
        let spawn = |name: &str| std::thread::Builder::new().name(format!("relay {name}"));
        spawn("out").spawn(move || pass(client, to_server, |_| ()))?;
        spawn("in").spawn(move || pass(server, to_client, |bytes| keeper.keep(number, bytes)))?;
        Ok(())
    }

    fn keep(&self, number: usize, bytes: &[u8]) {
        if self.bytes.fetch_add(bytes.len(), Ordering::SeqCst) > MOST_KEPT {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = kept.get_mut(number) {
            connection.extend_from_slice(bytes);
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        // Kept first: what the gateway could know of is in the capture.
        keep(&chunk[..read]);
        if to.write_all(&chunk[..read]).is_err() {
            break;
        }
    }
    // Either may be gone already.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
