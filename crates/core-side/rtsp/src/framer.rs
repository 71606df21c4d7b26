//! Cuts what a reader sends into requests and interleaved frames, within fixed bounds.

use std::borrow::Cow;

use bytes::{Buf, Bytes, BytesMut};
use rtsp_types::{Message, StatusCode};

/// The longest head of a request (request line, headers, empty line), in bytes.
pub const MAX_HEAD: usize = 16 << 10;
/// The longest body of a request, in bytes.
pub const MAX_BODY: usize = 64 << 10;

/// How far back the end of a head may begin: a line end, and an empty line but for its last byte.
const END_OF_HEAD_OVERLAP: usize = 2;
const INTERLEAVED_HEADER: usize = 4;

/// A whole request, parsed.
pub type Request = rtsp_types::Request<Vec<u8>>;

/// One thing a reader said.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A request.
    Request(Request),
    /// What was framed like a request, but is none. The frames after it can still be read.
    Malformed(Malformed),
    /// Interleaved binary data (RFC 2326 §10.12).
    Interleaved {
        /// The channel it came on.
        channel: u8,
        /// The data without its framing, at most 65535 bytes.
        payload: Bytes,
    },
}

/// What is known of a request that could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its sequence number, if one could be found.
    pub cseq: Option<u32>,
    /// What to answer: 400, or 505 for another version of RTSP.
    pub status: StatusCode,
}

/// Why nothing further can be read from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte begins no request and no interleaved frame.
    #[error("expected RTSP, found something else")]
    NotRtsp,
    /// No end of head within [`MAX_HEAD`].
    #[error("expected a request head of at most {MAX_HEAD} bytes")]
    HeadTooLong,
    /// `Content-Length` is beyond [`MAX_BODY`].
    #[error("expected a request body of at most {MAX_BODY} bytes")]
    BodyTooLong,
    /// `Content-Length` is no number, or is given more than once: where the next request begins
    /// cannot be known.
    #[error("expected one Content-Length with a number")]
    ContentLength,
}

/// Collects bytes until they are frames.
///
/// The parser proper sees a request once, when it is whole: it starts over at every call, so
/// feeding it a slow head byte by byte would cost the square of its length.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes already searched for the end of the head.
    searched: usize,
    /// Head and body together, once the head is there.
    whole: Option<usize>,
}

impl Framer {
    /// A framer at the start of a connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in bytes as they were read. Call [`next_frame`](Self::next_frame) until it gives
    /// `None` before the next push: that is what bounds the memory held.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether a frame has begun that is not whole yet.
    #[must_use]
    pub fn is_mid_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole frame, `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the connection cannot be read any further and is to be closed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let whole = match self.whole {
                Some(whole) => whole,
                None => {
                    self.skip_line_ends();
                    match self.buffer.first() {
                        None => return Ok(None),
                        Some(b'$') => return Ok(self.interleaved()),
                        // Every method is a token; a TLS hello or line noise is not.
                        Some(first) if !first.is_ascii_alphabetic() => {
                            return Err(FrameError::NotRtsp);
                        }
                        Some(_) => {}
                    }
                    let Some(whole) = self.find_head()? else { return Ok(None) };
                    self.whole = Some(whole);
                    whole
                }
            };
            if self.buffer.len() < whole {
                return Ok(None);
            }
            let message = self.buffer.split_to(whole);
            self.whole = None;
            self.searched = 0;
            if let Some(frame) = parse(&message) {
                return Ok(Some(frame));
            }
        }
    }

    /// Some clients end a body, or keep a connection alive, with empty lines.
    fn skip_line_ends(&mut self) {
        if self.searched == 0 {
            let line_ends = self.buffer.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            self.buffer.advance(line_ends);
        }
    }

    fn interleaved(&mut self) -> Option<Frame> {
        let (header, rest) = self.buffer.split_first_chunk::<INTERLEAVED_HEADER>()?;
        let channel = header[1];
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if rest.len() < length {
            return None;
        }
        self.buffer.advance(INTERLEAVED_HEADER);
        Some(Frame::Interleaved { channel, payload: self.buffer.split_to(length).freeze() })
    }

    /// The length of head and body together, once the head is complete.
    fn find_head(&mut self) -> Result<Option<usize>, FrameError> {
        let from = self.searched.saturating_sub(END_OF_HEAD_OVERLAP);
        let Some(end) = end_of_head(&self.buffer[from..]) else {
            self.searched = self.buffer.len();
            if self.searched > MAX_HEAD {
                return Err(FrameError::HeadTooLong);
            }
            return Ok(None);
        };
        let head = from + end;
        if head > MAX_HEAD {
            return Err(FrameError::HeadTooLong);
        }
        Ok(Some(head + content_length(&self.buffer[..head])?))
    }
}

/// Where the first empty line of `bytes` ends. A line feed alone ends a line too (RFC 2326 §4).
pub(crate) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let line_feeds = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    line_feeds.map(|(at, _)| at + 1).find_map(|next| match &bytes[next..] {
        [b'\n', ..] => Some(next + 1),
        [b'\r', b'\n', ..] => Some(next + 2),
        _ => None,
    })
}

/// `message` with every line of its head ended as the parser wants it.
fn with_whole_line_ends(message: &[u8]) -> Cow<'_, [u8]> {
    let (head, body) = message.split_at(end_of_head(message).unwrap_or(message.len()));
    let is_short = |at: usize| head[at] == b'\n' && (at == 0 || head[at - 1] != b'\r');
    if !(0..head.len()).any(is_short) {
        return Cow::Borrowed(message);
    }
    let mut whole = Vec::with_capacity(message.len() + head.len() / 8);
    for (at, byte) in head.iter().enumerate() {
        if is_short(at) {
            whole.push(b'\r');
        }
        whole.push(*byte);
    }
    whole.extend_from_slice(body);
    Cow::Owned(whole)
}

/// `message` with what is not UTF-8 in its headers made readable. Software of before UTF-8 puts the host's or
/// the user's name there in Latin-1; no header whose value counts has any of it. The request line stays as it
/// is: another URL is another mount.
fn with_readable_headers(message: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let head = end_of_head(&message).unwrap_or(message.len());
    if std::str::from_utf8(&message[..head]).is_ok() {
        return message;
    }
    let line = message.iter().position(|byte| *byte == b'\n').unwrap_or(head);
    let mut message = message.into_owned();
    for byte in message[line..head].iter_mut().filter(|byte| !byte.is_ascii()) {
        *byte = b'?';
    }
    Cow::Owned(message)
}

/// `None` for a response: this server asks nothing, so there is nothing to be said to one.
fn parse(message: &[u8]) -> Option<Frame> {
    let message = with_readable_headers(with_whole_line_ends(message));
    let message = message.as_ref();
    match Message::<Vec<u8>>::parse(message) {
        Ok((Message::Request(request), used)) if used == message.len() => {
            Some(Frame::Request(request))
        }
        Ok((Message::Response(_), used)) if used == message.len() => None,
        _ => Some(Frame::Malformed(Malformed {
            cseq: header_values(message, "CSeq").next().and_then(number),
            status: refusal(message),
        })),
    }
}

fn refusal(message: &[u8]) -> StatusCode {
    let line = message.split(|b| *b == b'\r').next().unwrap_or_default();
    let version = line.split(|b| *b == b' ').nth(2).unwrap_or_default();
    match version {
        b"RTSP/1.0" | b"RTSP/2.0" => StatusCode::BadRequest,
        other if other.starts_with(b"RTSP/") => StatusCode::RTSPVersionNotSupported,
        _ => StatusCode::BadRequest,
    }
}

fn content_length(head: &[u8]) -> Result<usize, FrameError> {
    let mut values = header_values(head, "Content-Length");
    let Some(value) = values.next() else { return Ok(0) };
    if values.next().is_some() {
        return Err(FrameError::ContentLength);
    }
    let length = number(value).ok_or(FrameError::ContentLength)?;
    usize::try_from(length).ok().filter(|length| *length <= MAX_BODY).ok_or(FrameError::BodyTooLong)
}

/// The values of one header in an unparsed head, without continuation lines.
pub(crate) fn header_values<'a>(head: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    head.split(|b| *b == b'\n').skip(1).take_while(|line| !line.trim_ascii().is_empty()).filter_map(
        move |line| {
            let colon = line.iter().position(|b| *b == b':')?;
            let (found, value) = line.split_at(colon);
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| value[1..].trim_ascii())
        },
    )
}

/// Digits alone: `parse` would also take a sign.
pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
