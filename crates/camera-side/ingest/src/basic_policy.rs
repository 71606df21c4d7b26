//! Holding the promise that HTTP Basic is not answered unless the configuration allows it.
//!
//! retina answers whatever a camera asks for, in the same breath as it reads it. So, before retina
//! reads the first answer of a camera, we do: retina's future is polled only until its request is
//! written, then the answer is *peeked* at on a second handle of the same socket, and only if it
//! asks for no Basic does retina go on to read the very same bytes.
//!
//! What makes this tight:
//! - The request's future gets a budget of exactly as many I/O operations as connecting and writing
//!   take ([`advance`]), so that it cannot read, however early the camera sends.
//! - The peeked bytes are the first that retina will read, and they are read with retina's own
//!   parser and with the crate that it chooses a scheme with. There is no second opinion to differ.
//! - A session answers one challenge in its life; a second 401 is an error. So a first answer that
//!   asks for Digest settles it. After a first answer that asks for nothing a later one might, so
//!   the caller goes on without credentials.

use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_auth::PasswordClient;
use retina::rtsp::msg::{Message, StatusCode};
use retina::rtsp::parse::{FeedError, Parser};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::coop;

/// The largest first answer that is looked at, in bytes: a description, at the most.
const MOST_PEEKED: usize = 64 * 1024;
/// More than tokio's budget for one poll.
const MORE_THAN_A_BUDGET: usize = 1024;

/// How far [`advance`] came.
#[derive(Debug)]
pub(crate) enum Progress<T> {
    /// The future is ready: it ended early.
    Done(T),
    /// All the operations were done, and none after them.
    Reached,
}

/// The runtime does not count operations: nothing can be promised.
#[derive(Debug)]
pub(crate) struct Ungoverned;

/// Polls `future` until it has done `operations` I/O operations (a connect, a write, a read), and
/// no further.
pub(crate) async fn advance<F: Future>(
    mut future: Pin<&mut F>,
    mut operations: usize,
) -> Result<Progress<F::Output>, Ungoverned> {
    poll_fn(|cx| {
        let Some(mut kept) = take_budget(cx) else { return Poll::Ready(Err(Ungoverned)) };
        if kept.len() < operations {
            // The rest of the task used it up; the next poll has a fresh one.
            give_back(kept);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        give_back(kept.split_off(kept.len() - operations));
        let polled = future.as_mut().poll(cx);
        operations = take_budget(cx).map_or(0, |left| left.len());
        give_back(kept);
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(Progress::Done(output))),
            Poll::Pending if operations == 0 => Poll::Ready(Ok(Progress::Reached)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Takes all of the task's budget, unit by unit, or `None` when there is no end to it.
fn take_budget(cx: &mut Context<'_>) -> Option<Vec<coop::RestoreOnPending>> {
    let mut units = Vec::new();
    while coop::has_budget_remaining() {
        if units.len() == MORE_THAN_A_BUDGET {
            return None;
        }
        if let Poll::Ready(unit) = coop::poll_proceed(cx) {
            units.push(unit);
        }
    }
    Some(units)
}

/// Sets the budget to what it was before the first of `units` was taken.
fn give_back(units: Vec<coop::RestoreOnPending>) {
    // Each restores, as it is dropped, what it found: the first must have the last word.
    units.into_iter().rev().for_each(drop);
}

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

/// A camera's first answer, looked at before retina read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstAnswer {
    /// What it asks for.
    pub(crate) challenge: Challenge,
    /// The challenges in the camera's words: to be shown escaped by the probe and nowhere else.
    pub(crate) offered: String,
}

/// Why a first answer was not looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    /// The socket does not take part.
    #[error("the camera's socket cannot be looked at")]
    Socket(#[from] std::io::Error),
    /// The answer is larger than any description.
    #[error("an answer of more than {MOST_PEEKED} bytes")]
    Large,
}

/// Waits until the first answer on `socket` is there as a whole, and looks at it without taking it.
///
/// The caller bounds the wait.
pub(crate) async fn first_answer(socket: OwnedFd) -> Result<FirstAnswer, LookError> {
    // Already non-blocking: that is a property of the socket, not of the handle.
    let socket = TcpStream::from_std(std::net::TcpStream::from(socket))?;
    let mut bytes = vec![0; MOST_PEEKED];
    loop {
        // What is ready is asked before looking: at the end of the stream all of it is there to see.
        let ready = socket.ready(Interest::READABLE).await?;
        match rustix::net::recv(&socket, &mut bytes[..], RecvFlags::PEEK) {
            Ok((_, length)) => match judge(&bytes[..length]) {
                Some(answer) => return Ok(answer),
                None if length == bytes.len() => return Err(LookError::Large),
                // Half an answer and no more to come: retina shall find that for itself.
                None if length == 0 || ready.is_read_closed() => {
                    return Ok(FirstAnswer::of(Challenge::Nothing));
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
    const fn of(challenge: Challenge) -> Self {
        Self { challenge, offered: String::new() }
    }
}

/// What the first answer in `bytes` asks for, or `None` when it is not there as a whole.
fn judge(mut bytes: &[u8]) -> Option<FirstAnswer> {
    let mut parser = Parser::default();
    loop {
        let response = match parser.feed(&mut bytes) {
            Ok(Some((Message::Response(response), _))) => response,
            // retina passes over interleaved data.
            Ok(Some((Message::Data(_), _))) => continue,
            // retina ends the session on these before it answers anything.
            Ok(Some((Message::Request(_), _))) | Err(FeedError::Invalid(_)) => {
                return Some(FirstAnswer::of(Challenge::Nothing));
            }
            Ok(None) | Err(FeedError::Incomplete(_)) => return None,
        };
        if response.status_code != StatusCode::UNAUTHORIZED {
            return Some(FirstAnswer::of(Challenge::Nothing));
        }
        let Some(offered) = response.headers.get("WWW-Authenticate") else {
            return Some(FirstAnswer::of(Challenge::Unknown));
        };
        let challenge = match PasswordClient::try_from(&**offered) {
            Ok(PasswordClient::Digest(_)) => Challenge::Digest,
            Ok(PasswordClient::Basic(_)) => Challenge::Basic,
            // A scheme of a later version is not known to keep the password to itself.
            Ok(_) => Challenge::Basic,
            Err(_) => Challenge::Unknown,
        };
        return Some(FirstAnswer { challenge, offered: offered.to_string() });
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
            assert_eq!(judge(bytes), Some(FirstAnswer::of(Challenge::Nothing)));
        }
    }
}
