//! The audit log: who came, who was refused, who watched what and for how long.
//!
//! Every event has the target `audit`, a field `audit` that says what happened, and, here, the reader's address.
//! Nothing that a reader typed is in it: an account is named only where there is one.

use std::net::SocketAddr;

use cofferdam_publish::Mount;
use cofferdam_rtsp::{Login, ReaderName, TransportKind};

use super::End;
use crate::playback::Playback;

/// What an account is called where everybody may read.
const ANONYMOUS: &str = "anonymous";

pub(super) fn login(peer: SocketAddr, login: &Login) {
    match login {
        Login::Granted(name) => {
            tracing::info!(target: "audit", audit = "login", reader = %peer, account = name.as_str(), "logged in");
        }
        // The first request of every login: no event of its own.
        Login::Challenged => {}
        Login::Stale => {
            tracing::info!(target: "audit", audit = "stale", reader = %peer, "answered another challenge");
        }
        Login::Refused { reader, reason } => {
            let account = reader.as_ref().map_or("unknown", ReaderName::as_str);
            tracing::warn!(
                target: "audit",
                audit = "refused",
                reader = %peer,
                account,
                reason = reason.label(),
                "login refused"
            );
        }
    }
}

/// A request for something that is not the account's.
pub(super) fn forbidden(peer: SocketAddr, account: Option<&ReaderName>) {
    let account = account.map_or(ANONYMOUS, ReaderName::as_str);
    tracing::warn!(target: "audit", audit = "forbidden", reader = %peer, account, "mount refused");
}

pub(super) fn session_start(
    peer: SocketAddr,
    account: Option<&ReaderName>,
    mount: &Mount,
    transport: TransportKind,
) {
    tracing::info!(
        target: "audit",
        audit = "session_start",
        reader = %peer,
        account = account.map_or(ANONYMOUS, ReaderName::as_str),
        camera = %mount.camera(),
        mount = mount.kind().label(),
        transport = transport.label(),
        "session plays"
    );
}

pub(super) fn session_end(
    peer: SocketAddr,
    account: Option<&ReaderName>,
    playback: &Playback,
    end: End,
) {
    tracing::info!(
        target: "audit",
        audit = "session_end",
        reader = %peer,
        account = account.map_or(ANONYMOUS, ReaderName::as_str),
        camera = %playback.mount.camera(),
        mount = playback.mount.kind().label(),
        reason = end.label(),
        packets = playback.packets(),
        dropped = playback.dropped(),
        "session ended"
    );
}
