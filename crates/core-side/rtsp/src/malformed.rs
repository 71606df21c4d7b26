//! Why something a reader sent makes no sense, as it is counted.

use crate::FrameError;

/// Why something a reader sent makes no sense. A closed set: nothing of what was sent is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MalformedReason {
    /// Bytes that begin neither a request nor an interleaved frame.
    NotRtsp,
    /// A head without an end.
    HeadTooLong,
    /// A body that is longer than any could need to be.
    BodyTooLong,
    /// A `Content-Length` that is no number, or two of them.
    ContentLength,
    /// A request line or a header that breaks the grammar.
    Syntax,
    /// Another version of RTSP.
    Version,
    /// No `CSeq`, or one that is no number.
    Cseq,
    /// `*` where a method needs the URL of something.
    Url,
    /// A `Transport` of SETUP that offers nothing which can be read.
    Transport,
    /// Interleaved data on a channel that was not agreed on.
    Channel,
    /// RTCP that breaks its grammar.
    Rtcp,
    /// HTTP that is no half of a tunnel.
    Tunnel,
    /// A TLS handshake or record that cannot be accepted.
    Tls,
}

impl MalformedReason {
    /// Each of them.
    pub const ALL: [Self; 13] = [
        Self::NotRtsp,
        Self::HeadTooLong,
        Self::BodyTooLong,
        Self::ContentLength,
        Self::Syntax,
        Self::Version,
        Self::Cseq,
        Self::Url,
        Self::Transport,
        Self::Channel,
        Self::Rtcp,
        Self::Tunnel,
        Self::Tls,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotRtsp => "not_rtsp",
            Self::HeadTooLong => "head_too_long",
            Self::BodyTooLong => "body_too_long",
            Self::ContentLength => "content_length",
            Self::Syntax => "syntax",
            Self::Version => "version",
            Self::Cseq => "cseq",
            Self::Url => "url",
            Self::Transport => "transport",
            Self::Channel => "channel",
            Self::Rtcp => "rtcp",
            Self::Tunnel => "tunnel",
            Self::Tls => "tls",
        }
    }
}

impl From<FrameError> for MalformedReason {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::NotRtsp => Self::NotRtsp,
            FrameError::HeadTooLong => Self::HeadTooLong,
            FrameError::BodyTooLong => Self::BodyTooLong,
            FrameError::ContentLength => Self::ContentLength,
        }
    }
}
