//! RTSP within HTTP, for readers behind proxies: answers and packets come down a GET, requests go up a POST,
//! in Base64 ("Tunnelling QTSS RTSP and RTP over HTTP", as live555, FFmpeg and GStreamer do it).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::framer::{MAX_HEAD, end_of_head, header_values};

/// The longest cookie, in bytes.
const LONGEST_COOKIE: usize = 128;

/// What a GET is answered with: the stream has no length and ends with the connection.
pub const TUNNEL_OPEN: &[u8] =
    b"HTTP/1.0 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\n\
    Pragma: no-cache\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n";
/// What anything else over HTTP is answered with.
pub const TUNNEL_REFUSED: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// One half of a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelHalf {
    /// What the server says.
    Down,
    /// What the reader says.
    Up,
}

/// The request that opens one half of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelRequest {
    /// Which half.
    pub half: TunnelHalf,
    /// What both halves have in common.
    pub cookie: String,
}

/// Why a tunnel cannot be opened, or not be used any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TunnelError {
    /// The head is too long, or lacks a cookie that can be used.
    #[error("expected GET or POST with an x-sessioncookie")]
    Head,
    /// What goes up is not Base64.
    #[error("expected Base64")]
    Base64,
}

impl TunnelRequest {
    /// Whether a connection that begins like this is half a tunnel; `None` while that cannot be told.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> Option<bool> {
        let methods: [&[u8]; 2] = [b"GET ", b"POST "];
        if methods.iter().any(|method| bytes.starts_with(method)) {
            return Some(true);
        }
        let may_come = methods.iter().any(|method| method.starts_with(bytes));
        (!may_come).then_some(false)
    }

    /// Reads the head; with it how long it is. `None` when more bytes are needed.
    ///
    /// # Errors
    /// When it opens no tunnel.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, TunnelError> {
        let Some(end) = end_of_head(bytes).filter(|end| *end <= MAX_HEAD) else {
            return if bytes.len() > MAX_HEAD { Err(TunnelError::Head) } else { Ok(None) };
        };
        let half = if bytes.starts_with(b"GET ") { TunnelHalf::Down } else { TunnelHalf::Up };
        let cookie = header_values(&bytes[..end], "x-sessioncookie").next();
        let is_cookie = |cookie: &&[u8]| {
            (1..=LONGEST_COOKIE).contains(&cookie.len()) && cookie.iter().all(u8::is_ascii_graphic)
        };
        let cookie = cookie.filter(is_cookie).and_then(|cookie| std::str::from_utf8(cookie).ok());
        let cookie = cookie.ok_or(TunnelError::Head)?.to_owned();
        Ok(Some((Self { half, cookie }, end)))
    }
}

/// Decodes what goes up, in whatever pieces it comes. Each request may end in padding of its own.
#[derive(Debug, Default)]
pub struct TunnelDecoder {
    pending: Vec<u8>,
}

impl TunnelDecoder {
    /// A decoder at the start of a POST's body.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `bytes` complete.
    ///
    /// # Errors
    /// When they are not Base64: what comes after them cannot be read.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Vec<u8>, TunnelError> {
        let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
        for byte in bytes.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            self.pending.push(*byte);
            if self.pending.len() == 4 {
                let group = STANDARD.decode(&self.pending).map_err(|_| TunnelError::Base64)?;
                decoded.extend(group);
                self.pending.clear();
            }
        }
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: &[u8] = b"GET /lobby/main HTTP/1.0\r\nx-sessioncookie: a1B2\r\nAccept: \
                         application/x-rtsp-tunnelled\r\n\r\nmore";

    #[test]
    fn halves_are_told_by_method_and_matched_by_cookie() {
        let (down, length) = TunnelRequest::parse(GET).unwrap().unwrap();
        assert_eq!(down, TunnelRequest { half: TunnelHalf::Down, cookie: "a1B2".into() });
        assert_eq!(&GET[length..], b"more");
        let post = [b"POST ", &GET[4..]].concat().to_ascii_uppercase();
        let (up, _) = TunnelRequest::parse(&post).unwrap().unwrap();
        assert_eq!((up.half, up.cookie.as_str()), (TunnelHalf::Up, "A1B2"));
        assert_eq!(TunnelRequest::parse(&GET[..40]), Ok(None));
        for begin in ["GET ", "POST ", "GET /lobby"] {
            assert_eq!(TunnelRequest::begins(begin.as_bytes()), Some(true), "{begin}");
        }
        for begin in ["GET_PARAMETER", "PLAY", "POSY", "$", "get "] {
            assert_eq!(TunnelRequest::begins(begin.as_bytes()), Some(false), "{begin}");
        }
        for begin in ["", "G", "GET", "P", "PO", "POST"] {
            assert_eq!(TunnelRequest::begins(begin.as_bytes()), None, "{begin}");
        }
    }

    #[test]
    fn what_opens_no_tunnel_is_refused() {
        let refused = |bytes: &[u8]| TunnelRequest::parse(bytes) == Err(TunnelError::Head);
        assert!(refused(b"GET / HTTP/1.1\r\nHost: gw\r\n\r\n"));
        assert!(refused(b"GET / HTTP/1.1\r\nx-sessioncookie: \r\n\r\n"));
        assert!(refused(b"GET / HTTP/1.1\r\nx-sessioncookie: a b\r\n\r\n"));
        assert!(refused(&[b"GET /", vec![b'x'; MAX_HEAD].as_slice()].concat()));
        assert_eq!(TunnelDecoder::new().decode(b"ab=c"), Err(TunnelError::Base64));
        assert_eq!(TunnelDecoder::new().decode(b"$$$$"), Err(TunnelError::Base64));
    }

    proptest! {
        #[test]
        fn requests_survive_any_cut(requests in proptest::collection::vec("[ -~]{0,40}", 0..5), cut in 1usize..9) {
            let encoded: String = requests.iter().map(|r| STANDARD.encode(r) + "\r\n").collect();
            let mut decoder = TunnelDecoder::new();
            let mut decoded = Vec::new();
            for piece in encoded.as_bytes().chunks(cut) {
                decoded.extend(decoder.decode(piece).unwrap());
            }
            prop_assert_eq!(decoded, requests.concat().into_bytes());
        }
    }
}
