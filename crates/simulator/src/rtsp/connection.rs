//! The shell around a session: one socket, its requests, its pictures.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Buf as _, BytesMut};
use rtsp_types::{Message, ParseError, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::player::Player;
use super::server::Shared;
use super::session::{Reply, Session, Then};
use crate::hub::AccessUnit;
use crate::script::Script;

/// The longest request, head and body, in bytes.
const MAX_REQUEST: usize = 64 * 1024;
/// What an endless body is made of: attribute lines that say nothing.
const FILLER: &[u8] = b"a=filler:0123456789abcdef0123456789abcdef0123456789abcdef\r\n";

/// Serves one connection to its end.
///
/// # Errors
/// When the client goes away other than by closing.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?.ip();
    let session = Session::new(Arc::clone(&shared), local).map_err(io::Error::other)?;
    let (reader, writer) = stream.split();
    let mut connection = Connection { shared, session, writer, player: None, sent: 0 };
    connection.run(reader).await
}

struct Connection<'a> {
    shared: Arc<Shared>,
    session: Session,
    writer: WriteHalf<'a>,
    player: Option<Player>,
    /// Access units sent.
    sent: u32,
}

impl Connection<'_> {
    async fn run(&mut self, mut reader: ReadHalf<'_>) -> io::Result<()> {
        let mut buffer = BytesMut::new();
        loop {
            tokio::select! {
                read = reader.read_buf(&mut buffer) => {
                    if read? == 0 || !self.requests(&mut buffer).await? {
                        return Ok(());
                    }
                }
                unit = next(&mut self.player) => match unit {
                    Some(unit) => if !self.send(&unit).await? {
                        return Ok(());
                    },
                    None => self.player = None,
                }
            }
        }
    }

    /// Answers all requests in `buffer`; `false` when the connection is to end.
    async fn requests(&mut self, buffer: &mut BytesMut) -> io::Result<bool> {
        loop {
            let reply = match next_request(buffer) {
                Ok(None) => return Ok(true),
                _ if self.shared.script == Script::Silence => continue,
                Ok(Some(request)) => self.session.handle(&request),
                Err(NotRtsp) => Session::bad_request(),
            };
            if !self.carry_out(reply).await? {
                return Ok(false);
            }
        }
    }

    async fn carry_out(&mut self, reply: Reply) -> io::Result<bool> {
        let delay = self.shared.script.delay();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.writer.write_all(&reply.bytes).await?;
        match reply.then {
            Then::Continue => {}
            Then::Play(start) => {
                let codec = self.shared.description.as_ref().map(|description| description.codec);
                let subscription = self.shared.hub.subscribe();
                let plant = self.shared.plant.clone();
                self.player = codec.map(|codec| Player::new(subscription, codec, start, plant));
            }
            Then::Pause => self.player = None,
            Then::Close => return Ok(false),
            Then::Filler => {
                let filler = FILLER.repeat(1000);
                loop {
                    self.writer.write_all(&filler).await?;
                }
            }
        }
        Ok(true)
    }

    /// Sends an access unit, unless the script is against it; `false` when the connection is to
    /// end.
    async fn send(&mut self, unit: &AccessUnit) -> io::Result<bool> {
        match self.shared.script {
            Script::CloseAfter { pictures } if self.sent >= pictures => return Ok(false),
            Script::StallAfter { pictures } if self.sent >= pictures => {
                self.player = None;
                return Ok(true);
            }
            _ => {}
        }
        let Some(player) = &mut self.player else { return Ok(true) };
        let packets = player.packets(unit).map_err(io::Error::other)?;
        self.writer.write_all(&packets).await?;
        if let Some(log) = &self.shared.sent_log {
            log.record(&self.shared.name, unit.counter)?;
        }
        self.sent = self.sent.saturating_add(1);
        self.shared.counters.pictures.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }
}

/// Waits for ever without a player.
async fn next(player: &mut Option<Player>) -> Option<Arc<AccessUnit>> {
    match player {
        Some(player) => player.next().await,
        None => std::future::pending().await,
    }
}

struct NotRtsp;

/// Takes the next request from the front of `buffer`, when it is complete.
fn next_request(buffer: &mut BytesMut) -> Result<Option<Request<Vec<u8>>>, NotRtsp> {
    loop {
        match buffer.as_ref() {
            // The receiver reports of an interleaved client.
            [b'$', _, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if rest.len() < length {
                    return Ok(None);
                }
                buffer.advance(4 + length);
            }
            [] | [b'$', ..] => return Ok(None),
            [b'\r' | b'\n', ..] => buffer.advance(1),
            _ => break,
        }
    }
    if buffer.len() > MAX_REQUEST {
        return Err(NotRtsp);
    }
    if !buffer.windows(4).any(|window| window == b"\r\n\r\n") {
        return Ok(None);
    }
    match Message::parse(buffer.as_ref()) {
        Ok((Message::Request(request), length)) => {
            buffer.advance(length);
            Ok(Some(request))
        }
        Err(ParseError::Incomplete(_)) => Ok(None),
        Ok(_) | Err(ParseError::Error) => {
            buffer.clear();
            Err(NotRtsp)
        }
    }
}

#[cfg(test)]
mod tests {
    use rtsp_types::Method;

    use super::*;

    #[test]
    fn finds_requests_between_interleaved_packets() {
        let bytes = b"$\x01\0\x02xx\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x01\0\x03abcPLAY";
        let mut buffer = BytesMut::from(&bytes[..]);
        let Ok(Some(request)) = next_request(&mut buffer) else { panic!("no request") };
        assert_eq!(*request.method(), Method::Options);
        assert!(matches!(next_request(&mut buffer), Ok(None)));
        assert_eq!(buffer.as_ref(), b"PLAY");
    }

    #[test]
    fn waits_for_the_rest_and_refuses_what_is_no_request() {
        let next = |bytes: &[u8]| next_request(&mut BytesMut::from(bytes));
        assert!(matches!(next(b"$\x01\0\x02x"), Ok(None)));
        assert!(matches!(next(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n"), Ok(None)));
        assert!(matches!(next(b"X rtsp://h/ RTSP/1.0\r\nContent-Length: 9\r\n\r\n1"), Ok(None)));
        assert!(next(b"GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(next(b"RTSP/1.0 200 OK\r\n\r\n").is_err());
        assert!(next(&vec![b'x'; MAX_REQUEST + 1]).is_err());
    }
}
