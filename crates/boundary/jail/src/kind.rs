//! The kinds of process, and the list of system calls of each.

use crate::policy::{Filters, Policy, PolicyError};

/// A kind of process with a jail of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Worker of the camera side: RTSP, decoders.
    Ingest,
    /// Worker of the core side: encoders.
    Encode,
    /// `cofferdam probe`: does what an ingest worker does, for someone at a terminal, and opens its
    /// connection itself.
    Probe,
    /// The camera side's supervisor. Its list is looser, and its workers are started under it.
    Dialer,
    /// The core side's server. Its list is looser, and its workers are started under it.
    Server,
}

/// How an ingest worker comes by its connection to the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CameraConnection {
    /// The worker opens it: `socket` and `connect` over TCP are allowed.
    Own,
    /// The dialer's socket broker answers `socket` and `connect`, and the kernel carries out
    /// neither. Another filter, installed before this jail, asks the broker; of two verdicts the
    /// stricter one counts, so this list may allow both.
    #[cfg_attr(not(test), allow(dead_code))]
    Brokered,
}

/// The one place that says which of the two it is.
const CAMERA_CONNECTION: CameraConnection = CameraConnection::Own;

const INGEST: &str = include_str!(concat!(lists!(), "ingest.list"));
const OWN_CONNECTION: &str = include_str!(concat!(lists!(), "ingest-own-connection.list"));
const BROKERED_CONNECTION: &str =
    include_str!(concat!(lists!(), "ingest-brokered-connection.list"));

impl Kind {
    /// The two kinds of worker.
    pub const WORKERS: [Self; 2] = [Self::Ingest, Self::Encode];

    /// The kind's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Encode => "encode",
            Self::Probe => "probe",
            Self::Dialer => "dialer",
            Self::Server => "server",
        }
    }

    /// The list's text: the very file, or two, under `config/seccomp/`.
    #[must_use]
    pub fn list(self) -> String {
        let parts: &[&str] = match self {
            Self::Ingest if CAMERA_CONNECTION == CameraConnection::Brokered => {
                &[INGEST, BROKERED_CONNECTION]
            }
            Self::Ingest | Self::Probe => &[INGEST, OWN_CONNECTION],
            Self::Encode => &[include_str!(concat!(lists!(), "encode.list"))],
            Self::Dialer => &[include_str!(concat!(lists!(), "dialer.list"))],
            Self::Server => &[include_str!(concat!(lists!(), "server.list"))],
        };
        parts.concat()
    }

    /// The list, parsed.
    ///
    /// # Errors
    /// The first line that is not understood: a test holds that there is none.
    pub fn policy(self) -> Result<Policy, PolicyError> {
        Policy::parse(&self.list())
    }

    pub(crate) fn filters(self) -> Result<Filters, PolicyError> {
        self.policy()?.compile()
    }

    /// Whether Landlock lets it connect to a TCP port.
    pub(crate) const fn landlock_connects(self) -> bool {
        match self {
            Self::Ingest => matches!(CAMERA_CONNECTION, CameraConnection::Own),
            Self::Probe => true,
            Self::Encode | Self::Dialer | Self::Server => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_compiles() {
        for kind in [Kind::Ingest, Kind::Encode, Kind::Probe, Kind::Dialer, Kind::Server] {
            assert!(kind.filters().is_ok(), "{}: {:?}", kind.name(), kind.filters());
        }
        for connection in [OWN_CONNECTION, BROKERED_CONNECTION] {
            let list = [INGEST, connection].concat();
            assert!(Policy::parse(&list).and_then(|policy| policy.compile()).is_ok());
        }
    }
}
