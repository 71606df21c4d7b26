//! How cameras misbehave.

use std::time::Duration;

use rtsp_types::Method;

/// A camera's conduct: the same on every connection.
///
/// Scripts that never get as far as sending pictures need no encoder, so such a camera starts at
/// once and costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Script {
    /// Does what RTSP says.
    #[default]
    Obey,
    /// Accepts connections and never says a word.
    Silence,
    /// Answers every request this much later than it could.
    AnswerAfter(Duration),
    /// Answers DESCRIBE with a stream that a gateway for H.264, H.265 and MJPEG cannot use.
    Advertise(Advertised),
    /// Answers one kind of request with a status of its own, after authentication.
    Refuse {
        /// The request.
        at: Step,
        /// The status code: 404, 403, 453, 503 …
        status: u16,
    },
    /// Answers 401 whatever the credentials.
    NeverAuthorize,
    /// Answers every request with bytes that are not RTSP.
    Garbage,
    /// Answers the first request with half a status line and closes the connection.
    HalfStatusLine,
    /// Answers DESCRIBE with a body that claims to have 99,999,999,999 bytes, and sends them until
    /// the client has had enough.
    EndlessBody,
    /// Closes the connection after so many pictures.
    CloseAfter {
        /// Pictures sent before.
        pictures: u32,
    },
    /// Sends so many pictures and then none, but keeps answering requests.
    StallAfter {
        /// Pictures sent before.
        pictures: u32,
    },
}

/// A request on the way to pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `DESCRIBE`
    Describe,
    /// `SETUP`
    Setup,
    /// `PLAY`
    Play,
}

/// What a camera says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advertised {
    /// VP8 video (RFC 7741).
    Vp8,
    /// MPEG-4 part 2 video (RFC 6416).
    Mpeg4Visual,
    /// G.711 audio, and no video.
    AudioOnly,
}

/// What a [`Script`] makes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Answer it as RTSP says.
    Answer,
    /// Answer with this status and nothing else.
    Status(u16),
    /// Send these bytes instead of an answer.
    Bytes(&'static [u8]),
    /// Send these bytes, then close.
    BytesThenClose(&'static [u8]),
    /// Send these bytes, then filler for as long as it is read.
    BytesThenFiller(&'static [u8]),
}

/// Control characters, an overlong code point and no line end: nothing a parser could start with.
const GARBAGE: &[u8] = b"\x00\xff\xfe\x7fELF\x01\xc0\xafgarbage \x1b[2J\x80\x81\x82\r\r\r\0\0\0";

/// `CSeq` is a guess that is right for a client whose first request is its DESCRIBE.
const ENDLESS_BODY: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n\
      Content-Length: 99999999999\r\n\r\nv=0\r\n";

impl Script {
    /// Whether a client can get as far as pictures.
    pub(crate) const fn sends_pictures(self) -> bool {
        match self {
            Self::Obey
            | Self::AnswerAfter(_)
            | Self::CloseAfter { .. }
            | Self::StallAfter { .. }
            // Refused later than its description, which only a camera with pictures has.
            | Self::Refuse { at: Step::Setup | Step::Play, .. } => true,
            Self::Silence
            | Self::Advertise(_)
            | Self::Refuse { at: Step::Describe, .. }
            | Self::NeverAuthorize
            | Self::Garbage
            | Self::HalfStatusLine
            | Self::EndlessBody => false,
        }
    }

    /// How long an answer is held back.
    pub(crate) const fn delay(self) -> Duration {
        match self {
            Self::AnswerAfter(delay) => delay,
            _ => Duration::ZERO,
        }
    }

    /// What to do with a request before authentication is looked at.
    pub(crate) fn before_authentication(self, method: &Method) -> Conduct {
        match self {
            Self::Garbage => Conduct::Bytes(GARBAGE),
            Self::HalfStatusLine => Conduct::BytesThenClose(b"RTSP/1.0 20"),
            Self::EndlessBody if *method == Method::Describe => {
                Conduct::BytesThenFiller(ENDLESS_BODY)
            }
            _ => Conduct::Answer,
        }
    }

    /// What to do with a request whose authentication was accepted.
    pub(crate) fn after_authentication(self, method: &Method) -> Conduct {
        match self {
            Self::Refuse { at, status } if at.method() == *method => Conduct::Status(status),
            _ => Conduct::Answer,
        }
    }
}

impl Step {
    const fn method(self) -> Method {
        match self {
            Self::Describe => Method::Describe,
            Self::Setup => Method::Setup,
            Self::Play => Method::Play,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_only_at_its_step() {
        let script = Script::Refuse { at: Step::Setup, status: 453 };
        assert_eq!(script.after_authentication(&Method::Describe), Conduct::Answer);
        assert_eq!(script.after_authentication(&Method::Setup), Conduct::Status(453));
    }

    #[test]
    fn only_the_endless_body_waits_for_describe() {
        let before = |script: Script, method| script.before_authentication(&method);
        assert_eq!(before(Script::EndlessBody, Method::Options), Conduct::Answer);
        assert_ne!(before(Script::EndlessBody, Method::Describe), Conduct::Answer);
        assert_ne!(before(Script::Garbage, Method::Options), Conduct::Answer);
        assert_eq!(before(Script::Obey, Method::Describe), Conduct::Answer);
    }
}
