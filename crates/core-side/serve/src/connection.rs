//! One reader's connection: a task that reads, writes, and does what the RTSP connection says.

mod audit;
mod end;
mod lanes;
mod receive;
mod send;
mod waits;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cofferdam_publish::{Mounts, Pump, Subscription, SubscriptionEnd, Unit};
use cofferdam_rtp::rtcp::{Cname, Incoming};
use cofferdam_rtsp::{
    Channel, Connection, ConnectionSettings, Framer, Login, Nonce, Output, ReaderName, State,
    TUNNEL_OPEN,
};
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::admission::Place;
use crate::datagrams::Datagrams;
use crate::directory::Directory;
use crate::metrics::{Refusal, ServeMetrics};
use crate::multicast::Groups;
use crate::orders::{Order, Ordered};
use crate::outbox::Outbox;
use crate::password_checks::PasswordChecks;
use crate::playback::Playback;
use crate::stream::Stream;
use crate::tunnel::{self, Opening, Tunnelled, Tunnels};
use crate::{ServerSettings, sockets};
pub(crate) use end::End;
use waits::{checked, next_bytes, next_feedback, next_unit, ready};

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
    pub(crate) pump: Pump,
    pub(crate) password_checks: PasswordChecks,
    pub(crate) tunnels: Tunnels,
    pub(crate) groups: Groups,
}

impl Shared {
    fn directory(&self) -> Directory<'_> {
        Directory { mounts: &self.mounts, groups: &self.groups }
    }
}

/// Serves the reader at the other end of `stream` until one of the two has had enough.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    shared: Arc<Shared>,
    ordered: Ordered,
) {
    let metrics = shared.metrics.clone();
    let certificates = shared.settings.certificates.as_ref();
    let stream = sockets::tune(&stream, &shared.settings.limits)
        .and_then(|()| Stream::new(stream, certificates));
    match stream.and_then(|stream| Driver::new(stream, peer, place, shared)) {
        Ok(driver) => {
            if let Some(opening) = driver.run(ordered.clone()).await {
                tunnel::serve(opening, ordered).await;
            }
        }
        Err(error) => {
            metrics.refused(Refusal::Internal);
            tracing::debug!(reader = %peer, %error, "connection not taken on");
        }
    }
}

/// Serves the lower half of a tunnel.
pub(crate) async fn serve_tunnelled(opening: Opening, tunnelled: Tunnelled, ordered: Ordered) {
    let Opening { stream, peer, place, shared, .. } = opening;
    let Ok(mut driver) = Driver::new(stream, peer, place, shared) else { return };
    driver.outbox.push(Bytes::from_static(TUNNEL_OPEN));
    driver.first = None;
    driver.tunnelled = Some(tunnelled);
    driver.run(ordered).await;
}

struct Driver {
    stream: Stream,
    /// What was read first, until it is known to be RTSP.
    first: Option<Vec<u8>>,
    /// Where requests come from, if not from the stream.
    tunnelled: Option<Tunnelled>,
    /// Whether the certificate of the reader was looked for.
    is_identified: bool,
    checking: Option<JoinHandle<bool>>,
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
    /// None where the pump has given the reader back.
    Unit(Result<Option<Arc<Unit>>, SubscriptionEnd>),
    Feedback(Incoming),
    Checked(bool),
    Tunnelled(Bytes),
    Deadline,
    Ordered(Order),
}

impl Driver {
    fn new(
        stream: Stream,
        peer: SocketAddr,
        place: Place,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let local = stream.local_addr()?.ip();
        let channel =
            if shared.settings.certificates.is_some() { Channel::Tls } else { Channel::Clear };
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
                channel,
                local: local.to_canonical(),
                peer: peer.ip().to_canonical(),
                server_ports: Some(shared.datagrams.ports()),
            },
            now.into_std(),
        );
        Ok(Self {
            stream,
            first: Some(Vec::new()),
            tunnelled: None,
            is_identified: false,
            checking: None,
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

    /// Serves the reader. Gives the connection back where it turns out to be half a tunnel.
    async fn run(mut self, mut ordered: Ordered) -> Option<Opening> {
        tracing::debug!(reader = %self.peer, "connected");
        let end = loop {
            let event = self.next_event(&mut ordered).await;
            if let Err(end) = self.handle(event).await {
                break end;
            }
            if let Some(closing) = &self.closing
                && (!self.has_to_write() || closing.deadline <= Instant::now())
            {
                break closing.end;
            }
        };
        if end == End::Tunnel {
            let Self { stream, peer, place, shared, first, .. } = self;
            return Some(Opening { stream, peer, place, shared, read: first.unwrap_or_default() });
        }
        self.end_session(end);
        self.stream.say_goodbye();
        tracing::debug!(reader = %self.peer, reason = end.label(), "disconnected");
        None
    }

    async fn next_event(&mut self, ordered: &mut Ordered) -> Event {
        let deadline = self.deadline();
        let open = self.closing.is_none();
        let interest = self.interest();
        let wants_unit = open && !self.has_to_write();
        let wants_requests = self.takes_requests();
        let checking = self.checking.as_mut();
        let tunnelled = self.tunnelled.as_mut().filter(|_| wants_requests);
        let (subscription, feedback) =
            self.playback.as_mut().map_or((None, None), Playback::sources);
        tokio::select! {
            ready = ready(&self.stream, interest) => Event::Ready(ready),
            unit = next_unit(subscription.filter(|_| wants_unit)) => Event::Unit(unit),
            incoming = next_feedback(feedback) => Event::Feedback(incoming),
            is_right = checked(checking), if open => Event::Checked(is_right),
            bytes = next_bytes(tunnelled) => Event::Tunnelled(bytes),
            () = sleep_until(deadline) => Event::Deadline,
            order = ordered.next(), if open => Event::Ordered(order),
        }
    }

    fn interest(&self) -> Option<Interest> {
        let read = self.takes_requests();
        match (read, self.has_to_write()) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        }
    }

    fn has_to_write(&self) -> bool {
        !self.outbox.is_empty() || self.stream.wants_write()
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
        self.close_lane().await?;
        match event {
            Event::Ready(ready) => {
                if ready.map_err(|error| End::from(&error))?.is_readable() && self.closing.is_none()
                {
                    self.read()?;
                }
            }
            Event::Unit(Ok(Some(unit))) => self.send_unit(unit).await?,
            Event::Unit(Err(end)) => self.subscription_ended(end),
            Event::Feedback(incoming) => self.heard(&incoming),
            Event::Tunnelled(bytes) => {
                self.identify();
                self.framer.push(&bytes);
            }
            Event::Checked(is_right) => {
                self.checking = None;
                let now = Instant::now().into_std();
                let directory = self.shared.directory();
                let outputs = self.protocol.password_checked(now, is_right, &directory);
                self.perform(outputs);
            }
            Event::Unit(Ok(None)) | Event::Deadline => {}
            Event::Ordered(Order::Stop) => self.close(End::Stopping),
            Event::Ordered(Order::LookAtAccount) => {
                let outputs = self.protocol.handle_accounts_replaced(Instant::now().into_std());
                self.perform(outputs);
            }
        }
        self.answer()?;
        self.handle_deadlines().await?;
        // A PLAY that was answered without its packet held back what follows it.
        self.answer()?;
        self.open_lane();
        Ok(())
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
            let directory = self.shared.directory();
            let outputs = self.protocol.handle_deadline(now.into_std(), &directory);
            self.perform(outputs);
        }
        self.report(None).await;
        Ok(())
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::CheckPassword(check) => {
                    let (shared, from) = (Arc::clone(&self.shared), self.peer.ip());
                    let run = async move { shared.password_checks.run(check, from).await };
                    self.checking = Some(tokio::spawn(run));
                }
                Output::Malformed(reason) => self.shared.metrics.malformed(reason),
                Output::Login(login) => {
                    self.shared.metrics.login(&login);
                    audit::login(self.peer, &login);
                    if matches!(login, Login::Granted(_)) {
                        self.place.prove();
                        if let Some(tunnelled) = &self.tunnelled {
                            tunnelled.is_proven.send_replace(true);
                        }
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
