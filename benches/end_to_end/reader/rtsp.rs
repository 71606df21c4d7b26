//! The least RTSP client (RFC 2326) that plays one video stream interleaved in its connection.
//!
//! It stamps what arrives the moment the kernel hands it over, and does nothing else with it: what
//! is measured is the server, not the client.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_picture::MonotonicTime;

const PATIENCE: Duration = Duration::from_secs(20);
/// How long one look for packets waits.
const LOOK: Duration = Duration::from_millis(100);
/// Servers end sessions of 60 seconds without a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// An RTP packet, and when its last byte came, in nanoseconds of the monotonic clock.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) at: u64,
}

struct Response {
    status: u16,
    head: String,
    body: String,
}

enum Message {
    Interleaved { channel: u8, bytes: Vec<u8> },
    Response(Response),
}

/// A connection.
pub(crate) struct Client {
    socket: TcpStream,
    url: String,
    /// What requests about the whole presentation name.
    base: String,
    track: String,
    session: Option<String>,
    number: u32,
    inbox: Vec<u8>,
    /// Bytes of the inbox that were taken out of it.
    taken: usize,
    stamp: u64,
    packets: VecDeque<Packet>,
    alive_at: Instant,
    parameter_sets: Vec<u8>,
}

impl Client {
    /// Connects to the host of `url` and sets its video stream up, so that it can be played.
    pub(crate) fn prepare(url: &str) -> anyhow::Result<Self> {
        let authority = url.strip_prefix("rtsp://").context("an rtsp URL")?;
        let authority = authority.split('/').next().unwrap_or_default();
        let socket = TcpStream::connect(authority).with_context(|| authority.to_owned())?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(LOOK))?;
        let mut client = Self {
            socket,
            url: url.to_owned(),
            base: url.to_owned(),
            track: String::new(),
            session: None,
            number: 0,
            inbox: Vec::new(),
            taken: 0,
            stamp: 0,
            packets: VecDeque::new(),
            alive_at: Instant::now(),
            parameter_sets: Vec::new(),
        };
        client.describe()?;
        let track = client.track.clone();
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        let response = client.request("SETUP", &track, transport)?;
        let session = response.field("Session").context("a session")?;
        client.session = Some(session.split(';').next().unwrap_or_default().to_owned());
        Ok(client)
    }

    /// Plays; gives the moment at which the request was sent.
    pub(crate) fn play(&mut self) -> anyhow::Result<u64> {
        let base = self.base.clone();
        let sent = now();
        self.request("PLAY", &base, "")?;
        Ok(sent)
    }

    /// SPS and PPS of the description, in Annex B form.
    pub(crate) fn parameter_sets(&self) -> &[u8] {
        &self.parameter_sets
    }

    /// The next RTP packet; `None` when none came for a while.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Packet>> {
        if self.alive_at.elapsed() > KEEP_ALIVE {
            let base = self.base.clone();
            self.send("GET_PARAMETER", &base, "")?;
        }
        while self.packets.is_empty() {
            match self.take_message() {
                Some(Message::Interleaved { channel: 0, bytes }) => {
                    self.packets.push_back(Packet { bytes, at: self.stamp });
                }
                Some(_) => {}
                None if self.fill()? => {}
                None => return Ok(None),
            }
        }
        Ok(self.packets.pop_front())
    }

    fn describe(&mut self) -> anyhow::Result<()> {
        let url = self.url.clone();
        let response = self.request("DESCRIBE", &url, "Accept: application/sdp\r\n")?;
        if let Some(base) = response.field("Content-Base") {
            self.base = base.to_owned();
        }
        let media = response.body.split("\nm=").find(|media| media.starts_with("video"));
        let media = media.context("a video stream")?;
        let attribute = |name: &str| {
            media.lines().find_map(|line| line.trim().strip_prefix("a=")?.strip_prefix(name))
        };
        let control = attribute("control:").context("a control URL")?;
        self.track = match control {
            "*" => self.base.clone(),
            absolute if absolute.starts_with("rtsp://") => absolute.to_owned(),
            relative => format!("{}/{relative}", self.base.trim_end_matches('/')),
        };
        let sets = attribute("fmtp:").and_then(|f| f.split_once("sprop-parameter-sets="));
        let sets = sets.map_or("", |(_, sets)| sets.split(';').next().unwrap_or_default());
        for set in sets.split(',').filter(|set| !set.is_empty()) {
            self.parameter_sets.extend_from_slice(&[0, 0, 0, 1]);
            let set = STANDARD.decode(set.trim()).context("parameter sets in base 64")?;
            self.parameter_sets.extend(set);
        }
        Ok(())
    }

    fn request(&mut self, method: &str, url: &str, fields: &str) -> anyhow::Result<Response> {
        self.send(method, url, fields)?;
        let end = Instant::now() + PATIENCE;
        loop {
            match self.take_message() {
                Some(Message::Response(response)) => {
                    ensure!(response.status == 200, "{method} {url}: {}", response.status);
                    return Ok(response);
                }
                Some(Message::Interleaved { channel: 0, bytes }) => {
                    self.packets.push_back(Packet { bytes, at: self.stamp });
                }
                Some(Message::Interleaved { .. }) => {}
                None => {
                    self.fill()?;
                    ensure!(Instant::now() < end, "{method} {url}: no answer");
                }
            }
        }
    }

    fn send(&mut self, method: &str, url: &str, fields: &str) -> anyhow::Result<()> {
        self.number += 1;
        let session = self.session.as_ref().map_or(String::new(), |s| format!("Session: {s}\r\n"));
        let number = self.number;
        let text = format!("{method} {url} RTSP/1.0\r\nCSeq: {number}\r\n{session}{fields}\r\n");
        self.alive_at = Instant::now();
        self.socket.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Reads what is there; false when nothing came for a while.
    fn fill(&mut self) -> anyhow::Result<bool> {
        let mut chunk = [0; 128 * 1024];
        let read = self.socket.read(&mut chunk);
        self.stamp = now();
        match read {
            Ok(0) => bail!("the server closed the connection"),
            Ok(read) => {
                self.inbox.drain(..std::mem::take(&mut self.taken));
                self.inbox.extend_from_slice(&chunk[..read]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take_message(&mut self) -> Option<Message> {
        let inbox = &self.inbox[self.taken..];
        match inbox {
            [b'$', channel, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let (channel, bytes) = (*channel, rest.get(..length)?.to_vec());
                self.taken += 4 + length;
                Some(Message::Interleaved { channel, bytes })
            }
            [] | [b'$', ..] => None,
            _ => {
                let end = inbox.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
                let head = String::from_utf8_lossy(&inbox[..end]).into_owned();
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
                let mut response =
                    Response { status: status.unwrap_or(0), head, body: String::new() };
                let length = response.field("Content-Length").and_then(|l| l.parse().ok());
                let length = length.unwrap_or(0);
                let body = inbox.get(end..end + length)?;
                response.body = String::from_utf8_lossy(body).into_owned();
                self.taken += end + length;
                Some(Message::Response(response))
            }
        }
    }
}

impl Response {
    fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }
}

/// Nanoseconds of the monotonic clock, which all processes of the host share.
pub(crate) fn now() -> u64 {
    MonotonicTime::now().as_nanos()
}
