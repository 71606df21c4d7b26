//! One connection's requests and their answers. No socket: requests are arguments.

use std::net::IpAddr;
use std::sync::Arc;

use rtsp_types::headers::{
    self, AUTHORIZATION, CONTENT_BASE, CONTENT_TYPE, CSEQ, HeaderName, PUBLIC, RTP_INFO, SESSION,
    TRANSPORT, WWW_AUTHENTICATE,
};
use rtsp_types::{Method, Request, Response, StatusCode, Version};

use super::auth::{Authentication, Challenge, REALM};
use super::sdp::{self, TRACK};
use super::server::Shared;
use crate::packetize::{Marks, RtpStream, payload_type};
use crate::plant::{self, AUDIO_TRACK, Plant};
use crate::script::{Conduct, Script};

/// The path of every camera's stream.
pub(super) const PATH: &str = "/stream";

/// A camera answers these.
const METHODS: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// What to send, and what to do afterwards.
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
}

/// What a connection does after a reply.
pub(super) enum Then {
    /// Goes on as before.
    Continue,
    /// Sends access units.
    Play(Start),
    /// Sends no access units any more.
    Pause,
    /// Ends.
    Close,
    /// Sends a body that has no end.
    Filler,
}

/// How a reader's packets are to begin.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) stream: RtpStream,
    /// The time stamp of the first access unit, as `RTP-Info` announced it.
    pub(super) timestamp: u32,
    /// The channel of a planted camera's audio.
    pub(super) audio: Option<u8>,
}

/// One connection's state.
pub(super) struct Session {
    shared: Arc<Shared>,
    /// The address that the camera was reached at.
    local: IpAddr,
    challenge: Challenge,
    id: String,
    start: Option<Start>,
    audio: Option<u8>,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, local: IpAddr) -> Result<Self, getrandom::Error> {
        let nonce = format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?);
        let id = format!("{:08X}", getrandom::u32()?);
        let (challenge, id) = match &shared.plant {
            None => (Challenge { realm: REALM.to_owned(), nonce, more: String::new() }, id),
            Some(plant) => (challenge(plant), plant.text("rtsp/session").to_owned()),
        };
        Ok(Self { shared, local, challenge, id, start: None, audio: None })
    }

    /// The answer to a request, as the camera's script has it.
    pub(super) fn handle(&mut self, request: &Request<Vec<u8>>) -> Reply {
        let script = self.shared.script;
        match self.conduct(script.before_authentication(request.method()), request) {
            Some(reply) => return reply,
            None if *request.method() == Method::Options => {}
            None if self.is_authorized(request) => {}
            None => return self.unauthorized(request),
        }
        match self.conduct(script.after_authentication(request.method()), request) {
            Some(reply) => reply,
            None => self.answer(request),
        }
    }

    /// The answer to what is no request.
    pub(super) fn bad_request() -> Reply {
        let response = Response::builder(Version::V1_0, StatusCode::BadRequest).empty();
        Reply { bytes: serialize(&response), then: Then::Close }
    }

    fn conduct(&self, conduct: Conduct, request: &Request<Vec<u8>>) -> Option<Reply> {
        let (bytes, then) = match conduct {
            Conduct::Answer => return None,
            Conduct::Status(status) => return Some(self.refuse(request, status.into())),
            Conduct::Bytes(bytes) => (bytes, Then::Continue),
            Conduct::BytesThenClose(bytes) => (bytes, Then::Close),
            Conduct::BytesThenFiller(bytes) => (bytes, Then::Filler),
        };
        Some(Reply { bytes: bytes.to_vec(), then })
    }

    fn is_authorized(&self, request: &Request<Vec<u8>>) -> bool {
        let authorization = request.header(&AUTHORIZATION).map(headers::HeaderValue::as_str);
        self.shared.script != Script::NeverAuthorize
            && self.shared.authentication.accepts(
                request.method().into(),
                authorization,
                &self.challenge,
            )
    }

    fn unauthorized(&self, request: &Request<Vec<u8>>) -> Reply {
        // A camera that authorizes nobody asks for a password even if it has none.
        let challenge = self.shared.authentication.challenge(&self.challenge);
        let challenge =
            challenge.unwrap_or_else(|| Authentication::digest_challenge(&self.challenge));
        self.reply(request, StatusCode::Unauthorized, &[(WWW_AUTHENTICATE, challenge)], "")
    }

    fn answer(&mut self, request: &Request<Vec<u8>>) -> Reply {
        let path = request.request_uri().map(|uri| uri.path().trim_end_matches('/'));
        let known = path.is_some_and(|path| {
            path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        match request.method() {
            Method::Options => {
                let methods = self.with_mark(METHODS.to_owned(), ", ", "rtsp/public");
                self.reply(request, StatusCode::Ok, &[(PUBLIC, methods)], "")
            }
            _ if !known => self.refuse(request, StatusCode::NotFound),
            Method::Describe => self.describe(request),
            Method::Setup => self.setup(request),
            Method::Play => self.play(request),
            Method::Pause => {
                Reply { then: Then::Pause, ..self.reply(request, StatusCode::Ok, &[], "") }
            }
            Method::Teardown => {
                Reply { then: Then::Close, ..self.reply(request, StatusCode::Ok, &[], "") }
            }
            Method::GetParameter | Method::SetParameter => {
                let body = self.with_mark(String::new(), "", "rtsp/get-parameter-body");
                self.reply(request, StatusCode::Ok, &[], &body)
            }
            _ => self.refuse(request, StatusCode::NotImplemented),
        }
    }

    fn describe(&self, request: &Request<Vec<u8>>) -> Reply {
        let plant = self.shared.plant.as_deref();
        let sdp = match (self.shared.script, &self.shared.description) {
            (Script::Advertise(what), _) => sdp::advertised(self.local, what),
            (_, Some(description)) => match plant {
                Some(plant) => plant::describe(plant, self.local, description, TRACK),
                None => sdp::honest(self.local, description),
            },
            (_, None) => return self.refuse(request, StatusCode::NotFound),
        };
        let mut base = self.with_mark(format!("{}/", uri(request)), "", "rtsp/content-base");
        if !base.ends_with('/') {
            base.push('/');
        }
        let fields = [(CONTENT_TYPE, "application/sdp".to_owned()), (CONTENT_BASE, base)];
        self.reply(request, StatusCode::Ok, &fields, &sdp)
    }

    fn setup(&mut self, request: &Request<Vec<u8>>) -> Reply {
        let wanted = request.header(&TRANSPORT).map(|value| value.as_str());
        let Some(channel) = wanted.and_then(interleaved_channel) else {
            return self.refuse(request, StatusCode::UnsupportedTransport);
        };
        if let Some(track) = self.other_track(request) {
            if track == AUDIO_TRACK {
                self.audio = Some(channel);
            }
            let transport = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel + 1);
            return self.reply(request, StatusCode::Ok, &[(TRANSPORT, transport)], "");
        }
        let random = (getrandom::u32(), getrandom::u64());
        let (Ok(ssrc), Ok(random)) = random else {
            return self.refuse(request, StatusCode::InternalServerError);
        };
        let [s1, s0, t3, t2, t1, t0, ..] = random.to_be_bytes();
        let codec = self.shared.description.as_ref().map(|description| description.codec);
        self.start = Some(Start {
            stream: RtpStream {
                channel,
                payload_type: codec.map_or(96, payload_type),
                ssrc,
                sequence: u16::from_be_bytes([s1, s0]),
                packets: 0,
                octets: 0,
                marks: self.shared.plant.as_deref().map(marks),
            },
            audio: None,
            timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
        });
        let transport = format!(
            "RTP/AVP/TCP;unicast;interleaved={channel}-{};ssrc={ssrc:08X};mode=\"PLAY\"",
            channel + 1
        );
        let transport = self.with_mark(transport, ";x-mark=", "rtsp/transport");
        self.reply(request, StatusCode::Ok, &[(TRANSPORT, transport)], "")
    }

    /// The track of a planted camera that this request is about, where that is not its video.
    fn other_track(&self, request: &Request<Vec<u8>>) -> Option<String> {
        self.shared.plant.as_ref()?;
        let track = request.request_uri()?.path().rsplit('/').next()?.to_owned();
        (track.starts_with("trackID=") && track != TRACK).then_some(track)
    }

    fn play(&self, request: &Request<Vec<u8>>) -> Reply {
        let Some(mut start) = self.start.clone() else {
            return self.refuse(request, StatusCode::MethodNotValidInThisState);
        };
        start.audio = self.audio;
        let info = format!(
            "url={}/{TRACK};seq={};rtptime={}",
            uri(request),
            start.stream.sequence,
            start.timestamp
        );
        let info = self.with_mark(info, ";x-mark=", "rtsp/rtp-info");
        let reply = self.reply(request, StatusCode::Ok, &[(RTP_INFO, info)], "");
        Reply { then: Then::Play(start), ..reply }
    }

    /// `text` with a mark behind it, on a planted camera.
    fn with_mark(&self, text: String, separator: &str, place: &str) -> String {
        match &self.shared.plant {
            None => text,
            Some(plant) => format!("{text}{separator}{}", plant.text(place)),
        }
    }

    fn refuse(&self, request: &Request<Vec<u8>>, status: StatusCode) -> Reply {
        self.reply(request, status, &[], "")
    }

    fn reply(
        &self,
        request: &Request<Vec<u8>>,
        status: StatusCode,
        fields: &[(HeaderName, String)],
        body: &str,
    ) -> Reply {
        let mut response = Response::builder(Version::V1_0, status);
        if let Some(plant) = &self.shared.plant {
            let unauthorized = status == StatusCode::Unauthorized;
            response = response.reason_phrase(plant.reason(request.method(), unauthorized));
            for (name, value) in plant.headers() {
                response = response.header(name, value.as_str());
            }
        }
        if let Some(number) = request.header(&CSEQ) {
            response = response.header(CSEQ, number.as_str());
        }
        if self.start.is_some() || self.audio.is_some() {
            // A planted camera wants to be asked often: its answers carry marks.
            let timeout = if self.shared.plant.is_some() { 4 } else { 60 };
            response = response.header(SESSION, format!("{};timeout={timeout}", self.id));
        }
        for (name, value) in fields {
            response = response.header(name.clone(), value.as_str());
        }
        let bytes = serialize(&response.build(body));
        Reply { bytes, then: Then::Continue }
    }
}

fn challenge(plant: &Plant) -> Challenge {
    let mark = |place: &str| plant.text(place).to_owned();
    let more = format!(
        ", opaque=\"{}\", domain=\"/{}\"",
        plant.text("rtsp/opaque"),
        plant.text("rtsp/domain")
    );
    Challenge { realm: mark("rtsp/realm"), nonce: mark("rtsp/nonce"), more }
}

fn marks(plant: &Plant) -> Arc<Marks> {
    Arc::new(Marks { packet: plant.packet_marks(), jpeg: plant.jpeg() })
}

fn serialize<B: AsRef<[u8]>>(response: &Response<B>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = response.write(&mut bytes) {
        // Into memory nothing fails.
        tracing::error!(%error, "cannot write a response");
    }
    bytes
}

/// The request's URI without a slash at its end.
fn uri(request: &Request<Vec<u8>>) -> &str {
    request.request_uri().map_or("", |uri| uri.as_str()).trim_end_matches('/')
}

/// The channel for RTP, when the client can take packets interleaved in TCP.
fn interleaved_channel(transports: &str) -> Option<u8> {
    let tcp = transports.split(',').find(|t| t.trim().starts_with("RTP/AVP/TCP"))?;
    let channels =
        tcp.split(';').find_map(|parameter| parameter.trim().strip_prefix("interleaved="));
    match channels {
        // The client leaves it to us.
        None => Some(0),
        // There must be room for RTCP above.
        Some(pair) => pair.split('-').next()?.parse().ok().filter(|channel| *channel < 255),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_channels_that_the_client_wants() {
        assert_eq!(interleaved_channel("RTP/AVP/TCP;unicast;interleaved=4-5"), Some(4));
        assert_eq!(interleaved_channel("RTP/AVP/TCP;unicast"), Some(0));
        assert_eq!(
            interleaved_channel("RTP/AVP;client_port=1-2, RTP/AVP/TCP;interleaved=2-3"),
            Some(2)
        );
        assert_eq!(interleaved_channel("RTP/AVP;unicast;client_port=1-2"), None);
        assert_eq!(interleaved_channel("RTP/AVP/TCP;interleaved=255-256"), None);
        assert_eq!(interleaved_channel("RTP/AVP/TCP;interleaved=x"), None);
    }
}
