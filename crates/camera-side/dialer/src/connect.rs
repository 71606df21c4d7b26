//! Connecting to a camera: its name, its addresses, one TCP connection.
//!
//! Nothing here reads from a connection, and what leaves this file cannot be read from
//! ([`CameraSocket`]): every byte of a camera's is for its worker.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_jail::broker::CameraSocket;
use cofferdam_picture_ring::Fault;
use rustix::io::Errno;
use rustix::net::sockopt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use url::{Host, Url};

/// For resolving a name, and for connecting to each of its addresses.
const LIMIT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;
/// The RTSP port (RFC 2326, 3.2).
const DEFAULT_PORT: u16 = 554;
/// A camera that went without a word is noticed by the kernel after this long and three questions
/// more. The worker notices sooner, unless it is the one that is stuck.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_PROBES: u32 = 3;

/// A connection that a camera took.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) socket: CameraSocket,
    pub(crate) address: SocketAddr,
}

/// Where a camera is, and through which interface it is reached.
#[derive(Debug)]
pub(crate) struct Target {
    host: Host<String>,
    port: u16,
    interface: Option<Arc<str>>,
    limit: Duration,
}

impl Target {
    /// The host of a camera's URL; `None` when it has none, which a valid configuration rules out.
    pub(crate) fn new(url: &str, interface: Option<Arc<str>>) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let port = url.port().unwrap_or(DEFAULT_PORT);
        Some(Self { host: url.host()?.to_owned(), port, interface, limit: LIMIT })
    }

    /// The addresses of the host, in the order of the resolver's preference, at most four.
    ///
    /// A worker's connection is to one of these for all of its life. The next worker asks again, so
    /// a change of the name's addresses is followed when a connection is made and at no other time.
    pub(crate) async fn resolve(&self) -> Result<Vec<SocketAddr>, Fault> {
        let name = match &self.host {
            Host::Ipv4(ip) => return Ok(vec![(*ip, self.port).into()]),
            Host::Ipv6(ip) => return Ok(vec![(*ip, self.port).into()]),
            // An IPv4 literal too: in a scheme that is not the web's, `url` takes it for a name. The
            // look-up does not.
            Host::Domain(name) => name.as_str(),
        };
        match timeout(self.limit, tokio::net::lookup_host((name, self.port))).await {
            Ok(Ok(addresses)) => {
                let addresses: Vec<_> = addresses.take(MOST_ADDRESSES).collect();
                if addresses.is_empty() { Err(Fault::NameNotResolved) } else { Ok(addresses) }
            }
            Ok(Err(_)) | Err(_) => Err(Fault::NameNotResolved),
        }
    }

    /// Connects to the first of `addresses` that takes a connection.
    ///
    /// # Errors
    /// Why the last of them did not.
    pub(crate) async fn connect(&self, addresses: &[SocketAddr]) -> Result<Reached, Fault> {
        let mut fault = Fault::NameNotResolved;
        for address in addresses {
            let opened = timeout(self.limit, open(*address, self.interface.as_deref())).await;
            let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            match opened.and_then(TcpStream::into_std).and_then(CameraSocket::new) {
                Ok(socket) => return Ok(Reached { socket, address: *address }),
                Err(error) => fault = classify(&error),
            }
        }
        Err(fault)
    }
}

async fn open(address: SocketAddr, interface: Option<&str>) -> io::Result<TcpStream> {
    let socket = socket(address, interface)?;
    let connection = socket.connect(address).await?;
    verify(&connection, address)?;
    connection.set_nodelay(true)?;
    sockopt::set_tcp_keepidle(&connection, KEEP_ALIVE)?;
    sockopt::set_tcp_keepintvl(&connection, KEEP_ALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&connection, KEEP_ALIVE_PROBES)?;
    sockopt::set_socket_keepalive(&connection, true)?;
    Ok(connection)
}

fn socket(address: SocketAddr, interface: Option<&str>) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if cfg!(not(feature = "without-interface")) {
        socket.bind_device(interface.map(str::as_bytes))?;
    }
    Ok(socket)
}

/// Whether the other end is who was dialed. A port of one's own that nobody listens on can take
/// one's own connection (TCP's simultaneous open), which is no camera.
fn verify(connection: &TcpStream, address: SocketAddr) -> io::Result<()> {
    let peer = connection.peer_addr()?;
    if cfg!(feature = "without-peer-check") {
        return Ok(());
    }
    if (peer.ip(), peer.port()) != (address.ip(), address.port()) {
        return Err(Errno::HOSTUNREACH.into());
    }
    if connection.local_addr()? == peer {
        return Err(Errno::CONNREFUSED.into());
    }
    Ok(())
}

/// Whether connections can be bound to `interface` on this host, now.
///
/// # Errors
/// `ENODEV` when there is no such interface.
pub(crate) fn check_interface(interface: &str) -> io::Result<()> {
    TcpSocket::new_v4()?.bind_device(Some(interface.as_bytes()))
}

fn classify(error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::TimedOut {
        return Fault::ConnectTimeout;
    }
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => Fault::ConnectionRefused,
        Some(Errno::NODEV) => Fault::InterfaceMissing,
        // This process has no descriptor or memory left.
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Fault::WorkerSetup,
        _ => Fault::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn target(url: &str, interface: Option<&str>) -> Target {
        let interface = interface.map(Into::into);
        Target { limit: Duration::from_millis(500), ..Target::new(url, interface).unwrap() }
    }

    async fn reach(url: &str, interface: Option<&str>) -> Result<Reached, Fault> {
        let target = target(url, interface);
        target.connect(&target.resolve().await?).await
    }

    fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("rtsp://{}/stream", listener.local_addr().unwrap());
        (listener, url)
    }

    #[tokio::test]
    async fn faults_are_told_apart() {
        let (listener, refusing) = listener();
        drop(listener);
        assert_eq!(reach(&refusing, None).await.err(), Some(Fault::ConnectionRefused));
        let name = "rtsp://no-such-host.invalid/";
        assert_eq!(reach(name, None).await.err(), Some(Fault::NameNotResolved));
        // No route leaves the host for this one (RFC 5735, section 3).
        let nowhere = "rtsp://[fe80::1]/";
        assert_eq!(reach(nowhere, None).await.err(), Some(Fault::Unreachable));
    }

    #[tokio::test]
    async fn a_camera_that_does_not_answer_has_a_limit() {
        // A listener whose queue is full lets further connections wait.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(0).unwrap();
        let address = full.local_addr().unwrap();
        let url = format!("rtsp://{address}/");
        let mut waiting = Vec::new();
        for _ in 0..8 {
            match reach(&url, None).await {
                Ok(reached) => waiting.push(reached),
                Err(fault) => {
                    assert_eq!(fault, Fault::ConnectTimeout);
                    return;
                }
            }
        }
        panic!("the queue took {} connections", waiting.len());
    }

    #[tokio::test]
    async fn an_interface_that_is_not_there_is_said_so() {
        let (_listener, url) = listener();
        assert_eq!(reach(&url, Some("nosuch0")).await.err(), Some(Fault::InterfaceMissing));
        assert_eq!(
            check_interface("nosuch0").unwrap_err().raw_os_error(),
            Some(Errno::NODEV.raw_os_error())
        );
        // The control.
        check_interface("lo").unwrap();
        reach(&url, Some("lo")).await.unwrap();
    }

    /// A name with several addresses: those that refuse are passed over.
    #[tokio::test]
    async fn the_first_address_that_answers_is_the_one() {
        let (listener, url) = listener();
        let good = listener.local_addr().unwrap();
        let (other, _) = self::listener();
        let refusing = other.local_addr().unwrap();
        drop(other);
        let reached = target(&url, None).connect(&[refusing, good]).await.unwrap();
        assert_eq!(reached.address, good);
        let none = target(&url, None).connect(&[]).await;
        assert_eq!(none.err(), Some(Fault::NameNotResolved));
    }

    #[tokio::test]
    async fn names_and_both_kinds_of_address_are_understood() {
        let resolved = async |url: &str| target(url, None).resolve().await.unwrap();
        assert_eq!(resolved("rtsp://10.0.0.1/x").await, ["10.0.0.1:554".parse().unwrap()]);
        assert_eq!(resolved("rtsp://10.0.0.1:8554").await, ["10.0.0.1:8554".parse().unwrap()]);
        assert_eq!(resolved("rtsp://[::1]:80/").await, ["[::1]:80".parse().unwrap()]);
        let local = resolved("rtsp://localhost:1/").await;
        assert!(local.iter().all(|address| address.ip().is_loopback()) && !local.is_empty());
        assert!(Target::new("rtsp:/nothing", None).is_none());
    }

    /// Cameras that speak first are heard by their worker, from the first byte on.
    #[tokio::test]
    async fn what_a_camera_says_is_left_for_its_worker() {
        let (listener, _) = listener();
        let address = listener.local_addr().unwrap();
        let camera = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"from the first byte on").unwrap();
        });
        let connection = open(address, None).await.unwrap();
        camera.join().unwrap();
        assert!(connection.nodelay().unwrap());
        let mut connection = connection.into_std().unwrap();
        connection.set_nonblocking(false).unwrap();
        let mut heard = String::new();
        connection.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "from the first byte on");
    }

    /// A connection to oneself is refused like the empty port that it is.
    #[tokio::test]
    async fn a_connection_to_itself_is_no_camera() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        let connection = socket.connect(own).await.unwrap();
        let error = verify(&connection, own).unwrap_err();
        assert_eq!(classify(&error), Fault::ConnectionRefused);
    }
}
