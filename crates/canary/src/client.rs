//! The least RTSP reader (RFC 2326) and HTTP client, which keep every byte they are sent.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::capture::{deinterleave, header, message_length, payload};
use crate::connection::{Connection, PATIENCE, Wire};
use crate::{Capture, Kind};

/// The most that is kept of one connection, in bytes.
const MOST_KEPT: usize = 64 * 1024 * 1024;

/// How packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// In datagrams.
    Udp,
    /// Interleaved in an RTSP connection within HTTP.
    Tunnel,
}

/// What a reader saw.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Everything it was sent.
    pub captures: Vec<Capture>,
    /// The status code of the first request that was refused; 200 where all went well.
    pub status: u16,
    /// RTP packets among it.
    pub packets: usize,
}

/// Why a reader saw nothing.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The network.
    #[error("{address}: {source}")]
    Io {
        /// The server.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server's answer is no RTSP, or lacks what a reader needs.
    #[error("{address}: {method}: expected {expected}")]
    Protocol {
        /// The server.
        address: SocketAddr,
        /// The request.
        method: &'static str,
        /// What its answer lacks.
        expected: &'static str,
    },
}

/// Plays `path` (such as `lobby/main`) from the server at `address` until `done` says so, which is
/// given the RTP packets so far and the time it has played. A refusal ends it early, and is no error.
///
/// # Errors
/// When the server does not answer or makes no sense.
pub fn watch(
    address: SocketAddr,
    path: &str,
    transport: Transport,
    done: impl FnMut(usize, Duration) -> bool,
) -> Result<Watched, WatchError> {
    let connected = match transport {
        Transport::Tcp => Connection::clear(address, "TCP"),
        Transport::Udp => Connection::clear(address, "UDP"),
        Transport::Tunnel => Connection::tunnel(address, path),
    };
    let connection = connected.map_err(|source| WatchError::Io { address, source })?;
    watch_through(connection, path, transport == Transport::Udp, done)
}

/// As [`watch`], through a connection that is there already; packets come in it, or as `datagrams`.
///
/// # Errors
/// As [`watch`].
pub fn watch_through(
    connection: Connection,
    path: &str,
    datagrams: bool,
    mut done: impl FnMut(usize, Duration) -> bool,
) -> Result<Watched, WatchError> {
    let address = connection.address;
    let name = format!("{path} over {}", connection.how);
    let url = format!("{}://{address}/{path}", connection.scheme);
    let mut reader = Reader::new(connection);
    let refused = |reader: Reader, status| Watched {
        captures: vec![Capture::new(name.clone(), Kind::Rtsp(reader.kept))],
        status,
        packets: 0,
    };
    reader.request("OPTIONS", &url, "")?;
    let (status, head, body) = reader.request("DESCRIBE", &url, "Accept: application/sdp\r\n")?;
    if status != 200 {
        return Ok(refused(reader, status));
    }
    let base = header(&head, "content-base").unwrap_or(url);
    let track = track(&body, &base);
    let sockets = datagrams
        .then(|| Datagrams::bind(address.ip()))
        .transpose()
        .map_err(|error| reader.failed(error))?;
    let wanted = match &sockets {
        None => "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n".to_owned(),
        Some(Datagrams { port, .. }) => {
            format!("Transport: RTP/AVP;unicast;client_port={port}-{}\r\n", port + 1)
        }
    };
    let (status, head, _) = reader.request("SETUP", &track, &wanted)?;
    if status != 200 {
        return Ok(refused(reader, status));
    }
    let session = header(&head, "session").ok_or_else(|| reader.lacks("SETUP", "a session"))?;
    reader.session = session.split(';').next().map(str::to_owned);
    let (status, _, _) = reader.request("PLAY", &base, "Range: npt=0.000-\r\n")?;
    if status != 200 {
        return Ok(refused(reader, status));
    }

    let start = Instant::now();
    let mut datagrams = [Vec::new(), Vec::new()];
    let mut sockets = sockets;
    let mut counted = (0, 0);
    let open = loop {
        // A server that ends the session is done, too.
        let open = reader.look()?;
        let packets = match &mut sockets {
            None => {
                counted = count(&reader.kept, counted);
                counted.1
            }
            Some(sockets) => {
                sockets.drain(&mut datagrams).map_err(|e| reader.failed(e))?;
                datagrams[0].len()
            }
        };
        if !open || done(packets, start.elapsed()) || reader.kept.len() > MOST_KEPT {
            counted.1 = packets;
            break open;
        }
    };
    if open {
        // It may close the connection at any time: what it said until then is kept.
        let answered = reader.request("GET_PARAMETER", &base, "").is_ok();
        let _ = answered && reader.request("TEARDOWN", &base, "").is_ok();
    }
    let mut captures = vec![Capture::new(name.clone(), Kind::Rtsp(reader.kept))];
    if sockets.is_some() {
        let [rtp, rtcp] = datagrams;
        captures.push(Capture::new(format!("{name}, RTP"), Kind::Packets(rtp)));
        captures.push(Capture::new(format!("{name}, RTCP"), Kind::Packets(rtcp)));
    }
    Ok(Watched { captures, status: 200, packets: counted.1 })
}

/// Sends `request` to `address`, and keeps what comes until the server closes the connection or has
/// been silent for a while.
///
/// # Errors
/// When it cannot be reached.
pub fn ask(address: SocketAddr, name: &str, request: &[u8]) -> Result<Capture, WatchError> {
    let connected = Connection::clear(address, "TCP");
    let mut reader = Reader::new(connected.map_err(|source| WatchError::Io { address, source })?);
    reader.wire.write_all(request).map_err(|error| reader.failed(error))?;
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end && reader.look()? {
        let whole = message_length(&reader.kept);
        if whole.is_some_and(|length| length <= reader.kept.len()) {
            break;
        }
    }
    Ok(Capture::new(name, Kind::Bytes(reader.kept)))
}

/// The body of an HTTP GET; the whole answer is in the capture.
///
/// # Errors
/// When the server cannot be reached.
pub fn get(address: SocketAddr, path: &str) -> Result<(u16, String, Capture), WatchError> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let capture = ask(address, &format!("HTTP {path}"), request.as_bytes())?;
    let Kind::Bytes(bytes) = &capture.kind else { return Ok((0, String::new(), capture)) };
    let text = String::from_utf8_lossy(bytes);
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Ok((status, body, capture))
}

struct Reader {
    address: SocketAddr,
    wire: Box<dyn Wire>,
    /// Header lines of each request.
    fields: String,
    session: Option<String>,
    number: u32,
    kept: Vec<u8>,
}

impl Reader {
    fn new(connection: Connection) -> Self {
        let Connection { address, wire, fields, kept, .. } = connection;
        Self { address, wire, fields, session: None, number: 0, kept }
    }

    const fn failed(&self, source: io::Error) -> WatchError {
        WatchError::Io { address: self.address, source }
    }

    const fn lacks(&self, method: &'static str, expected: &'static str) -> WatchError {
        WatchError::Protocol { address: self.address, method, expected }
    }

    /// Status, head and body of the answer.
    fn request(
        &mut self,
        method: &'static str,
        url: &str,
        fields: &str,
    ) -> Result<(u16, Vec<u8>, String), WatchError> {
        self.number += 1;
        let (number, before) = (self.number, self.kept.len());
        let session = self.session.as_ref().map_or(String::new(), |s| format!("Session: {s}\r\n"));
        let own = &self.fields;
        let text =
            format!("{method} {url} RTSP/1.0\r\nCSeq: {number}\r\n{own}{session}{fields}\r\n");
        self.wire.write_all(text.as_bytes()).map_err(|error| self.failed(error))?;
        let end = Instant::now() + PATIENCE;
        loop {
            let open = self.look()?;
            if let Some(answer) = answer(&self.kept[before..], number) {
                return Ok(answer);
            }
            if !open || Instant::now() > end {
                return Err(self.lacks(method, "an answer in time"));
            }
        }
    }

    /// Keeps what is there; false once the server has closed the connection.
    fn look(&mut self) -> Result<bool, WatchError> {
        let mut chunk = [0; 64 * 1024];
        match self.wire.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(read) => {
                self.kept.extend_from_slice(&chunk[..read]);
                Ok(true)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(true),
                ErrorKind::ConnectionReset => Ok(false),
                _ => Err(self.failed(error)),
            },
        }
    }
}

/// Finds the answer with this number among packets. `kept` may begin in the middle of one.
fn answer(kept: &[u8], number: u32) -> Option<(u16, Vec<u8>, String)> {
    let mut from = 0;
    loop {
        let at = from + kept[from..].windows(9).position(|window| window == b"RTSP/1.0 ")?;
        let message = &kept[at..];
        let end = message.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let (head, body) = message.split_at(end);
        if header(head, "cseq").and_then(|value| value.parse().ok()) == Some(number) {
            let body = body.get(..message_length(message)? - end)?;
            let status = String::from_utf8_lossy(head).split(' ').nth(1)?.parse().ok()?;
            return Some((status, head.to_vec(), String::from_utf8_lossy(body).into_owned()));
        }
        from = at + 9;
    }
}

/// Where the next message begins that was not counted yet, and the RTP packets before it.
fn count(kept: &[u8], (mut from, mut packets): (usize, usize)) -> (usize, usize) {
    loop {
        let length = match &kept[from..] {
            [b'$', _, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            [] | [b'$', ..] => return (from, packets),
            rest => match message_length(rest) {
                Some(length) => length,
                None => return (from, packets),
            },
        };
        let Some(message) = kept.get(from..from + length) else { return (from, packets) };
        let (_, channels) = deinterleave(message);
        packets += channels.iter().flat_map(|(_, p)| p).filter(|p| payload(p).is_some()).count();
        from += length;
    }
}

/// The URL of the first media of a description.
fn track(sdp: &str, base: &str) -> String {
    let media = sdp.split("\nm=").nth(1).unwrap_or_default();
    let control = media.lines().find_map(|line| line.trim().strip_prefix("a=control:"));
    match control {
        None | Some("*") => base.to_owned(),
        Some(absolute) if absolute.contains("://") => absolute.to_owned(),
        Some(relative) => format!("{}/{relative}", base.trim_end_matches('/')),
    }
}

struct Datagrams {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    port: u16,
}

impl Datagrams {
    /// Two neighbouring ports, the first one even (RFC 3550 §11).
    fn bind(server: IpAddr) -> io::Result<Self> {
        let local: IpAddr = if server.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
        for _ in 0..100 {
            let first = UdpSocket::bind((local, 0))?;
            let port = first.local_addr()?.port();
            if !port.is_multiple_of(2) || port == u16::MAX - 1 {
                continue;
            }
            let Ok(rtcp) = UdpSocket::bind((local, port + 1)) else { continue };
            first.set_nonblocking(true)?;
            rtcp.set_nonblocking(true)?;
            return Ok(Self { rtp: first, rtcp, port });
        }
        Err(io::Error::from(ErrorKind::AddrInUse))
    }

    fn drain(&mut self, kept: &mut [Vec<Vec<u8>>; 2]) -> io::Result<()> {
        let mut datagram = [0; 65536];
        for (socket, kept) in [&self.rtp, &self.rtcp].into_iter().zip(kept) {
            loop {
                match socket.recv(&mut datagram) {
                    Ok(length) => kept.push(datagram[..length].to_vec()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_answer_among_packets_and_older_answers() {
        let kept = b"xx$\0\0\x02abRTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n$\0\0\x01zRTSP/1.0 404 Not\r\n\
            CSeq: 2\r\ncontent-length: 2\r\n\r\nhi$\0";
        let (status, _, body) = answer(kept, 2).unwrap();
        assert_eq!((status, body.as_str()), (404, "hi"));
        assert!(answer(kept, 3).is_none());
        assert!(answer(&kept[..kept.len() - 3], 2).is_none());
    }

    #[test]
    fn counts_packets_once() {
        let packet = [&b"$\0\0\x0e\x80\x60"[..], &[0; 12]].concat();
        let kept = [&b"RTSP/1.0 200 OK\r\n\r\n"[..], &packet, &packet, &packet[..9]].concat();
        let first = count(&kept, (0, 0));
        assert_eq!(first.1, 2);
        assert_eq!(count(&kept, first).1, 2);
        let whole = [&kept[..], &packet[9..]].concat();
        assert_eq!(count(&whole, first).1, 3);
    }

    #[test]
    fn knows_the_track_of_a_description() {
        let sdp = |control: &str| format!("v=0\r\nm=video 0 RTP/AVP 96\r\na=control:{control}\r\n");
        assert_eq!(track(&sdp("t=0"), "rtsp://h/p/"), "rtsp://h/p/t=0");
        assert_eq!(track(&sdp("*"), "rtsp://h/p"), "rtsp://h/p");
        assert_eq!(track(&sdp("rtsp://h/x"), "rtsp://h/p"), "rtsp://h/x");
    }
}
