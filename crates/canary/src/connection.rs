//! What a reader's requests go through.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// For connecting and for each answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long one look for bytes waits.
const LOOK: Duration = Duration::from_millis(20);
/// What names the two halves of a tunnel as one; its value is the port that the first comes from.
const COOKIE: &str = "x-sessioncookie";

/// Bytes both ways.
pub trait Wire: Read + Write + Send {}

impl<W: Read + Write + Send> Wire for W {}

/// A connection to a server that speaks RTSP in it.
pub struct Connection {
    pub(crate) address: SocketAddr,
    pub(crate) wire: Box<dyn Wire>,
    /// What the captures call it.
    pub(crate) how: &'static str,
    /// Of its URLs.
    pub(crate) scheme: &'static str,
    /// Header lines of each request.
    pub(crate) fields: String,
    /// What the server said before any RTSP.
    pub(crate) kept: Vec<u8>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its header lines may hold a password.
        let Self { address, how, .. } = self;
        f.debug_struct("Connection").field("address", address).field("how", how).finish()
    }
}

impl Connection {
    /// Plain RTSP, which captures call `how`.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn clear(address: SocketAddr, how: &'static str) -> io::Result<Self> {
        let wire = Box::new(socket(address)?);
        Ok(Self { address, wire, how, scheme: "rtsp", fields: String::new(), kept: Vec::new() })
    }

    /// RTSP within HTTP: a GET for what comes, a POST for what goes, in Base64.
    ///
    /// # Errors
    /// When nobody listens, or makes no tunnel.
    pub fn tunnel(address: SocketAddr, path: &str) -> io::Result<Self> {
        let (mut down, mut up) = (socket(address)?, socket(address)?);
        let cookie = format!("{COOKIE}: {}", down.local_addr()?.port());
        let head = |method: &str| format!("{method} /{path} HTTP/1.0\r\n{cookie}\r\n\r\n");
        down.write_all(head("GET").as_bytes())?;
        let kept = answer(&mut down)?;
        up.write_all(head("POST").as_bytes())?;
        let wire = Box::new(Tunnel { down, up });
        let (how, scheme) = ("HTTP", "rtsp");
        Ok(Self { address, wire, how, scheme, fields: String::new(), kept })
    }

    /// RTSP over TLS, which `wire` speaks. A read from it has to end when nothing comes for a while,
    /// as one from [`socket`] does.
    #[must_use]
    pub fn tls(address: SocketAddr, wire: impl Wire + 'static) -> Self {
        let (wire, kept) = (Box::new(wire), Vec::new());
        Self { address, wire, how: "TLS", scheme: "rtsps", fields: String::new(), kept }
    }

    /// Every request of it logs in by Basic (RFC 2617 §2).
    #[must_use]
    pub fn logged_in(mut self, name: &str, password: &str) -> Self {
        let both = STANDARD.encode(format!("{name}:{password}"));
        self.fields = format!("Authorization: Basic {both}\r\n");
        self
    }
}

/// A connection whose reads end when nothing comes for a moment.
///
/// # Errors
/// When nobody listens.
pub fn socket(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}

/// The head of an HTTP answer that opens a tunnel.
fn answer(down: &mut TcpStream) -> io::Result<Vec<u8>> {
    let end = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match down.read(&mut byte) {
            Ok(1) => head.extend(byte),
            Ok(_) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < end => {}
            Err(error) => return Err(error),
        }
    }
    if head.starts_with(b"HTTP/1.0 200 ") {
        return Ok(head);
    }
    let found = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let found = String::from_utf8_lossy(found);
    Err(io::Error::other(format!("tunnel: expected HTTP/1.0 200, found {found}")))
}

struct Tunnel {
    down: TcpStream,
    up: TcpStream,
}

impl Read for Tunnel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.down.read(buffer)
    }
}

impl Write for Tunnel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.up.write_all(STANDARD.encode(bytes).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.up.flush()
    }
}
