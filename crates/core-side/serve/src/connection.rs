//! One reader's connection: a task that reads, writes, and does what the RTSP connection says.

mod audit;
mod end;
mod send;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use cofferdam_publish::{Mounts, Subscription, SubscriptionEnd, Unit};
use cofferdam_rtp::rtcp::{self, Cname, Incoming};
use cofferdam_rtsp::{
    Connection, ConnectionSettings, Frame, Framer, Login, MalformedReason, Nonce, Output,
    ReaderName, State,
};

use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::admission::Place;
use crate::datagrams::{Datagrams, Feedback};
use crate::directory::Directory;
use crate::metrics::{Refusal, ServeMetrics};
use crate::outbox::Outbox;
use crate::playback::{Playback, Route};
use crate::{ServerSettings, sockets};
use end::End;

/// What is read at once.
const READ_LEN: usize = 4096;
/// Answers that may wait for a reader that asks and does not read. Beyond, it is not read either.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// How long a reader may take nothing while something waits for it.
const STALL_DEADLINE: Duration = Duration::from_secs(10);
/// How often a reader that does not keep up is looked at.
const STALL_CHECK: Duration = Duration::from_secs(1);
/// The status of an answer to a reader who is known and may not (RFC 2326 §7.1.1).
const FORBIDDEN: u16 = 403;
/// How long what is due may take before the connection is closed over it.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: ServerSettings,
    pub(crate) mounts: Mounts,
    pub(crate) metrics: ServeMetrics,
    pub(crate) datagrams: Datagrams,
}

/// Serves the reader at the other end of `stream` until one of the two has had enough.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) {
    let metrics = shared.metrics.clone();
    match Driver::new(stream, peer, place, shared) {
        Ok(driver) => driver.run(stop).await,
        Err(error) => {
            metrics.refused(Refusal::Internal);
            tracing::debug!(reader = %peer, %error, "connection not taken on");
        }
    }
}

struct Driver {
    stream: TcpStream,
    peer: SocketAddr,
    local: IpAddr,
    place: Place,
    shared: Arc<Shared>,
    cname: Cname,
    framer: Framer,
    protocol: Connection,
    outbox: Outbox,
    /// Since when the kernel has taken nothing of what waits.
    stalled: Option<Instant>,
    playback: Option<Playback>,
    /// Whose the session is that plays, `None` where everybody may read.
    account: Option<ReaderName>,
    closing: Option<Closing>,
}

/// A connection that only sends what is due.
struct Closing {
    end: End,
    deadline: Instant,
}

enum Event {
    Ready(io::Result<Ready>),
    Unit(Result<Arc<Unit>, SubscriptionEnd>),
    Feedback(Incoming),
    Deadline,
    Stop,
}

impl Driver {
    fn new(
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        sockets::tune(&stream, &shared.settings.limits)?;
        let local = stream.local_addr()?.ip();
        let (mut nonce, mut name) = ([0; 16], [0; 16]);
        getrandom::fill(&mut nonce)?;
        getrandom::fill(&mut name)?;
        let session_seed = getrandom::u64()?;
        let cname =
            Cname::new(format!("{:032x}", u128::from_be_bytes(name))).map_err(io::Error::other)?;
        let now = Instant::now();
        let protocol = Connection::new(
            ConnectionSettings {
                access: shared.settings.access.clone(),
                nonce: Nonce::from_random(nonce),
                session_seed,
                local: local.to_canonical(),
                peer: peer.ip().to_canonical(),
                server_ports: Some(shared.datagrams.ports()),
            },
            now.into_std(),
        );
        Ok(Self {
            stream,
            peer,
            local,
            place,
            shared,
            cname,
            framer: Framer::new(),
            protocol,
            outbox: Outbox::default(),
            stalled: None,
            playback: None,
            account: None,
            closing: None,
        })
    }

    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tracing::debug!(reader = %self.peer, "connected");
        let end = loop {
            let event = self.next_event(&mut stop).await;
            if let Err(end) = self.handle(event).await {
                break end;
            }
            if let Some(closing) = &self.closing
                && (self.outbox.is_empty() || closing.deadline <= Instant::now())
            {
                break closing.end;
            }
        };
        self.end_session(end);
        tracing::debug!(reader = %self.peer, reason = end.label(), "disconnected");
    }

    async fn next_event(&mut self, stop: &mut watch::Receiver<bool>) -> Event {
        let deadline = self.deadline();
        let open = self.closing.is_none();
        let interest = self.interest();
        let wants_unit = open && self.outbox.is_empty();
        let (subscription, feedback) =
            self.playback.as_mut().map_or((None, None), Playback::sources);
        tokio::select! {
            ready = ready(&self.stream, interest) => Event::Ready(ready),
            unit = next_unit(subscription.filter(|_| wants_unit)) => Event::Unit(unit),
            incoming = next_feedback(feedback) => Event::Feedback(incoming),
            () = sleep_until(deadline) => Event::Deadline,
            // An error says that the server is gone: the same.
            _ = stop.wait_for(|stop| *stop), if open => Event::Stop,
        }
    }

    fn interest(&self) -> Option<Interest> {
        let read = self.takes_requests();
        match (read, !self.outbox.is_empty()) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }

    /// Whether there is room for an answer. None is given before that to PLAY, which waits for the
    /// packet it names, or to a request that waits to be judged: whoever does not wait for answers is to
    /// be told of it all the same.
    fn takes_requests(&self) -> bool {
        self.closing.is_none()
            && self.outbox.answer_bytes() < MAX_ANSWER_BYTES
            && self.protocol.state() != State::Starting
            && !self.protocol.is_holding()
    }

    fn deadline(&self) -> Instant {
        if let Some(closing) = &self.closing {
            return closing.deadline;
        }
        let mut deadline = Instant::from_std(self.protocol.deadline());
        if let Some(playback) = &self.playback
            && self.protocol.state() == State::Playing
        {
            deadline = deadline.min(playback.next_report());
        }
        if let Some(since) = self.stalled {
            let next = Instant::now() + STALL_CHECK;
            deadline = deadline.min(next).min(since + STALL_DEADLINE);
        }
        deadline
    }

    /// Does what an event calls for. An error ends the connection at once.
    async fn handle(&mut self, event: Event) -> Result<(), End> {
        match event {
            Event::Ready(ready) => {
                if ready.map_err(|_| End::Broken)?.is_readable() && self.closing.is_none() {
                    self.read()?;
                }
            }
            Event::Unit(Ok(unit)) => self.send_unit(unit).await?,
            Event::Unit(Err(end)) => self.subscription_ended(end),
            Event::Feedback(incoming) => self.heard(&incoming),
            Event::Deadline => {}
            Event::Stop => self.close(End::Stopping),
        }
        self.answer()?;
        self.handle_deadlines().await?;
        // A PLAY that was answered without its packet held back what follows it.
        self.answer()
    }

    /// Answers what has been read. Answers that do not fit hold back the requests behind them.
    fn answer(&mut self) -> Result<(), End> {
        self.flush()?;
        while self.handle_frames() {
            self.flush()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), End> {
        let mut buffer = [0; READ_LEN];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => Err(End::ReaderLeft),
            Ok(length) => {
                self.framer.push(&buffer[..length]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(End::Broken),
        }
    }

    /// Handles what has been read, as far as there is room for answers. False when there was
    /// nothing to handle.
    fn handle_frames(&mut self) -> bool {
        let mut handled = false;
        while self.takes_requests() {
            let now = Instant::now().into_std();
            let frame = match self.framer.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => frame,
                Err(error) => {
                    self.shared.metrics.refused(Refusal::Malformed);
                    let outputs = self.protocol.handle_frame_error(now, error);
                    self.perform(outputs);
                    return true;
                }
            };
            handled = true;
            // The next frame has its own time.
            self.protocol.set_mid_frame(now, false);
            let outputs = match frame {
                Frame::Request(request) => {
                    self.protocol.handle_request(now, &request, &Directory(&self.shared.mounts))
                }
                Frame::Malformed(malformed) => self.protocol.handle_malformed(now, &malformed),
                Frame::Interleaved { channel, payload } => {
                    self.interleaved(channel, &payload);
                    continue;
                }
            };
            self.perform(outputs);
        }
        let mid_frame = self.framer.is_mid_frame();
        self.protocol.set_mid_frame(Instant::now().into_std(), mid_frame);
        handled
    }

    fn interleaved(&mut self, channel: u8, payload: &[u8]) {
        let listening = self.playback.as_ref().is_some_and(
            |playback| matches!(playback.route, Route::Interleaved { rtcp, .. } if rtcp == channel),
        );
        match listening.then(|| rtcp::parse(payload)) {
            Some(Ok(incoming)) => self.heard(&incoming),
            Some(Err(_)) => self.shared.metrics.malformed(MalformedReason::Rtcp),
            // Some clients keep a path through a firewall open with empty RTP.
            None if self.playback.is_some() => {}
            None => self.shared.metrics.malformed(MalformedReason::Channel),
        }
    }

    fn heard(&mut self, incoming: &Incoming) {
        self.protocol.keep_alive(Instant::now().into_std());
        if let Some(playback) = &mut self.playback {
            playback.heard(incoming, &self.shared.metrics);
        }
    }

    async fn handle_deadlines(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.closing.is_some() {
            return Ok(());
        }
        if self.stalled.is_some_and(|since| now >= since + STALL_DEADLINE) {
            return Err(End::TooSlow);
        }
        // The subscription is not asked for units while some wait to be written.
        let ended =
            self.playback.as_ref().and_then(Playback::subscription).and_then(Subscription::end);
        if let Some(end) = ended.filter(|_| self.stalled.is_some()) {
            self.subscription_ended(end);
        }
        if now.into_std() >= self.protocol.deadline() {
            let directory = Directory(&self.shared.mounts);
            let outputs = self.protocol.handle_deadline(now.into_std(), &directory);
            self.perform(outputs);
        }
        self.report().await;
        Ok(())
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Malformed(reason) => self.shared.metrics.malformed(reason),
                Output::Login(login) => {
                    self.shared.metrics.login(&login);
                    audit::login(self.peer, &login);
                    if matches!(login, Login::Granted(_)) {
                        self.place.prove();
                    }
                }
                Output::Answer(answer) => {
                    self.shared.metrics.answered(&answer);
                    if answer.status == FORBIDDEN {
                        audit::forbidden(self.peer, self.protocol.reader());
                    }
                    self.outbox.push(answer.bytes);
                }
                Output::StartPlaying { mount, transport } => self.start(&mount, transport),
                Output::StopPlaying => {
                    if let Some(playback) = &mut self.playback {
                        playback.pause();
                    }
                }
                Output::EndSession(end) => self.end_session(end.into()),
                Output::Close(reason) => self.close(reason.into()),
            }
        }
    }
}

async fn ready(stream: &TcpStream, interest: Option<Interest>) -> io::Result<Ready> {
    match interest {
        Some(interest) => stream.ready(interest).await,
        None => std::future::pending().await,
    }
}

async fn next_unit(subscription: Option<&mut Subscription>) -> Result<Arc<Unit>, SubscriptionEnd> {
    match subscription {
        Some(subscription) => subscription.next().await,
        None => std::future::pending().await,
    }
}

async fn next_feedback(feedback: Option<&mut Feedback>) -> Incoming {
    match feedback {
        Some(feedback) => feedback.next().await,
        None => std::future::pending().await,
    }
}
