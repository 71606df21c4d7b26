//! Locking a child in as the workers, or the sides, lock themselves in, and answering for its sockets.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use cofferdam_jail::broker::{self, Supervisor};
use cofferdam_jail::{Jail, Kind, Locked, User, become_unprivileged, restrict_calls};

use crate::stage::Stage;

/// What a worker may map beyond what it has: as much as the real ones, roughly.
const MEMORY: u64 = 512 << 20;

/// Whose jail it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Jailing {
    /// A worker's.
    Worker(Kind),
    /// A side's.
    Side(Kind, User),
}

impl Jailing {
    /// By its name on the command line.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "ingest" => Some(Self::Worker(Kind::Ingest)),
            "encode" => Some(Self::Worker(Kind::Encode)),
            "dialer" => Some(Self::Side(Kind::Dialer, User::CAMERA)),
            "server" => Some(Self::Side(Kind::Server, User::CORE)),
            _ => None,
        }
    }

    /// Whether its sockets are asked for over a channel.
    pub(crate) const fn is_brokered(self) -> bool {
        matches!(self, Self::Worker(Kind::Ingest))
    }
}

/// Locks this process in, in the order in which the real one does it. `channel` leads to whoever
/// [answers](answer).
pub(crate) fn lock(
    jailing: Option<Jailing>,
    stage: &Stage,
    channel: &UnixStream,
) -> Result<Option<Locked>, String> {
    match jailing {
        None => Ok(None),
        Some(jailing @ Jailing::Worker(kind)) => {
            let jail = Jail::new(kind).memory(MEMORY).keep(stage.ring).keep(channel.as_raw_fd());
            let rehearsed = jail.rehearse().map_err(|error| error.to_string())?;
            if jailing.is_brokered() {
                broker::install(channel).map_err(|error| error.to_string())?;
            }
            rehearsed.lock().map(Some).map_err(|error| error.to_string())
        }
        Some(Jailing::Side(kind, user)) => {
            become_unprivileged(user)
                .and_then(|()| restrict_calls(kind))
                .map_err(|error| error.to_string())?;
            Ok(None)
        }
    }
}

/// Refuses every socket that the process at the other end of `channel` asks for, until it has ended: no
/// connection is ever offered.
pub(crate) fn answer(jailing: Option<Jailing>, channel: UnixStream) {
    if !jailing.is_some_and(Jailing::is_brokered) {
        return;
    }
    channel.set_nonblocking(true).expect("a socket");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.expect("a runtime without threads").block_on(async {
        let channel = tokio::net::UnixStream::from_std(channel).expect("a socket");
        let received = Supervisor::receive(&channel).await;
        let Some(mut supervisor) = received.expect("a listener") else { return };
        loop {
            tokio::select! {
                // Before Linux 6.11 a listener's end is told only when the process was waited for.
                () = closed(&channel) => return,
                answered = supervisor.next() => {
                    if answered.expect("an answer is taken").is_none() { return }
                }
            }
        }
    });
}

/// Waits until the other end is closed: nothing more is said there.
async fn closed(channel: &tokio::net::UnixStream) {
    // What tokio remembers of readiness may be old.
    while channel.readable().await.is_ok() {
        match channel.try_read(&mut [0]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}
