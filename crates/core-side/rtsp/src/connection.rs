//! One reader's connection: its session, its timers, and what each request does to them.

mod methods;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rtsp_types::headers;
use rtsp_types::{StatusCode, Version};

use crate::access::{Verdict, challenge};
use crate::answer::Draft;
use crate::framer::number;
use crate::{
    Access, Answer, FrameError, Malformed, MethodName, MountDirectory, Nonce, PortPair, Request,
    Transport,
};

/// What a session's readers are told: renew within this time (RFC 2326 §12.37).
pub const SESSION_TIMEOUT_ADVERTISED: Duration = Duration::from_secs(60);
/// What is enforced: common clients renew after 60 to 70 seconds.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a connection may stay without a session and without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long PLAY waits for the packet that its answer names.
pub const PLAY_DEADLINE: Duration = Duration::from_secs(2);
/// How long a request may take from its first byte to its last.
const FRAME_DEADLINE: Duration = Duration::from_secs(10);

/// What a connection is told at its start.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionSettings {
    /// Whom the server serves.
    pub access: Access,
    /// The nonce of this connection's challenges.
    pub nonce: Nonce,
    /// Random, different for each connection: session identifiers are made of it.
    pub session_seed: u64,
    /// The address that the reader connected to.
    pub local: IpAddr,
    /// The ports that datagrams are sent from, `None` when there are none.
    pub server_ports: Option<PortPair>,
}

/// What the shell is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this.
    Answer(Answer),
    /// Subscribe to the mount and call [`Connection::first_unit`] when its first unit is at hand.
    /// No packet may be sent before the answer that call gives.
    StartPlaying {
        /// The mount's own path.
        mount: String,
        /// How to send.
        transport: Transport,
    },
    /// Send no more packets; the session stays.
    StopPlaying,
    /// Send no more packets and forget the session. It may not have been playing.
    EndSession(SessionEnd),
    /// Send what is due and close the connection.
    Close(CloseReason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// The reader said so.
    Teardown,
    /// The reader has not been heard of.
    TimedOut,
}

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Its session was not renewed.
    SessionTimedOut,
    /// Neither session nor request for [`IDLE_TIMEOUT`].
    Idle,
    /// A request was begun and not finished.
    SlowRequest,
    /// What came cannot be told into requests.
    Unframed,
}

/// The first packet that a reader will be sent, as PLAY's answer names it (RFC 2326 §12.33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPacket {
    /// Its sequence number.
    pub sequence: u16,
    /// Its RTP timestamp.
    pub timestamp: u32,
}

/// Where a connection stands (RFC 2326 appendix A.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No session.
    Init,
    /// A session that does not play.
    Ready,
    /// PLAY was asked for and is not answered yet.
    Starting,
    /// A session that plays.
    Playing,
}

#[derive(Debug)]
enum Phase {
    Init,
    Ready(Session),
    Starting(Session, PendingPlay),
    Playing(Session),
}

#[derive(Debug)]
struct Session {
    id: String,
    mount: String,
    /// The URL that packets are announced under: the one SETUP named.
    track_url: String,
    transport: Transport,
    renewed: Instant,
}

/// A PLAY that waits for its first packet.
#[derive(Debug)]
struct PendingPlay {
    cseq: u32,
    deadline: Instant,
}

/// Which session a request names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    None,
    Ours,
    Unknown,
}

/// One reader's connection. It holds at most one session, which ends with it.
#[derive(Debug)]
pub struct Connection {
    settings: ConnectionSettings,
    phase: Phase,
    last_request: Instant,
    /// Since when a frame has been incomplete.
    frame_begun: Option<Instant>,
    sessions: u32,
}

impl Connection {
    /// A connection that has just been accepted.
    #[must_use]
    pub const fn new(settings: ConnectionSettings, now: Instant) -> Self {
        Self { settings, phase: Phase::Init, last_request: now, frame_begun: None, sessions: 0 }
    }

    /// Where the connection stands.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Init => State::Init,
            Phase::Ready(_) => State::Ready,
            Phase::Starting(..) => State::Starting,
            Phase::Playing(_) => State::Playing,
        }
    }

    /// What a request does. Exactly one answer comes of it, now or, for PLAY, later.
    pub fn handle_request(
        &mut self,
        now: Instant,
        request: &Request,
        mounts: &impl MountDirectory,
    ) -> Vec<Output> {
        // Answers keep the order of requests, so a waiting PLAY is answered first.
        let mut outputs = self.answer_pending(now, None);
        self.last_request = now;
        let method = MethodName::from(request.method());
        let cseq = request.header(&headers::CSEQ).and_then(|h| number(h.as_str().as_bytes()));
        let refuse = |status| Draft::new(method, status, cseq);
        let Some(cseq) = cseq else {
            outputs.push(Output::Answer(refuse(StatusCode::BadRequest).empty()));
            return outputs;
        };
        let refusal = if request.version() != Version::V1_0 {
            Some(refuse(StatusCode::RTSPVersionNotSupported))
        } else if method != MethodName::Options
            && self.settings.access.verdict(request) == Verdict::Challenge
        {
            let challenge = challenge(self.settings.nonce);
            Some(
                refuse(StatusCode::Unauthorized)
                    .header(headers::WWW_AUTHENTICATE, challenge.as_str()),
            )
        } else {
            // No feature that could be required is offered.
            [headers::REQUIRE, headers::PROXY_REQUIRE].iter().find_map(|name| {
                let required = request.header(name)?;
                Some(
                    refuse(StatusCode::OptionNotSupported)
                        .header(headers::UNSUPPORTED, required.as_str()),
                )
            })
        };
        if let Some(refusal) = refusal {
            outputs.push(Output::Answer(refusal.empty()));
            return outputs;
        }
        let named = self.named(request);
        if named == Named::Ours {
            self.keep_alive(now);
        }
        methods::Call { connection: self, now, request, method, cseq, named, mounts }
            .run(&mut outputs);
        outputs
    }

    /// Answers what was framed like a request, but is none.
    pub fn handle_malformed(&mut self, now: Instant, malformed: &Malformed) -> Vec<Output> {
        let mut outputs = self.answer_pending(now, None);
        self.last_request = now;
        let status =
            if malformed.cseq.is_some() { malformed.status } else { StatusCode::BadRequest };
        let draft = Draft::new(MethodName::Other, status, malformed.cseq);
        outputs.push(Output::Answer(draft.empty()));
        outputs
    }

    /// Closes a connection that cannot be read any further. Who spoke RTSP is told.
    pub fn handle_frame_error(&mut self, now: Instant, error: FrameError) -> Vec<Output> {
        let malformed = Malformed { cseq: None, status: StatusCode::BadRequest };
        let mut outputs = match error {
            FrameError::NotRtsp => Vec::new(),
            FrameError::HeadTooLong | FrameError::BodyTooLong | FrameError::ContentLength => {
                self.handle_malformed(now, &malformed)
            }
        };
        outputs.push(Output::Close(CloseReason::Unframed));
        outputs
    }

    /// Answers a waiting PLAY, now that the first packet is known. Gives nothing when none waits:
    /// then packets may be sent already.
    pub fn first_unit(&mut self, now: Instant, first: FirstPacket) -> Vec<Output> {
        self.answer_pending(now, Some(first))
    }

    /// Refuses a waiting PLAY whose mount has ended meanwhile. Gives nothing when none waits.
    pub fn refuse_play(&mut self) -> Vec<Output> {
        match std::mem::replace(&mut self.phase, Phase::Init) {
            Phase::Starting(session, pending) => {
                self.phase = Phase::Ready(session);
                vec![Output::Answer(methods::unavailable(MethodName::Play, pending.cseq))]
            }
            other => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    /// Renews the session: the reader sent RTCP, or took what was written to its connection.
    pub const fn keep_alive(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Init => {}
            Phase::Ready(session) | Phase::Starting(session, _) | Phase::Playing(session) => {
                session.renewed = now;
            }
        }
    }

    /// Says whether a frame has begun that is not whole: it may not stay so for ever.
    pub fn set_mid_frame(&mut self, now: Instant, mid_frame: bool) {
        self.frame_begun = mid_frame.then(|| self.frame_begun.unwrap_or(now));
    }

    /// When [`handle_deadline`](Self::handle_deadline) is to be called, if nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let deadline = match &self.phase {
            Phase::Init => self.last_request + IDLE_TIMEOUT,
            Phase::Ready(session) | Phase::Playing(session) => session.renewed + SESSION_TIMEOUT,
            Phase::Starting(session, pending) => {
                pending.deadline.min(session.renewed + SESSION_TIMEOUT)
            }
        };
        self.frame_begun.map_or(deadline, |begun| deadline.min(begun + FRAME_DEADLINE))
    }

    /// What has come due at `now`.
    pub fn handle_deadline(&mut self, now: Instant) -> Vec<Output> {
        let mut outputs = Vec::new();
        if matches!(&self.phase, Phase::Starting(_, pending) if pending.deadline <= now) {
            outputs = self.answer_pending(now, None);
        }
        let session_over = match &self.phase {
            Phase::Init => false,
            Phase::Ready(session) | Phase::Starting(session, _) | Phase::Playing(session) => {
                session.renewed + SESSION_TIMEOUT <= now
            }
        };
        if session_over {
            outputs.extend(self.answer_pending(now, None));
            self.phase = Phase::Init;
            outputs.push(Output::EndSession(SessionEnd::TimedOut));
            outputs.push(Output::Close(CloseReason::SessionTimedOut));
        } else if self.frame_begun.is_some_and(|begun| begun + FRAME_DEADLINE <= now) {
            outputs.push(Output::Close(CloseReason::SlowRequest));
        } else if matches!(self.phase, Phase::Init) && self.last_request + IDLE_TIMEOUT <= now {
            outputs.push(Output::Close(CloseReason::Idle));
        }
        outputs
    }

    fn answer_pending(&mut self, now: Instant, first: Option<FirstPacket>) -> Vec<Output> {
        match std::mem::replace(&mut self.phase, Phase::Init) {
            Phase::Starting(mut session, pending) => {
                session.renewed = session.renewed.max(now);
                let answer = methods::playing(&session, pending.cseq, first);
                self.phase = Phase::Playing(session);
                vec![Output::Answer(answer)]
            }
            other => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::Init => None,
            Phase::Ready(session) | Phase::Starting(session, _) | Phase::Playing(session) => {
                Some(session)
            }
        }
    }

    fn named(&self, request: &Request) -> Named {
        let Some(header) = request.header(&headers::SESSION) else { return Named::None };
        let id = header.as_str().split(';').next().unwrap_or_default().trim();
        match self.session() {
            Some(session) if session.id == id => Named::Ours,
            _ => Named::Unknown,
        }
    }

    /// An identifier that no other session of this gateway has.
    fn next_session_id(&mut self) -> String {
        self.sessions = self.sessions.wrapping_add(1);
        format!("{:016X}{:04X}", self.settings.session_seed, self.sessions)
    }
}
