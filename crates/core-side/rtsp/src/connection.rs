//! One reader's connection: its session, its timers, and what each request does to them.

mod login;
mod methods;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_accounts::{PasswordCheck, Reader, ReaderName, TransportKind};
use rtsp_types::StatusCode;
use rtsp_types::headers;

use crate::answer::Draft;
use crate::{
    Access, Answer, Channel, FrameError, Login, Malformed, MalformedReason, MethodName,
    MountDirectory, Nonce, PortPair, Request, Transport,
};
use login::{Held, Proven};

/// What a session's readers are told: renew within this time (RFC 2326 §12.37).
pub const SESSION_TIMEOUT_ADVERTISED: Duration = Duration::from_secs(60);
/// What is enforced: common clients renew after 60 to 70 seconds.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a connection may stay without a session and without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may stay before it has proved who reads, where that is asked for.
pub const LOGIN_DEADLINE: Duration = Duration::from_secs(30);
/// How long PLAY waits for the packet that its answer names.
pub const PLAY_DEADLINE: Duration = Duration::from_secs(2);
/// How long a connection may stay while a password is being checked, which waits for others.
pub const CHECK_DEADLINE: Duration = Duration::from_secs(300);
/// How long a request may take from its first byte to its last.
const FRAME_DEADLINE: Duration = Duration::from_secs(10);

/// What a connection is told at its start.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// Whom the server serves.
    pub access: Access,
    /// The nonce of this connection's challenges.
    pub nonce: Nonce,
    /// Random, different for each connection: session identifiers are made of it.
    pub session_seed: u64,
    /// How the connection is protected.
    pub channel: Channel,
    /// The address that the reader connected to.
    pub local: IpAddr,
    /// The address that the reader connected from.
    pub peer: IpAddr,
    /// The ports that datagrams are sent from, `None` when there are none.
    pub server_ports: Option<PortPair>,
}

/// What the shell is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this.
    Answer(Answer),
    /// Count this, and put it into the audit log.
    Login(Login),
    /// Have this checked, somewhere that a while does no harm, and call
    /// [`Connection::password_checked`].
    CheckPassword(PasswordCheck),
    /// Count this.
    Malformed(MalformedReason),
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
    /// The reader has set up another in its place.
    Replaced,
    /// Its account is not what it was, or is gone.
    AccountReplaced,
}

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Its session was not renewed.
    SessionTimedOut,
    /// Neither session nor request for [`IDLE_TIMEOUT`].
    Idle,
    /// Nobody proved who reads, for [`LOGIN_DEADLINE`].
    NoLogin,
    /// A request was begun and not finished.
    SlowRequest,
    /// What came cannot be told into requests.
    Unframed,
    /// The account that it logged in with is not what it was, or is gone.
    AccountReplaced,
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
    /// Whose it is, `None` where everybody may read.
    owner: Option<Arc<Reader>>,
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
    /// Who has proved to be at the other end.
    reader: Option<Arc<Reader>>,
    by_certificate: Option<Arc<Reader>>,
    proven: Option<Proven>,
    held: Option<Held>,
    begun: Instant,
    last_request: Instant,
    /// Since when a frame has been incomplete.
    frame_begun: Option<Instant>,
    sessions: u32,
}

impl Connection {
    /// A connection that has just been accepted.
    #[must_use]
    pub const fn new(settings: ConnectionSettings, now: Instant) -> Self {
        Self {
            settings,
            phase: Phase::Init,
            reader: None,
            by_certificate: None,
            proven: None,
            held: None,
            begun: now,
            last_request: now,
            frame_begun: None,
            sessions: 0,
        }
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

    /// Answers what was framed like a request, but is none.
    pub fn handle_malformed(&mut self, now: Instant, malformed: &Malformed) -> Vec<Output> {
        let mut outputs = self.answer_pending(now, None);
        self.last_request = now;
        let reason = match malformed.status {
            StatusCode::RTSPVersionNotSupported => MalformedReason::Version,
            _ => MalformedReason::Syntax,
        };
        outputs.push(Output::Malformed(reason));
        let status =
            if malformed.cseq.is_some() { malformed.status } else { StatusCode::BadRequest };
        let draft = Draft::new(MethodName::Other, status, malformed.cseq);
        outputs.push(Output::Answer(draft.empty()));
        outputs
    }

    /// Closes a connection that cannot be read any further. Who spoke RTSP is told.
    pub fn handle_frame_error(&mut self, now: Instant, error: FrameError) -> Vec<Output> {
        let mut outputs = self.answer_pending(now, None);
        self.last_request = now;
        outputs.push(Output::Malformed(error.into()));
        let status = match error {
            FrameError::NotRtsp => None,
            FrameError::BodyTooLong => Some(StatusCode::RequestMessageBodyTooLarge),
            FrameError::HeadTooLong | FrameError::ContentLength => Some(StatusCode::BadRequest),
        };
        if let Some(status) = status {
            let draft = Draft::new(MethodName::Other, status, None);
            outputs.push(Output::Answer(draft.empty()));
        }
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
            Phase::Init => self.init_deadline().0,
            Phase::Ready(session) | Phase::Playing(session) => session.renewed + SESSION_TIMEOUT,
            Phase::Starting(session, pending) => {
                pending.deadline.min(session.renewed + SESSION_TIMEOUT)
            }
        };
        let held = self.held.as_ref().and_then(Held::deadline);
        let deadline = held.map_or(deadline, |held| deadline.min(held));
        self.frame_begun.map_or(deadline, |begun| deadline.min(begun + FRAME_DEADLINE))
    }

    /// What has come due at `now`.
    pub fn handle_deadline(&mut self, now: Instant, mounts: &impl MountDirectory) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.judge_held(now, mounts, &mut outputs);
        if matches!(&self.phase, Phase::Starting(_, pending) if pending.deadline <= now) {
            outputs.extend(self.answer_pending(now, None));
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
        } else if matches!(self.phase, Phase::Init)
            && self.held.as_ref().and_then(Held::deadline).is_none()
        {
            let (deadline, reason) = self.init_deadline();
            if deadline <= now {
                outputs.push(Output::Close(reason));
            }
        }
        outputs
    }

    /// When a connection without a session is closed, and why.
    fn init_deadline(&self) -> (Instant, CloseReason) {
        if self.held.as_ref().is_some_and(Held::is_checked) {
            return (self.last_request + CHECK_DEADLINE, CloseReason::NoLogin);
        }
        let idle = self.last_request + IDLE_TIMEOUT;
        let login = self.begun + LOGIN_DEADLINE;
        let must_log_in =
            matches!(self.settings.access, Access::Accounts(_)) && self.reader.is_none();
        // A login that waits to be judged is not cut off.
        let held = self.held.as_ref().and_then(Held::deadline).unwrap_or(login);
        if must_log_in && login.max(held) < idle {
            (login.max(held), CloseReason::NoLogin)
        } else {
            (idle, CloseReason::Idle)
        }
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

    /// Who has proved to be at the other end.
    #[must_use]
    pub fn reader(&self) -> Option<&ReaderName> {
        self.reader.as_ref().map(|reader| &reader.name)
    }

    /// What accounts know `transport` as, on this connection.
    #[must_use]
    pub const fn transport_kind(&self, transport: Transport) -> TransportKind {
        match (self.settings.channel, transport) {
            (Channel::Tls, Transport::Interleaved { .. }) => TransportKind::Tls,
            (Channel::Clear, Transport::Interleaved { .. }) => TransportKind::Tcp,
            (_, Transport::Udp { .. }) => TransportKind::Udp,
            (_, Transport::Multicast(_)) => TransportKind::Multicast,
        }
    }

    /// Whose session it is, `None` where everybody may read or there is no session.
    #[must_use]
    pub fn session_reader(&self) -> Option<&ReaderName> {
        Some(&self.session()?.owner.as_ref()?.name)
    }

    /// Whether it has, or had, a session.
    #[must_use]
    pub const fn has_had_session(&self) -> bool {
        self.sessions > 0
    }

    fn named(&self, request: &Request, reader: Option<&Reader>) -> Named {
        let Some(header) = request.header(&headers::SESSION) else { return Named::None };
        let id = header.as_str().split(';').next().unwrap_or_default().trim();
        match self.session() {
            // Nobody renews or uses another reader's session.
            Some(session) if session.id == id && session.belongs_to(reader) => Named::Ours,
            _ => Named::Unknown,
        }
    }

    /// An identifier that no other session of this gateway has.
    fn next_session_id(&mut self) -> String {
        self.sessions = self.sessions.wrapping_add(1);
        format!("{:016X}{:04X}", self.settings.session_seed, self.sessions)
    }
}
