//! What each method does to a connection that may use it.

use std::sync::Arc;
use std::time::Instant;

use cofferdam_accounts::Reader;
use rtsp_types::headers;
use rtsp_types::{StatusCode, Url};

use super::{
    Connection, FirstPacket, Named, Output, PLAY_DEADLINE, PendingPlay, Phase,
    SESSION_TIMEOUT_ADVERTISED, Session, SessionEnd,
};
use crate::answer::Draft;
use crate::sdp;
use crate::target::{Target, Track, plain};
use crate::transport::{Datagrams, is_readable};
use crate::{
    Answer, Channel, MalformedReason, MethodName, MountDirectory, MountState, MountView, Request,
    Transport,
};

const METHODS: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
/// When to ask again for a mount that cannot be played: as soon as a recorder would anyway.
const RETRY_AFTER_SECONDS: &str = "2";

/// A request that has passed what all requests must pass.
pub(super) struct Call<'a, M> {
    pub(super) connection: &'a mut Connection,
    pub(super) now: Instant,
    pub(super) request: &'a Request,
    pub(super) method: MethodName,
    pub(super) cseq: u32,
    pub(super) named: Named,
    /// Who asks, `None` where everybody may read.
    pub(super) reader: Option<Arc<Reader>>,
    pub(super) mounts: &'a M,
}

/// What a request's URL led to.
struct Found<'a> {
    url: &'a Url,
    track: Track,
    /// The path that answers announce it under.
    base: String,
    mount: MountView,
}

impl<M: MountDirectory> Call<'_, M> {
    pub(super) fn run(mut self, outputs: &mut Vec<Output>) {
        let done = match self.method {
            MethodName::Options => Ok(self.ok().header(headers::PUBLIC, METHODS).empty()),
            MethodName::Describe => self.describe(),
            MethodName::Setup => self.setup(outputs),
            MethodName::Play => match self.play(outputs) {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => return,
                Err(refusal) => Err(refusal),
            },
            MethodName::Pause => self.pause(outputs),
            MethodName::Teardown => self.teardown(outputs),
            MethodName::GetParameter | MethodName::SetParameter => self.parameter(),
            MethodName::Other => {
                Err(self.refuse(StatusCode::NotImplemented).header(headers::PUBLIC, METHODS))
            }
        };
        if done.as_ref().is_err_and(|refusal| refusal.status() == StatusCode::BadRequest) {
            outputs.push(Output::Malformed(MalformedReason::Url));
        }
        outputs.push(Output::Answer(done.unwrap_or_else(Draft::empty)));
    }

    fn describe(&self) -> Result<Answer, Draft> {
        let Found { url, base, mount, .. } = self.find()?;
        let MountState::Ready(track) = &mount.state else { return Err(self.unavailable()) };
        let base = format!("{}/", plain(url, &base));
        Ok(self
            .ok()
            .header(headers::CONTENT_BASE, base)
            .header(headers::CONTENT_TYPE, "application/sdp")
            .body(sdp::describe(&mount, track, self.connection.settings.local)))
    }

    fn setup(&mut self, outputs: &mut Vec<Output>) -> Result<Answer, Draft> {
        if self.named == Named::Unknown {
            return Err(self.refuse(StatusCode::SessionNotFound));
        }
        let Found { url, track, base, mount } = self.find()?;
        let MountState::Ready(_) = mount.state else { return Err(self.unavailable()) };
        if let Some(session) = self.connection.session() {
            if self.named == Named::Ours && session.mount != mount.path {
                return Err(self.refuse(StatusCode::AggregateOperationNotAllowed));
            }
            // Set up again before it plays, a session changes its transport (RFC 2326 §10.4).
            if !matches!(self.connection.phase, Phase::Ready(_)) {
                return Err(self.refuse(StatusCode::MethodNotValidInThisState));
            }
        }
        if !self.request.header(&headers::TRANSPORT).is_some_and(|h| is_readable(h.as_str())) {
            outputs.push(Output::Malformed(MalformedReason::Transport));
        }
        let offers = self.request.header(&headers::TRANSPORT).map_or("", |header| header.as_str());
        let connection = &self.connection;
        let may_use = |transport| {
            let kind = connection.transport_kind(transport);
            self.reader.as_ref().is_none_or(|reader| reader.may_use(kind))
        };
        let settings = &connection.settings;
        // What is protected on one way is not to be shown on another.
        let datagrams = match settings.channel {
            Channel::Clear => Datagrams {
                server: settings.server_ports,
                // Who comes over IPv4 need not have IPv6, and the other way round.
                group: mount.multicast.filter(|g| g.address.is_ipv4() == settings.local.is_ipv4()),
            },
            Channel::Tls => Datagrams::default(),
        };
        let transport = Transport::choose(offers, datagrams, may_use)
            .ok_or_else(|| self.refuse(StatusCode::UnsupportedTransport))?;
        let track_url = match track {
            Track::Video => plain(url, &format!("{base}/{}", sdp::TRACK)),
            Track::Aggregate | Track::Unknown => plain(url, &base),
        };
        let earlier = self.connection.session().map(|session| session.id.clone());
        let id = match earlier {
            Some(id) if self.named == Named::Ours => id,
            // FFmpeg, to which no datagram came, pauses and sets up another session for TCP, in the same
            // connection and without a word about the one before (libavformat, rtsp.c: "UDP timeout, retrying
            // with TCP").
            Some(_) => {
                outputs.push(Output::EndSession(SessionEnd::Replaced));
                self.connection.next_session_id()
            }
            None => self.connection.next_session_id(),
        };
        let owner = self.reader.clone();
        let (mount, ssrc) = (mount.path, mount.ssrc);
        let session = Session { id, mount, track_url, transport, renewed: self.now, owner };
        let answer = self
            .ok()
            .header(headers::SESSION, session.header())
            .header(headers::TRANSPORT, transport.answer(ssrc))
            .empty();
        self.connection.phase = Phase::Ready(session);
        Ok(answer)
    }

    /// `None` when the answer comes with the first packet.
    fn play(&mut self, outputs: &mut Vec<Output>) -> Result<Option<Answer>, Draft> {
        let mount = self.find_own()?;
        let MountState::Ready(_) = mount.state else { return Err(self.unavailable()) };
        match std::mem::replace(&mut self.connection.phase, Phase::Init) {
            Phase::Ready(session) => {
                outputs.push(Output::StartPlaying {
                    mount: session.mount.clone(),
                    transport: session.transport,
                });
                let deadline = self.now + PLAY_DEADLINE;
                self.connection.phase =
                    Phase::Starting(session, PendingPlay { cseq: self.cseq, deadline });
                Ok(None)
            }
            // Already playing: some clients keep their session alive with PLAY.
            Phase::Playing(session) => {
                let answer = playing(&session, self.cseq, None);
                self.connection.phase = Phase::Playing(session);
                Ok(Some(answer))
            }
            other => {
                self.connection.phase = other;
                Err(self.refuse(StatusCode::MethodNotValidInThisState))
            }
        }
    }

    fn pause(&mut self, outputs: &mut Vec<Output>) -> Result<Answer, Draft> {
        self.find_own()?;
        match std::mem::replace(&mut self.connection.phase, Phase::Init) {
            Phase::Playing(session) => {
                let answer = self.ok().header(headers::SESSION, session.header()).empty();
                self.connection.phase = Phase::Ready(session);
                outputs.push(Output::StopPlaying);
                Ok(answer)
            }
            other => {
                self.connection.phase = other;
                Err(self.refuse(StatusCode::MethodNotValidInThisState))
            }
        }
    }

    fn teardown(&mut self, outputs: &mut Vec<Output>) -> Result<Answer, Draft> {
        if self.named != Named::Ours {
            return Err(self.refuse(StatusCode::SessionNotFound));
        }
        self.connection.phase = Phase::Init;
        outputs.push(Output::EndSession(SessionEnd::Teardown));
        Ok(self.ok().empty())
    }

    /// No parameter can be asked for or set; recorders use both to keep their session.
    fn parameter(&self) -> Result<Answer, Draft> {
        match (self.named, self.connection.session()) {
            (Named::Unknown, _) => Err(self.refuse(StatusCode::SessionNotFound)),
            (Named::Ours, Some(session)) => {
                Ok(self.ok().header(headers::SESSION, session.header()).empty())
            }
            _ => Ok(self.ok().empty()),
        }
    }

    /// The mount of the request's URL, which must be the session's.
    fn find_own(&self) -> Result<MountView, Draft> {
        let (Named::Ours, Some(session)) = (self.named, self.connection.session()) else {
            return Err(self.refuse(StatusCode::SessionNotFound));
        };
        let Found { mount, .. } = self.find()?;
        if mount.path != session.mount {
            return Err(self.refuse(StatusCode::AggregateOperationNotAllowed));
        }
        Ok(mount)
    }

    fn find(&self) -> Result<Found<'_>, Draft> {
        let url = self.request.request_uri().ok_or_else(|| self.refuse(StatusCode::BadRequest))?;
        let target = Target::of(url);
        // A query says nothing, unless it is part of another path of a mount. Then answers use the mount's
        // own path: clients drop queries from what they are given.
        let by_query = || {
            let mount = self.mounts.find(&format!("{}?{}", target.path, target.query?))?;
            Some((mount.path.clone(), mount))
        };
        let by_path = || {
            let mount = self.mounts.find(target.path)?;
            // A track's name needs a path in front of it.
            let base = if target.path.is_empty() { mount.path.as_str() } else { target.path };
            Some((base.to_owned(), mount))
        };
        let found = match target.track {
            Track::Unknown => None,
            Track::Aggregate | Track::Video => by_query().or_else(by_path),
        };
        // A mount that is not the reader's looks the same whether it exists or not.
        let path = found.as_ref().map_or(target.path, |(_, mount)| mount.path.as_str());
        if self.reader.as_ref().is_some_and(|reader| !reader.may_read(path)) {
            return Err(self.refuse(StatusCode::Forbidden));
        }
        found
            .map(|(base, mount)| Found { url, track: target.track, base, mount })
            .ok_or_else(|| self.refuse(StatusCode::NotFound))
    }

    fn ok(&self) -> Draft {
        Draft::new(self.method, StatusCode::Ok, Some(self.cseq))
    }

    fn refuse(&self, status: StatusCode) -> Draft {
        Draft::new(self.method, status, Some(self.cseq))
    }

    fn unavailable(&self) -> Draft {
        unavailable_draft(self.method, self.cseq)
    }
}

impl Session {
    pub(super) fn belongs_to(&self, reader: Option<&Reader>) -> bool {
        self.owner.as_ref().map(|owner| &owner.name) == reader.map(|reader| &reader.name)
    }

    /// The `Session` header. Nothing may follow the time-out: there are clients that refuse it.
    fn header(&self) -> String {
        format!("{};timeout={}", self.id, SESSION_TIMEOUT_ADVERTISED.as_secs())
    }
}

/// The answer to a PLAY that plays, with its first packet where that is known.
pub(super) fn playing(session: &Session, cseq: u32, first: Option<FirstPacket>) -> Answer {
    let mut draft = Draft::new(MethodName::Play, StatusCode::Ok, Some(cseq))
        .header(headers::SESSION, session.header())
        .header(headers::RANGE, "npt=now-");
    if let Some(FirstPacket { sequence, timestamp }) = first {
        let url = &session.track_url;
        draft = draft
            .header(headers::RTP_INFO, format!("url={url};seq={sequence};rtptime={timestamp}"));
    }
    draft.empty()
}

/// The answer to a request for a mount that cannot be played now.
pub(super) fn unavailable(method: MethodName, cseq: u32) -> Answer {
    unavailable_draft(method, cseq).empty()
}

fn unavailable_draft(method: MethodName, cseq: u32) -> Draft {
    Draft::new(method, StatusCode::ServiceUnavailable, Some(cseq))
        .header(headers::RETRY_AFTER, RETRY_AFTER_SECONDS)
}
