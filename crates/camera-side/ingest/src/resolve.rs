//! Looking the camera's name up before a probe locks itself in: afterwards it can open no file and no
//! socket but one to a camera. A worker's camera is looked up by the dialer.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::time::Duration;

use cofferdam_picture_ring::Fault;
use url::{Host, Url};

/// How long a name may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;

/// `url` with an address in the place of the host's name, once for each address.
///
/// # Errors
/// [`Fault::NameNotResolved`].
pub(crate) fn pinned_urls(url: &str) -> Result<Vec<String>, Fault> {
    // The configuration was checked on the core side already.
    let url = Url::parse(url).map_err(|_| Fault::WorkerSetup)?;
    let Some(Host::Domain(name)) = url.host() else { return Ok(vec![url.into()]) };
    let name = name.to_owned();
    let (send, found) = channel();
    // A thread of its own, because a lookup cannot be given up. One that was answers nobody.
    let lookup = std::thread::spawn(move || {
        let addresses = (name.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        let _ = send.send(addresses);
    });
    let addresses = match found.recv_timeout(LIMIT) {
        Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
        _ => return Err(Fault::NameNotResolved),
    };
    // The jail wants one thread. It panics nowhere, and what it found is here.
    let _ = lookup.join();
    let pinned = |address: SocketAddr| {
        let mut url = url.clone();
        url.set_ip_host(address.ip()).map_err(|()| Fault::WorkerSetup)?;
        Ok(url.into())
    };
    addresses.into_iter().take(MOST_ADDRESSES).map(pinned).collect()
}

/// Whether `fault` means that nobody was reached, so that another address may do better.
pub(crate) const fn is_unreached(fault: Fault) -> bool {
    matches!(fault, Fault::ConnectionRefused | Fault::ConnectTimeout | Fault::Unreachable)
}
