//! Why sessions and connections end, as logs tell it.

use std::io;

use cofferdam_publish::SubscriptionEnd;
use cofferdam_rtsp::{CloseReason, SessionEnd};

/// Why a session or a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// TEARDOWN.
    Teardown,
    /// The reader closed the connection.
    ReaderLeft,
    /// The connection broke.
    Broken,
    /// The reader does not keep up.
    TooSlow,
    /// The camera is lost, and sessions are to end then.
    SignalLost,
    /// The gateway is stopping.
    Stopping,
    /// Nothing was heard of the reader.
    TimedOut,
    /// The reader has set up another session.
    Replaced,
    /// Its account is not what it was, or is gone.
    AccountReplaced,
    /// The connection asked for nothing.
    Idle,
    /// Nobody proved who reads.
    NoLogin,
    /// A request was begun and not finished.
    SlowRequest,
    /// What came is no RTSP.
    Unframed,
    /// What came is HTTP, which is another task's.
    Tunnel,
}

impl End {
    /// Those of a session.
    pub(crate) const OF_SESSIONS: [Self; 11] = [
        Self::Teardown,
        Self::ReaderLeft,
        Self::Broken,
        Self::TooSlow,
        Self::SignalLost,
        Self::Stopping,
        Self::TimedOut,
        Self::Replaced,
        Self::AccountReplaced,
        Self::SlowRequest,
        Self::Unframed,
    ];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Teardown => "teardown",
            Self::ReaderLeft => "reader left",
            Self::Broken => "connection broken",
            Self::TooSlow => "reader too slow",
            Self::SignalLost => "camera lost",
            Self::Stopping => "stopping",
            Self::TimedOut => "session timed out",
            Self::Replaced => "set up anew",
            Self::AccountReplaced => "account replaced",
            Self::Idle => "idle",
            Self::NoLogin => "no login",
            Self::SlowRequest => "request not finished",
            Self::Unframed => "no RTSP",
            Self::Tunnel => "half a tunnel",
        }
    }
}

impl From<&io::Error> for End {
    /// The kernel gives a connection up when the reader has taken nothing for long.
    fn from(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut { Self::TooSlow } else { Self::Broken }
    }
}

impl From<SessionEnd> for End {
    fn from(end: SessionEnd) -> Self {
        match end {
            SessionEnd::Teardown => Self::Teardown,
            SessionEnd::TimedOut => Self::TimedOut,
            SessionEnd::Replaced => Self::Replaced,
            SessionEnd::AccountReplaced => Self::AccountReplaced,
        }
    }
}

impl From<CloseReason> for End {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::SessionTimedOut => Self::TimedOut,
            CloseReason::Idle => Self::Idle,
            CloseReason::NoLogin => Self::NoLogin,
            CloseReason::SlowRequest => Self::SlowRequest,
            CloseReason::Unframed => Self::Unframed,
            CloseReason::AccountReplaced => Self::AccountReplaced,
        }
    }
}

impl From<SubscriptionEnd> for End {
    fn from(end: SubscriptionEnd) -> Self {
        match end {
            SubscriptionEnd::SignalLost => Self::SignalLost,
            SubscriptionEnd::TooSlow => Self::TooSlow,
            SubscriptionEnd::Stopping => Self::Stopping,
        }
    }
}
