//! A side's socket to the parent that runs both sides.
//!
//! The parent sends fresh connections to the other side. The side says once that it has started; the core side says
//! as well what became of accounts that it was asked to take over.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use cofferdam_handover::receive_with_descriptor;
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::exit::Exit;

/// The descriptor a side started by `both` has its parent's socket on.
pub(crate) const DESCRIPTOR: i32 = 3;

/// The byte that says "started".
pub(crate) const STARTED: u8 = b'S';
/// The byte that says that accounts were taken over.
pub(crate) const TAKEN: u8 = b'T';
/// The byte that says that they were refused.
pub(crate) const REFUSED: u8 = b'R';

/// The parent, from a side's point of view.
#[derive(Debug)]
pub(crate) struct Parent(UnixStream);

impl Parent {
    /// Takes the inherited socket. Call first thing in the process.
    pub(crate) fn inherited() -> Result<Self, Exit> {
        let socket = || -> io::Result<UnixStream> {
            let fd = cofferdam_jail::inherited(DESCRIPTOR).map_err(io::Error::other)?;
            let socket = std::os::unix::net::UnixStream::from(fd);
            socket.set_nonblocking(true)?;
            UnixStream::from_std(socket)
        };
        socket().map(Self).map_err(|error| Exit::run_time(format!("the parent's socket: {error}")))
    }

    /// Says that this side has started: from now on its end is a fault and not a refusal.
    pub(crate) fn started(&self) -> Result<(), Exit> {
        self.say(STARTED).map_err(|error| Exit::run_time(format!("telling the parent: {error}")))
    }

    /// Says whether accounts were taken over.
    pub(crate) fn asked_for_accounts(&self, taken: bool) {
        if let Err(error) = self.say(if taken { TAKEN } else { REFUSED }) {
            tracing::warn!(%error, "telling the parent what became of accounts");
        }
    }

    fn say(&self, byte: u8) -> io::Result<()> {
        // Written past the event loop, which may not have looked at the socket yet; one byte fits.
        rustix::io::write(&self.0, &[byte])?;
        Ok(())
    }

    /// The next connection to the other side; `None` when the parent is gone.
    pub(crate) async fn connection(&self) -> io::Result<Option<OwnedFd>> {
        let receive = || receive_with_descriptor(self.0.as_fd(), &mut [0]);
        self.0.async_io(Interest::READABLE, receive).await
    }

    /// The socket itself, for whoever receives from it in a way of its own.
    pub(crate) fn into_descriptor(self) -> Result<OwnedFd, Exit> {
        let socket = self.0.into_std();
        socket.map(Into::into).map_err(|e| Exit::run_time(format!("the parent's socket: {e}")))
    }
}
