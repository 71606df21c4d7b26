//! A reader.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long a test waits for what must happen at once.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Waits for `future`, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("this happens in time")
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[derive(Debug)]
enum Item {
    Response(Response),
    Frame(u8, Vec<u8>),
}

/// A connection to a server. Whatever it receives must be whole responses and whole frames.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) session: Option<String>,
    buffer: Vec<u8>,
    frames: VecDeque<(u8, Vec<u8>)>,
    url: String,
    cseq: u32,
    /// The nonce that it proves to be [`vms`](super::vms) with.
    nonce: Option<String>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(within(TcpStream::connect(address)).await.unwrap(), address)
    }

    /// A reader for whom the kernel keeps about so many bytes that it has not read yet.
    pub(crate) async fn with_buffer(address: SocketAddr, bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        Self::over(within(socket.connect(address)).await.unwrap(), address)
    }

    fn over(stream: TcpStream, address: SocketAddr) -> Self {
        Self {
            stream,
            session: None,
            buffer: Vec::new(),
            frames: VecDeque::new(),
            url: format!("rtsp://{address}/lobby/main"),
            cseq: 0,
            nonce: None,
        }
    }

    /// A reader that has logged in.
    pub(crate) async fn log_in(address: SocketAddr) -> Self {
        let mut client = Self::connect(address).await;
        let challenge = client.request("DESCRIBE", "", &[]).await;
        let (_, nonce) = challenge.head.split_once("nonce=\"").expect("a challenge");
        client.nonce = nonce.split('"').next().map(str::to_owned);
        assert_eq!(client.request("DESCRIBE", "", &[]).await.status, 200);
        client
    }

    /// A reader that plays over interleaved channels, and the answer to its PLAY.
    pub(crate) async fn play(address: SocketAddr, channels: &str) -> (Self, Response) {
        let mut client = Self::connect(address).await;
        let answer = client.play_over(channels).await;
        (client, answer)
    }

    /// Plays over interleaved channels. Gives the answer to PLAY.
    pub(crate) async fn play_over(&mut self, channels: &str) -> Response {
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels}");
        assert_eq!(self.request("SETUP", "/trackID=0", &[&transport]).await.status, 200);
        let answer = self.request("PLAY", "/", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.head);
        answer
    }

    pub(crate) async fn send(&mut self, method: &str, suffix: &str, headers: &[&str]) {
        self.cseq += 1;
        let session = self.session.iter().map(|id| format!("Session: {id}\r\n"));
        let headers = headers.iter().map(|header| format!("{header}\r\n"));
        let url = format!("{}{suffix}", self.url);
        let proof =
            self.nonce.iter().map(|nonce| format!("{}\r\n", super::proof(nonce, method, &url)));
        let headers: String = headers.chain(session).chain(proof).collect();
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.cseq);
        within(self.stream.write_all(request.as_bytes())).await.unwrap();
    }

    pub(crate) async fn request(
        &mut self,
        method: &str,
        suffix: &str,
        headers: &[&str],
    ) -> Response {
        self.send(method, suffix, headers).await;
        let response = within(self.response()).await.unwrap();
        assert_eq!(response.header("CSeq"), Some(self.cseq.to_string().as_str()));
        if let Some(session) = response.header("Session") {
            self.session = session.split(';').next().map(str::to_owned);
        }
        response
    }

    /// The next response; frames before it are kept.
    pub(crate) async fn response(&mut self) -> io::Result<Response> {
        loop {
            match self.item().await? {
                Item::Response(response) => return Ok(response),
                Item::Frame(channel, payload) => self.frames.push_back((channel, payload)),
            }
        }
    }

    /// The next interleaved frame.
    pub(crate) async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        if let Some(frame) = self.frames.pop_front() {
            return Ok(frame);
        }
        match self.item().await? {
            Item::Frame(channel, payload) => Ok((channel, payload)),
            Item::Response(response) => Err(io::Error::other(format!("{response:?}"))),
        }
    }

    /// The next frame on a channel; those on others are passed over.
    pub(crate) async fn frame_on(&mut self, channel: u8) -> Vec<u8> {
        // Reports that keep coming do not keep it waiting.
        within(async {
            loop {
                let (found, payload) = self.frame().await.unwrap();
                if found == channel {
                    return payload;
                }
            }
        })
        .await
    }

    /// The next frame on a channel; responses are taken note of as they come.
    pub(crate) async fn frame_on_or_response(&mut self, channel: u8) -> Vec<u8> {
        within(async {
            loop {
                match self.item().await.unwrap() {
                    Item::Frame(found, payload) if found == channel => return payload,
                    Item::Frame(..) => {}
                    Item::Response(response) => assert_eq!(response.status, 200),
                }
            }
        })
        .await
    }

    /// How many frames wait that were received before a response.
    pub(crate) fn waiting(&self) -> usize {
        self.frames.len()
    }

    /// Everything until the server closes the connection. Takes as long as it takes.
    pub(crate) async fn rest(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut frames: Vec<_> = self.frames.drain(..).collect();
        while let Ok(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }

    async fn item(&mut self) -> io::Result<Item> {
        loop {
            if let Some((item, used)) = parse(&self.buffer) {
                self.buffer.drain(..used);
                return Ok(item);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                assert!(self.buffer.is_empty(), "the connection ended within a frame");
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(Item, usize)> {
    if *bytes.first()? == b'$' {
        let length = usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
        let payload = bytes.get(4..4 + length)?;
        return Some((Item::Frame(bytes[1], payload.to_vec()), 4 + length));
    }
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap().to_owned();
    let status = text.strip_prefix("RTSP/1.0 ").expect("a response or a frame");
    let status = status.split(' ').next().unwrap().parse().unwrap();
    let mut response = Response { status, head: text, body: String::new() };
    let length = response.header("Content-Length").map_or(0, |length| length.parse().unwrap());
    let body = bytes.get(head..head + length)?;
    response.body = String::from_utf8(body.to_vec()).unwrap();
    Some((Item::Response(response), head + length))
}

/// The head of an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rtp {
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// The type of the NAL unit, or of its packet.
    pub(crate) nal_type: u8,
}

pub(crate) fn rtp(packet: &[u8]) -> Rtp {
    assert!(packet.len() > 12 && packet[0] == 0x80 && packet[1] & 0x7f == 96);
    let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
    Rtp {
        marker: packet[1] & 0x80 != 0,
        sequence: u16::from_be_bytes([packet[2], packet[3]]),
        timestamp: word(4),
        ssrc: word(8),
        nal_type: packet[12] & 0x1f,
    }
}
