//! As much of an RTSP client (RFC 2326) as plays one stream.

use std::net::{Ipv4Addr, UdpSocket as StdUdpSocket};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::bare;
use crate::options::Transport;

/// What is read at once.
const READ_LEN: usize = 64 << 10;
const MAX_DATAGRAM: usize = 2048;
const PAIR_ATTEMPTS: usize = 200;

/// A session that plays.
pub(crate) struct Session {
    stream: TcpStream,
    received: Vec<u8>,
    /// The next request's number.
    number: u32,
    datagrams: Option<Pair>,
    /// When PLAY was sent.
    pub(crate) asked: Instant,
}

/// The reader's UDP sockets. What comes to the second is not looked at.
struct Pair {
    rtp: UdpSocket,
    _rtcp: StdUdpSocket,
    port: u16,
}

struct Response {
    head: String,
    body: String,
}

impl Session {
    pub(crate) async fn play(url: &str, transport: Transport) -> anyhow::Result<Self> {
        if let Some(address) = url.strip_prefix(bare::SCHEME) {
            return Self::bare(address.trim_end_matches('/'), transport).await;
        }
        let rest = url.strip_prefix("rtsp://").context("an rtsp URL")?;
        let (address, _) = rest.split_once('/').context("a path")?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let datagrams = (transport == Transport::Udp).then(Pair::bind).transpose()?;
        let mut session =
            Self { stream, received: Vec::new(), number: 0, datagrams, asked: Instant::now() };
        let described = session.ask("DESCRIBE", url, "Accept: application/sdp\r\n").await?;
        let base = described.header("Content-Base").unwrap_or(url).trim_end_matches('/');
        let control = described.control().context("no control attribute")?;
        let track = match control.starts_with("rtsp://") {
            true => control.to_owned(),
            false => format!("{base}/{control}"),
        };
        let wanted = match &session.datagrams {
            None => "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n".to_owned(),
            Some(Pair { port, .. }) => {
                format!("Transport: RTP/AVP;unicast;client_port={port}-{}\r\n", port + 1)
            }
        };
        let set_up = session.ask("SETUP", &track, &wanted).await?;
        let id = set_up.header("Session").context("no session")?;
        let id = id.split(';').next().unwrap_or(id).to_owned();
        session.asked = Instant::now();
        session.ask("PLAY", base, &format!("Session: {id}\r\nRange: npt=0.000-\r\n")).await?;
        Ok(session)
    }

    /// Without RTSP: see [`bare`].
    async fn bare(address: &str, transport: Transport) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let datagrams = (transport == Transport::Udp).then(Pair::bind).transpose()?;
        let port = datagrams.as_ref().map_or(0, |pair| pair.port);
        stream.write_all(format!("{port}\n").as_bytes()).await?;
        Ok(Self { stream, received: Vec::new(), number: 0, datagrams, asked: Instant::now() })
    }

    /// Hands every RTP packet to `take`, until it has had enough.
    pub(crate) async fn read(&mut self, mut take: impl FnMut(&[u8]) -> bool) -> anyhow::Result<()> {
        if let Some(pair) = &self.datagrams {
            let mut datagram = [0; MAX_DATAGRAM];
            loop {
                let length = tokio::select! {
                    received = pair.rtp.recv(&mut datagram) => received?,
                    closed = self.stream.read_u8() => {
                        closed.context("the server closed the connection")?;
                        continue;
                    }
                };
                if !take(&datagram[..length]) {
                    return Ok(());
                }
            }
        }
        loop {
            let mut at = 0;
            while let Some((channel, payload, after)) = frame(&self.received[at..])? {
                if channel == 0 && !take(payload) {
                    return Ok(());
                }
                at += after;
            }
            self.received.drain(..at);
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        self.received.reserve(READ_LEN);
        ensure!(
            self.stream.read_buf(&mut self.received).await? > 0,
            "the server closed the connection"
        );
        Ok(())
    }

    async fn ask(&mut self, method: &str, url: &str, headers: &str) -> anyhow::Result<Response> {
        self.number += 1;
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.number);
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            // The peer sends packets before it answers PLAY. They are of no picture that counts.
            while let Some((_, _, after)) = frame(&self.received).ok().flatten() {
                self.received.drain(..after);
            }
            if let Some((response, after)) = response(&self.received)? {
                self.received.drain(..after);
                ensure!(response.head.starts_with("RTSP/1.0 200"), "{method}: {}", response.head);
                return Ok(response);
            }
            self.fill().await?;
        }
    }
}

/// The interleaved frame at the front (RFC 2326 §10.12): channel, payload, and its whole length.
fn frame(received: &[u8]) -> anyhow::Result<Option<(u8, &[u8], usize)>> {
    let [mark, channel, high, low, rest @ ..] = received else { return Ok(None) };
    ensure!(*mark == b'$', "neither a frame nor an answer");
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Ok(rest.get(..length).map(|payload| (*channel, payload, 4 + length)))
}

fn response(received: &[u8]) -> anyhow::Result<Option<(Response, usize)>> {
    if received.first() == Some(&b'$') {
        return Ok(None);
    }
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8(received[..end].to_vec())?;
    let mut response = Response { head, body: String::new() };
    let length = response.header("Content-Length").map_or(Ok(0), str::parse::<usize>)?;
    let begin = end + 4;
    let Some(body) = received.get(begin..begin + length) else { return Ok(None) };
    response.body = String::from_utf8(body.to_vec())?;
    Ok(Some((response, begin + length)))
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// That of the first stream.
    fn control(&self) -> Option<&str> {
        let (_, stream) = self.body.split_once("m=video")?;
        stream.lines().find_map(|line| line.strip_prefix("a=control:"))
    }
}

impl Pair {
    fn bind() -> anyhow::Result<Self> {
        for _ in 0..PAIR_ATTEMPTS {
            let rtp = StdUdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            if let Ok(rtcp) = StdUdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)) {
                rtp.set_nonblocking(true)?;
                return Ok(Self { rtp: UdpSocket::from_std(rtp)?, _rtcp: rtcp, port });
            }
        }
        bail!("no pair of ports")
    }
}
