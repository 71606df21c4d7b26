//! The least RTSP client: requests as a test writes them, and their answers.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use md5::{Digest as _, Md5};

/// How long a read waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a server.
pub struct Rtsp {
    stream: BufReader<Box<dyn Stream>>,
    url: String,
    cseq: u32,
}

/// What requests go through.
pub trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its head, as it came.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The value of a header, by its name as the server writes it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The nonce of its challenge.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn nonce(&self) -> String {
        let challenge = self.header("WWW-Authenticate").expect("a challenge");
        let (_, nonce) = challenge.split_once("nonce=\"").expect("a nonce");
        nonce.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Rtsp {
    /// Connects to ask for a mount, such as `lobby/main`.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr, mount: &str) -> Self {
        Self::over(socket(address), format!("rtsp://{address}/{mount}"))
    }

    /// Asks for `url` through `stream`.
    #[must_use]
    pub fn over(stream: impl Stream + 'static, url: String) -> Self {
        Self { stream: BufReader::new(Box::new(stream)), url, cseq: 0 }
    }

    /// The URL that requests have.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One request and its answer; `None` when the server closed the connection.
    pub fn try_request(&mut self, method: &str, headers: &[&str]) -> Option<Answer> {
        self.cseq += 1;
        let mut text = format!("{method} {} RTSP/1.0\r\nCSeq: {}\r\n", self.url, self.cseq);
        for header in headers {
            let _ = write!(text, "{header}\r\n");
        }
        self.stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).ok()?;
        self.answer()
    }

    /// One request and its answer.
    ///
    /// # Panics
    /// When none comes.
    pub fn request(&mut self, method: &str, headers: &[&str]) -> Answer {
        self.try_request(method, headers).expect("an answer")
    }

    /// Plays in the connection, on channels 0 and 1: what follows are [`frame`](Self::frame)s.
    ///
    /// # Panics
    /// When it may not.
    pub fn play(&mut self) {
        self.play_over("RTP/AVP/TCP;unicast;interleaved=0-1");
    }

    /// Plays as the value of a `Transport` header says.
    ///
    /// # Panics
    /// When it may not.
    pub fn play_over(&mut self, transport: &str) {
        let transport = format!("Transport: {transport}");
        let session = self.request("SETUP", &[&transport]).header("Session").map(str::to_owned);
        let session = session.expect("a session").split(';').next().map(str::to_owned);
        let session = format!("Session: {}", session.unwrap_or_default());
        assert_eq!(self.request("PLAY", &[&session]).status, 200);
    }

    /// The next interleaved frame, with its channel; `None` when the server closed the connection.
    pub fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 4];
        in_time(self.stream.read_exact(&mut header))?;
        assert_eq!(header[0], b'$', "a frame");
        let mut payload = vec![0; usize::from(u16::from_be_bytes([header[2], header[3]]))];
        in_time(self.stream.read_exact(&mut payload))?;
        Some((header[1], payload))
    }

    /// A request with a right Digest for this connection's challenge.
    ///
    /// # Panics
    /// When no answer comes.
    pub fn as_reader(
        &mut self,
        (name, password): (&str, &str),
        method: &str,
        headers: &[&str],
    ) -> Answer {
        let nonce = self.request(method, &[]).nonce();
        let proof = digest(name, password, &nonce, method, &self.url);
        let headers: Vec<&str> = headers.iter().copied().chain([proof.as_str()]).collect();
        self.request(method, &headers)
    }

    /// The next answer; `None` when the server closed the connection.
    ///
    /// # Panics
    /// When something else comes.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if in_time(self.stream.read_line(&mut head))? == 0 {
                return None;
            }
        }
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status line");
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("Content-Length").and_then(|l| l.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).expect("text");
        Some(answer)
    }
}

/// What was read; `None` where the connection has ended. That nothing comes for as long as reads wait is neither.
fn in_time<T>(read: io::Result<T>) -> Option<T> {
    if let Err(error) = &read {
        let kind = error.kind();
        assert!(
            kind != ErrorKind::WouldBlock && kind != ErrorKind::TimedOut,
            "nothing came for {PATIENCE:?}, and no end"
        );
    }
    read.ok()
}

/// A connection to a server, whose reads do not wait for ever.
///
/// # Panics
/// When nobody listens.
#[must_use]
pub fn socket(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the server listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    socket
}

/// Whether a packet of RTCP is a compound of a sender report that ends in BYE of the same source (RFC 3550 §6.6).
#[must_use]
pub fn says_goodbye(packet: &[u8]) -> bool {
    let Some([_, kind, _, _, source @ ..]) = packet.first_chunk::<8>() else { return false };
    *kind == 200 && packet.ends_with(&[&[0x81, 203, 0, 1], source.as_slice()].concat())
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// An `Authorization` header (RFC 2617 §3.2.2, without `qop`).
#[must_use]
pub fn digest(name: &str, password: &str, nonce: &str, method: &str, uri: &str) -> String {
    let ha1 = md5(&format!("{name}:Cofferdam:{password}"));
    let ha2 = md5(&format!("{method}:{uri}"));
    let response = md5(&format!("{ha1}:{nonce}:{ha2}"));
    format!(
        "Authorization: Digest username=\"{name}\", realm=\"Cofferdam\", nonce=\"{nonce}\", \
         uri=\"{uri}\", response=\"{response}\""
    )
}
