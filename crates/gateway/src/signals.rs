//! What the operating system asks for.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To stop: SIGTERM or SIGINT.
    Stop,
    /// To read anew what can be: SIGHUP.
    Reload,
}

/// The signals a long-running process heeds.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Takes over SIGTERM, SIGINT and SIGHUP.
    pub(crate) fn take() -> Result<Self, Exit> {
        let take = |kind| {
            signal(kind).map_err(|error| Exit::run_time(format!("taking over signals: {error}")))
        };
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            hang_up: take(SignalKind::hangup())?,
        })
    }

    /// The next thing that is asked for. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }

    /// Completes when the process is to stop, where it has nothing to read anew. Safe to cancel.
    pub(crate) async fn stop(&mut self) {
        while self.next().await == Asked::Reload {
            tracing::warn!("SIGHUP ignored: only accounts are read anew, by the core side");
        }
    }
}
