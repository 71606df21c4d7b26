//! The supervisor's part: receiving a worker's questions and answering them.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};

use cofferdam_handover::receive_with_descriptor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::AddressFamily;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

use super::kernel::{Notification, answer, inject, receive};
use super::policy::{Answer, Stage};
use super::worker::LISTENER;

/// A connection to a camera, to be given to the camera's worker and to nobody else.
///
/// There is no way to read from it: what a camera sends is read by its worker, all of it.
#[derive(Debug)]
pub struct CameraSocket {
    descriptor: OwnedFd,
    family: AddressFamily,
}

impl CameraSocket {
    /// Takes a connection that nobody has read from, and makes it non-blocking: that is a property
    /// of the connection and goes with it.
    ///
    /// # Errors
    /// When it is not an open socket.
    pub fn new(connection: TcpStream) -> io::Result<Self> {
        connection.set_nonblocking(true)?;
        let family = match connection.local_addr()?.is_ipv4() {
            true => AddressFamily::INET,
            false => AddressFamily::INET6,
        };
        Ok(Self { descriptor: connection.into(), family })
    }
}

/// Answers one worker's questions.
///
/// Dropped, every question of the worker's is answered `ENOSYS` by the kernel.
#[derive(Debug)]
pub struct Supervisor {
    listener: AsyncFd<OwnedFd>,
    stage: Stage,
    socket: Option<CameraSocket>,
}

impl Supervisor {
    /// Receives the listener that a worker sends over `channel`, in [`install`](super::install).
    /// `None` when the worker closed its end first.
    ///
    /// Call within tokio's runtime. Safe to cancel.
    ///
    /// # Errors
    /// When the channel fails, or something else comes over it.
    pub async fn receive(channel: &UnixStream) -> io::Result<Option<Self>> {
        let mut byte = [0];
        let received = channel
            .async_io(Interest::READABLE, || receive_with_descriptor(channel.as_fd(), &mut byte))
            .await?;
        let Some(listener) = received else { return Ok(None) };
        if byte != [LISTENER] {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: an `OwnedFd` is open, and the same number, for as long as it lives.
        let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?;
        Ok(Some(Self { listener, stage: Stage::Early, socket: None }))
    }

    /// The connection that the worker's next TCP `socket` is answered with. A worker is offered one
    /// in its life: a second one is dropped.
    pub fn offer(&mut self, socket: CameraSocket) {
        if self.stage == Stage::Early {
            self.stage = Stage::Offered(socket.family);
            self.socket = Some(socket);
        }
    }

    /// Waits for the worker's next question, and answers it. `None` when the worker is gone.
    ///
    /// Never waits in the kernel, whatever becomes of the worker meanwhile. Safe to cancel: a
    /// question is taken and answered in one go.
    ///
    /// # Errors
    /// When the kernel does not take an answer. The worker may wait for it: drop this.
    pub async fn next(&mut self) -> io::Result<Option<Answer>> {
        loop {
            let mut ready = self.listener.readable().await?;
            // Readiness as tokio remembers it may be old, and taking a question that is not there
            // would wait for one.
            let polled = look(ready.get_inner())?;
            if !polled.contains(PollFlags::IN) {
                if polled.intersects(PollFlags::HUP | PollFlags::ERR) {
                    return Ok(None);
                }
                ready.clear_ready();
                continue;
            }
            match receive(self.listener.get_ref().as_fd()) {
                Ok(question) => {
                    if let Some(answer) = self.settle(question)? {
                        return Ok(Some(answer));
                    }
                }
                // The caller died, or this process got a signal.
                Err(Errno::NOENT | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Answers a question; `None` when nobody waits for the answer any more.
    fn settle(&mut self, question: Notification) -> io::Result<Option<Answer>> {
        let listener = self.listener.get_ref().as_fd();
        let mut chosen = self.stage.answer(question.call);
        let mut done = match (chosen, &self.socket) {
            (Answer::Injected, Some(socket)) => inject(listener, question, &socket.descriptor),
            (Answer::Connected, _) => answer(listener, question, None),
            _ => answer(listener, question, Some(Errno::ACCESS)),
        };
        if chosen == Answer::Injected && !matches!(done, Ok(()) | Err(Errno::NOENT)) {
            // It has no descriptor left, say, and still waits.
            chosen = Answer::Refused;
            done = answer(listener, question, Some(Errno::ACCESS));
        }
        match done {
            Ok(()) => {
                self.stage = self.stage.after(chosen);
                if chosen == Answer::Injected {
                    // From here on the connection is the worker's alone.
                    self.socket = None;
                }
                Ok(Some(chosen))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// What there is to be had of a listener at this moment.
fn look(listener: &OwnedFd) -> io::Result<PollFlags> {
    let mut polled = [PollFd::new(listener, PollFlags::IN)];
    loop {
        match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(_) => return Ok(polled[0].revents()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
