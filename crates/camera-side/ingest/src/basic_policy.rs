//! Holding the promise that HTTP Basic is not answered unless the configuration allows it.
//!
//! retina answers whatever a camera asks for, in the same breath as it reads it. So, before retina
//! reads an answer of a camera, we do: retina's future is polled only until its request is written,
//! then the answer is *peeked* at on a second handle of the same socket, and only if it asks for no
//! Basic does retina go on to read the very same bytes.
//!
//! What makes this tight:
//! - The request's future gets a budget of exactly as many I/O operations as connecting and writing
//!   take ([`advance`](crate::operations::advance)), so that it cannot read, however early the camera sends.
//! - The peeked bytes are the first that retina will read, and they are read with retina's own
//!   parser and with the crate that it chooses a scheme with. There is no second opinion to differ.
//! - A session answers one challenge in its life; a second 401 is an error. So an answer that asks
//!   for Digest settles it.
//! - After one that asks for nothing the next might. So a [`Gate`] has every answer looked at, up to
//!   PLAY's: after that a session does not answer challenges any more. What retina has read beyond
//!   an answer cannot be looked at, so it must have read nothing beyond: what it took off the socket
//!   is counted, and a camera that answers before it is asked is not asked.
//!
//! All that on one connection: a worker gets no other.

use std::future::Future;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::pin::pin;

use cofferdam_jail::bytes_received;
use cofferdam_picture_ring::Fault;
use http_auth::PasswordClient;
use retina::rtsp::msg::{Message, StatusCode};
use retina::rtsp::parse::{FeedError, Parser};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::classify::request_fault;
use crate::limits::Limits;
use crate::operations::{Progress, Ungoverned, advance};

/// Bytes of an answer that are looked at: more than challenges have.
const MOST_PEEKED: usize = Limits::SHIPPED.first_answer;
/// What a camera's first answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Nothing: it is no 401, or ends the session whatever it is.
    Nothing,
    /// A digest of the password, which retina will answer.
    Digest,
    /// The password itself.
    Basic,
    /// A scheme that retina does not answer.
    Unknown,
}

/// The first answer on a socket, looked at before retina read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstAnswer {
    /// What it asks for.
    pub(crate) challenge: Challenge,
    /// The challenges in the camera's words: to be shown escaped by the probe and nowhere else.
    pub(crate) offered: String,
    /// Where it ends, in bytes from the first that was not read.
    length: usize,
    /// Line ends behind it, which mean nothing.
    padding: usize,
}

/// Why a first answer was not looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    /// The socket does not take part.
    #[error("the camera's socket cannot be looked at")]
    Socket(#[from] std::io::Error),
    /// The answer is larger than any description.
    #[error("a longer answer than any description is")]
    Large,
}

/// Waits until the first answer on `socket` is there as a whole, and looks at it without taking it.
///
/// The caller bounds the wait, and `most` the bytes.
pub(crate) async fn first_answer(socket: OwnedFd, most: usize) -> Result<FirstAnswer, LookError> {
    // Already non-blocking: that is a property of the socket, not of the handle.
    let socket = TcpStream::from_std(std::net::TcpStream::from(socket))?;
    let mut bytes = vec![0; most];
    loop {
        // What is ready is asked before looking: at the end of the stream all of it is there to see.
        let ready = socket.ready(Interest::READABLE).await?;
        match rustix::net::recv(&socket, &mut bytes[..], RecvFlags::PEEK) {
            Ok((_, length)) => match judge(&bytes[..length]) {
                Some(answer) => return Ok(answer),
                None if length == bytes.len() => return Err(LookError::Large),
                // Half an answer and no more to come: retina shall find that for itself.
                None if length == 0 || ready.is_read_closed() => {
                    return Ok(FirstAnswer::of(Challenge::Nothing, &bytes[..length], &[]));
                }
                None => {}
            },
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(LookError::Socket(error.into())),
        }
        // Readiness is told once for each arrival: more bytes wake this again.
        let _ = socket.try_io(Interest::READABLE, || -> Result<(), std::io::Error> {
            Err(ErrorKind::WouldBlock.into())
        });
    }
}

impl FirstAnswer {
    /// The answer at the beginning of `bytes`, with `rest` behind it.
    fn of(challenge: Challenge, bytes: &[u8], rest: &[u8]) -> Self {
        let padding = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let length = bytes.len() - rest.len();
        Self { challenge, offered: String::new(), length, padding }
    }
}

/// Has retina's requests answered one by one, each answer looked at before retina may read it.
#[derive(Debug)]
pub(crate) struct Gate {
    /// A second handle on retina's socket.
    socket: OwnedFd,
    /// How many bytes retina may have read, from the connection's beginning.
    read: RangeInclusive<u64>,
    settled: bool,
}

impl Gate {
    /// A gate after `answer`, the connection's first.
    pub(crate) fn after(socket: OwnedFd, answer: &FirstAnswer) -> Self {
        let mut gate = Self { socket, read: 0..=0, settled: false };
        gate.note(0, answer);
        gate
    }

    /// Lets `request`, a future of retina's that writes one request, have its answer.
    ///
    /// The caller bounds the wait.
    ///
    /// # Errors
    /// What retina says, or [`Fault::BasicNotAllowed`], or what keeps the answer from being looked at.
    pub(crate) async fn ask<T>(
        &mut self,
        request: impl Future<Output = Result<T, retina::Error>>,
    ) -> Result<T, Fault> {
        let mut request = pin!(request);
        if !self.settled {
            let read = taken(&self.socket)?;
            if !self.read.contains(&read) {
                return Err(Fault::ProtocolViolation);
            }
            match advance(request.as_mut(), 1).await {
                Ok(Progress::Reached) => {}
                Ok(Progress::Done(Err(error))) => return Err(request_fault(&error)),
                // An answer to nothing, or operations that are not counted.
                Ok(Progress::Done(Ok(_))) | Err(Ungoverned) => return Err(Fault::WorkerSetup),
            }
            let handle = self.socket.try_clone().map_err(|_| Fault::WorkerSetup)?;
            let answer =
                first_answer(handle, MOST_PEEKED).await.map_err(|_| Fault::ProtocolViolation)?;
            if answer.challenge == Challenge::Basic {
                return Err(Fault::BasicNotAllowed);
            }
            self.note(read, &answer);
        }
        request.await.map_err(|error| request_fault(&error))
    }

    /// An answer that is to be read when `read` bytes have been.
    fn note(&mut self, read: u64, answer: &FirstAnswer) {
        self.settled = answer.challenge == Challenge::Digest;
        let end = read + answer.length as u64;
        self.read = end..=end + answer.padding as u64;
    }
}

/// How many bytes of a connection have been read, by whoever reads it.
fn taken(socket: &OwnedFd) -> Result<u64, Fault> {
    let mut bytes = vec![0; MOST_PEEKED];
    let arrived = || bytes_received(socket).map_err(|_| Fault::WorkerSetup);
    // Again if something arrived meanwhile. While nobody reads, that has an end.
    loop {
        let before = arrived()?;
        let unread = match rustix::net::recv(socket, &mut bytes[..], RecvFlags::PEEK) {
            Ok((_, 0)) => return Err(Fault::ConnectionLost),
            Ok((_, unread)) if unread < bytes.len() => unread as u64,
            Ok(_) => return Err(Fault::ProtocolViolation),
            Err(Errno::AGAIN) => 0,
            Err(_) => return Err(Fault::ConnectionLost),
        };
        if arrived()? == before {
            return before.checked_sub(unread).ok_or(Fault::WorkerSetup);
        }
    }
}

/// What the first answer in `bytes` asks for, or `None` when it is not there as a whole.
fn judge(bytes: &[u8]) -> Option<FirstAnswer> {
    let mut parser = Parser::default();
    let mut rest = bytes;
    loop {
        let response = match parser.feed(&mut rest) {
            Ok(Some((Message::Response(response), _))) => response,
            // retina passes over interleaved data.
            Ok(Some((Message::Data(_), _))) => continue,
            // retina ends the session on these before it answers anything.
            Ok(Some((Message::Request(_), _))) | Err(FeedError::Invalid(_)) => {
                return Some(FirstAnswer::of(Challenge::Nothing, bytes, rest));
            }
            Ok(None) | Err(FeedError::Incomplete(_)) => return None,
        };
        if response.status_code != StatusCode::UNAUTHORIZED {
            return Some(FirstAnswer::of(Challenge::Nothing, bytes, rest));
        }
        let Some(offered) = response.headers.get("WWW-Authenticate") else {
            return Some(FirstAnswer::of(Challenge::Unknown, bytes, rest));
        };
        let challenge = match PasswordClient::try_from(&**offered) {
            Ok(PasswordClient::Digest(_)) => Challenge::Digest,
            Ok(PasswordClient::Basic(_)) => Challenge::Basic,
            // A scheme of a later version is not known to keep the password to itself.
            Ok(_) => Challenge::Basic,
            Err(_) => Challenge::Unknown,
        };
        let offered = offered.to_string();
        return Some(FirstAnswer { offered, ..FirstAnswer::of(challenge, bytes, rest) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(headers: &str) -> Option<Challenge> {
        let answer = format!("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n{headers}\r\n");
        judge(answer.as_bytes()).map(|answer| answer.challenge)
    }

    const DIGEST: &str = "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n";
    const BASIC: &str = "WWW-Authenticate: Basic realm=\"a\"\r\n";

    #[test]
    fn digest_wins_wherever_it_stands() {
        assert_eq!(challenge(DIGEST), Some(Challenge::Digest));
        assert_eq!(challenge(BASIC), Some(Challenge::Basic));
        assert_eq!(challenge(&format!("{DIGEST}{BASIC}")), Some(Challenge::Digest));
        assert_eq!(challenge(&format!("{BASIC}{DIGEST}")), Some(Challenge::Digest));
    }

    #[test]
    fn a_digest_that_cannot_be_answered_does_not_hide_basic() {
        let broken = "WWW-Authenticate: Digest realm=\"a\"\r\n";
        assert_eq!(challenge(&format!("{broken}{BASIC}")), Some(Challenge::Basic));
        assert_eq!(challenge(broken), Some(Challenge::Unknown));
        assert_eq!(challenge("www-authenticate: bAsIc realm=\"x\"\r\n"), Some(Challenge::Basic));
        assert_eq!(challenge("WWW-Authenticate: Negotiate\r\n"), Some(Challenge::Unknown));
        assert_eq!(challenge(""), Some(Challenge::Unknown));
    }

    #[test]
    fn interleaved_data_does_not_hide_an_answer() {
        let mut bytes = b"$\x00\x00\x03abc".to_vec();
        assert_eq!(judge(&bytes), None);
        bytes.extend(format!("RTSP/1.0 401 No\r\nCSeq: 1\r\n{BASIC}\r\n").bytes());
        assert_eq!(judge(&bytes).map(|answer| answer.challenge), Some(Challenge::Basic));
    }

    #[test]
    fn nothing_is_decided_before_the_answer_is_whole() {
        let answer = format!("RTSP/1.0 401 No\r\nContent-Length: 2\r\n{BASIC}\r\nhi");
        for length in 0..answer.len() {
            assert_eq!(judge(&answer.as_bytes()[..length]), None, "after {length} bytes");
        }
        assert_eq!(judge(answer.as_bytes()).map(|a| a.challenge), Some(Challenge::Basic));
    }

    #[test]
    fn other_answers_ask_for_nothing() {
        for bytes in [&b"RTSP/1.0 200 OK\r\n\r\n"[..], b"OPTIONS * RTSP/1.0\r\n\r\n", b"\rx"] {
            assert_eq!(judge(bytes).map(|a| a.challenge), Some(Challenge::Nothing));
        }
    }

    #[test]
    fn an_answer_ends_where_the_next_begins() {
        let answer = b"$\0\0\x01a\r\nRTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let end = answer.len();
        for (behind, padding) in [("", 0), ("\r\n", 2), ("\n\nRTSP/1.0 401", 2), ("RTSP", 0)] {
            let bytes = [answer, behind.as_bytes()].concat();
            let found = judge(&bytes).unwrap();
            assert_eq!((found.length, found.padding), (end, padding), "{behind:?}");
        }
    }
}
