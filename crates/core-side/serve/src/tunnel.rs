//! RTSP within HTTP: two connections that make one.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cofferdam_rtsp::{MalformedReason, TUNNEL_REFUSED, TunnelDecoder, TunnelHalf, TunnelRequest};
use tokio::io::Interest;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::admission::Place;
use crate::connection::{self, Shared};
use crate::orders::Ordered;
use crate::stream::Stream;

/// How long a head may take from its first byte to its last.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long a POST may send nothing. Sessions end earlier, and with them what it leads to.
const SILENCE: Duration = Duration::from_secs(300);
const READ_LEN: usize = 4096;
/// Pieces that may wait for the other half. Beyond, the POST is not read.
const QUEUE: usize = 8;

/// The lower halves that wait for what goes up.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    open: Mutex<HashMap<Key, Lower>>,
}

/// What an upper half needs to know of its lower.
#[derive(Clone, Debug)]
struct Lower {
    requests: mpsc::Sender<Bytes>,
    is_proven: watch::Receiver<bool>,
}

/// Both halves come from one address.
type Key = (IpAddr, String);

/// A half in the list; dropping it takes it out.
#[derive(Debug)]
pub(crate) struct Listed {
    shared: Arc<Shared>,
    key: Key,
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.shared.tunnels).remove(&self.key);
    }
}

fn lock(tunnels: &Tunnels) -> MutexGuard<'_, HashMap<Key, Lower>> {
    tunnels.open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that began like half a tunnel.
pub(crate) struct Opening {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
    pub(crate) shared: Arc<Shared>,
    /// What was read of it.
    pub(crate) read: Vec<u8>,
}

/// What the lower half is given of the upper.
pub(crate) struct Tunnelled {
    pub(crate) requests: mpsc::Receiver<Bytes>,
    /// Set once the reader has proved who it is.
    pub(crate) is_proven: watch::Sender<bool>,
    pub(crate) _listed: Listed,
}

/// Serves half a tunnel until it ends.
pub(crate) async fn serve(mut opening: Opening, mut ordered: Ordered) {
    let head = timeout(HEAD_DEADLINE, opening.head());
    let request = tokio::select! {
        head = head => head.ok().flatten(),
        () = ordered.stopped() => return,
    };
    let Some((request, length)) = request else { return opening.refuse() };
    let body = opening.read.split_off(length);
    let key = (opening.peer.ip().to_canonical(), request.cookie);
    match request.half {
        TunnelHalf::Down => down(opening, key, ordered).await,
        TunnelHalf::Up => {
            tokio::select! {
                () = up(opening, &key, &body) => {}
                () = ordered.stopped() => {}
            }
        }
    }
}

async fn down(mut opening: Opening, key: Key, ordered: Ordered) {
    let (sender, requests) = mpsc::channel(QUEUE);
    let (proven, is_proven) = watch::channel(false);
    {
        let mut open = lock(&opening.shared.tunnels);
        if open.contains_key(&key) {
            drop(open);
            return opening.refuse();
        }
        open.insert(key.clone(), Lower { requests: sender, is_proven });
    }
    let listed = Listed { shared: Arc::clone(&opening.shared), key };
    let tunnelled = Tunnelled { requests, is_proven: proven, _listed: listed };
    connection::serve_tunnelled(opening, tunnelled, ordered).await;
}

/// Hands on what goes up, until either end has had enough.
async fn up(mut opening: Opening, key: &Key, body: &[u8]) {
    let lower = lock(&opening.shared.tunnels).get(key).cloned();
    let Some(Lower { requests: sender, mut is_proven }) = lower else {
        return opening.refuse();
    };
    let mut decoder = TunnelDecoder::new();
    let mut piece = body.to_vec();
    loop {
        let Ok(decoded) = decoder.decode(&piece) else {
            opening.shared.metrics.malformed(MalformedReason::Tunnel);
            return;
        };
        if !decoded.is_empty() && sender.send(decoded.into()).await.is_err() {
            return;
        }
        piece = loop {
            tokio::select! {
                read = timeout(SILENCE, opening.stream.read_some()) => match read {
                    Ok(Ok(bytes)) if !bytes.is_empty() => break bytes,
                    _ => return,
                },
                () = sender.closed() => return,
                // A stranger's halves count for its address, both of them.
                proven = is_proven.wait_for(|is_proven| *is_proven), if !opening.place.is_proven() => {
                    if proven.is_err() {
                        return;
                    }
                    opening.place.prove();
                }
            }
        };
    }
}

impl Opening {
    /// The request, and the length of its head; `None` when it is none.
    async fn head(&mut self) -> Option<(TunnelRequest, usize)> {
        loop {
            if let Some(found) = TunnelRequest::parse(&self.read).ok()? {
                return Some(found);
            }
            let more = self.stream.read_some().await.ok().filter(|bytes| !bytes.is_empty())?;
            self.read.extend(more);
        }
    }

    /// Refuses what makes no tunnel: no cookie, one that is in use, or one that no lower half has.
    fn refuse(&mut self) {
        self.shared.metrics.malformed(MalformedReason::Tunnel);
        // Whoever does not take these few bytes at once has no use for them.
        let _ = self.stream.try_write_vectored(&[io::IoSlice::new(TUNNEL_REFUSED)]);
        self.stream.say_goodbye();
    }
}

impl Stream {
    /// What comes next; nothing at the end. Cancel-safe.
    async fn read_some(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; READ_LEN];
        loop {
            let interest = if self.wants_write() {
                Interest::READABLE | Interest::WRITABLE
            } else {
                Interest::READABLE
            };
            self.ready(interest).await?;
            match self.drain() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            match self.try_read(&mut buffer) {
                Ok(length) => {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
