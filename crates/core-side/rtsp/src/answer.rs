//! Answers, and the closed set of methods they are counted under.

use bytes::Bytes;
use rtsp_types::headers::{self, HeaderName, HeaderValue};
use rtsp_types::{Method, Response, ResponseBuilder, StatusCode, Version};

/// A request's method, as far as this server tells methods apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodName {
    /// OPTIONS
    Options,
    /// DESCRIBE
    Describe,
    /// SETUP
    Setup,
    /// PLAY
    Play,
    /// PAUSE
    Pause,
    /// TEARDOWN
    Teardown,
    /// `GET_PARAMETER`
    GetParameter,
    /// `SET_PARAMETER`
    SetParameter,
    /// Any other, or none that could be read.
    Other,
}

impl MethodName {
    /// The name, for metrics and logs; a reader's own word is never used there.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Describe => "DESCRIBE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Pause => "PAUSE",
            Self::Teardown => "TEARDOWN",
            Self::GetParameter => "GET_PARAMETER",
            Self::SetParameter => "SET_PARAMETER",
            Self::Other => "other",
        }
    }
}

impl From<&Method> for MethodName {
    fn from(method: &Method) -> Self {
        match method {
            Method::Options => Self::Options,
            Method::Describe => Self::Describe,
            Method::Setup => Self::Setup,
            Method::Play => Self::Play,
            Method::Pause => Self::Pause,
            Method::Teardown => Self::Teardown,
            Method::GetParameter => Self::GetParameter,
            Method::SetParameter => Self::SetParameter,
            _ => Self::Other,
        }
    }
}

/// What is sent back for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The method of the request.
    pub method: MethodName,
    /// The status code of the answer (RFC 2326 §7.1.1).
    pub status: u16,
    /// The answer as it goes onto the wire.
    pub bytes: Bytes,
}

/// An answer being written.
pub(crate) struct Draft {
    method: MethodName,
    status: StatusCode,
    builder: ResponseBuilder,
}

impl Draft {
    /// An answer with its `CSeq`, if the request had one.
    pub(crate) fn new(method: MethodName, status: StatusCode, cseq: Option<u32>) -> Self {
        let mut builder = Response::builder(Version::V1_0, status);
        if status == StatusCode::Ok {
            // There are clients that compare the whole line.
            builder = builder.reason_phrase("OK");
        }
        if let Some(cseq) = cseq {
            builder = builder.header(headers::CSEQ, cseq.to_string());
        }
        Self { method, status, builder }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn empty(self) -> Answer {
        self.body(Vec::new())
    }

    /// An empty answer with one more line in its head, for a header that is there already.
    pub(crate) fn empty_with(self, name: &HeaderName, value: &str) -> Answer {
        let mut answer = self.empty();
        let end = answer.bytes.len() - b"\r\n".len();
        let line = format!("{name}: {value}\r\n\r\n");
        answer.bytes = [&answer.bytes[..end], line.as_bytes()].concat().into();
        answer
    }

    pub(crate) fn body(self, body: Vec<u8>) -> Answer {
        let mut bytes = Vec::new();
        // Writing to a Vec does not fail. A body brings its Content-Length with it.
        let _ = if body.is_empty() {
            self.builder.empty().write(&mut bytes)
        } else {
            self.builder.build(body).write(&mut bytes)
        };
        Answer { method: self.method, status: self.status.into(), bytes: bytes.into() }
    }
}
