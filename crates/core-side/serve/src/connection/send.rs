//! The sending half of a connection: what goes to the reader, and which way.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use cofferdam_picture::MonotonicTime;
use cofferdam_publish::{SubscriptionEnd, Unit};
use cofferdam_rtsp::{State, Transport};
use tokio::time::Instant;

use super::{CLOSE_DEADLINE, Closing, Driver, End, audit};
use crate::datagrams::Destination;
use crate::playback::{Playback, Route, first_packet};

impl Driver {
    pub(super) fn start(&mut self, path: &str, transport: Transport) {
        let Some(mount) = self.shared.mounts.find(path) else {
            let refused = self.protocol.refuse_play();
            return self.perform(refused);
        };
        let route = match transport {
            Transport::Interleaved { rtp, rtcp } => Route::Interleaved { rtp, rtcp },
            Transport::Udp { client, .. } => {
                let address = self.peer.ip();
                let to = Destination {
                    rtp: SocketAddr::new(address, client.rtp),
                    rtcp: SocketAddr::new(address, client.rtcp),
                    source: self.shared.settings.listen.ip().is_unspecified().then_some(self.local),
                };
                Route::Datagrams { to, feedback: self.shared.datagrams.listen(to.rtcp) }
            }
            Transport::Multicast(_) => Route::Multicast,
        };
        // Where the mount's group is, the units that this session waits for go there from now on.
        let is_multicast = matches!(route, Route::Multicast);
        let member = is_multicast.then(|| self.shared.groups.join(&mount)).flatten();
        self.account = self.protocol.session_reader().cloned();
        let kind = self.protocol.transport_kind(transport);
        // A session that goes on after a pause is the same.
        if self.playback.is_none() {
            audit::session_start(self.peer, self.account.as_ref(), &mount, kind);
        }
        let traffic = self.shared.metrics.traffic(kind);
        let (cname, earlier) = (self.cname.clone(), self.playback.take());
        let mut playback =
            Playback::start(mount, route, traffic, cname, member, earlier, Instant::now());
        if let Some(lane) = self.lane(&playback) {
            playback.attach(self.shared.pump.clone(), lane);
        }
        self.playback = Some(playback);
    }

    pub(super) async fn send_unit(&mut self, unit: Arc<Unit>) -> Result<(), End> {
        let now = Instant::now().into_std();
        let outputs = self.protocol.first_unit(now, first_packet(&unit));
        self.perform(outputs);
        // Before the first packet, so that a reader knows its time from the beginning.
        self.report(Some(&unit)).await;
        // No datagram overtakes the answer that announces it.
        self.flush()?;
        let Some(playback) = &mut self.playback else { return Ok(()) };
        playback.count(&unit);
        match &playback.route {
            Route::Interleaved { rtp, .. } => {
                self.outbox.push_unit(unit.packets.framed_for(*rtp), unit);
            }
            Route::Datagrams { .. } => self.send_datagrams(&unit, 0).await,
            Route::Multicast => {}
        }
        Ok(())
    }

    /// Sends the packets of a unit from one on.
    pub(super) async fn send_datagrams(&self, unit: &Unit, packet: usize) {
        let Some(Route::Datagrams { to, .. }) = self.playback.as_ref().map(|it| &it.route) else {
            return;
        };
        match self.shared.datagrams.send_unit(unit, packet, to).await {
            Ok(()) => unit.sent(MonotonicTime::now()),
            // A datagram that cannot be sent is a datagram lost; the session ends when nothing is heard
            // of the reader any more.
            Err(error) => tracing::debug!(reader = %self.peer, %error, "unit not sent"),
        }
    }

    /// Sends the sender report that is due, if one is; in front of a unit, if one follows.
    pub(super) async fn report(&mut self, before: Option<&Unit>) {
        if self.protocol.state() != State::Playing {
            return;
        }
        let Some(playback) = &mut self.playback else { return };
        let Some(report) = playback.report(Instant::now(), before) else { return };
        match &playback.route {
            Route::Interleaved { rtcp, .. } => self.outbox.push(interleave(*rtcp, &report)),
            Route::Datagrams { to, .. } => {
                if let Err(error) = self.shared.datagrams.send_rtcp(&report, to).await {
                    tracing::debug!(reader = %self.peer, %error, "report not sent");
                }
            }
            Route::Multicast => {}
        }
    }

    pub(super) fn subscription_ended(&mut self, end: SubscriptionEnd) {
        let outputs = self.protocol.refuse_play();
        self.perform(outputs);
        self.close(end.into());
    }

    /// Says goodbye, if the session played, and forgets it.
    pub(super) fn end_session(&mut self, end: End) {
        let Some(playback) = self.playback.take() else { return };
        let goodbye = playback.goodbye();
        match &playback.route {
            Route::Interleaved { rtcp, .. } => self.outbox.push(interleave(*rtcp, &goodbye)),
            Route::Datagrams { to, .. } => {
                // The last of many datagrams: when it is lost, the connection's end tells the same.
                let _ = self.shared.datagrams.try_send_rtcp(&goodbye, to);
            }
            // Said to the group, once the last of it is gone.
            Route::Multicast => {}
        }
        self.shared.metrics.session_ended(end);
        audit::session_end(self.peer, self.account.as_ref(), &playback, end);
    }

    /// Ends the session; what is due may still go out.
    pub(super) fn close(&mut self, end: End) {
        self.end_session(end);
        // Whether a password is right is of no use any more.
        if let Some(checking) = self.checking.take() {
            checking.abort();
        }
        let deadline = Instant::now() + CLOSE_DEADLINE;
        self.closing.get_or_insert(Closing { end, deadline });
    }

    /// Writes as much as the kernel takes.
    pub(super) fn flush(&mut self) -> Result<(), End> {
        while !self.outbox.is_empty() {
            let (slices, count) = self.outbox.slices();
            match self.stream.try_write_vectored(&slices[..count]) {
                Ok(0) => return Err(End::Broken),
                Ok(written) => {
                    let now = Instant::now();
                    self.outbox.advance(written, |unit| unit.sent(MonotonicTime::now()));
                    self.stalled = None;
                    if self.playback.as_ref().is_some_and(Playback::is_interleaved) {
                        self.protocol.keep_alive(now.into_std());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled.get_or_insert_with(Instant::now);
                    return Ok(());
                }
                Err(error) => return Err(End::from(&error)),
            }
        }
        match self.stream.drain() {
            Ok(()) => self.stalled = None,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stalled.get_or_insert_with(Instant::now);
            }
            Err(error) => return Err(End::from(&error)),
        }
        Ok(())
    }
}

/// A report, framed for a channel. Reports are far shorter than the framing allows.
fn interleave(channel: u8, packet: &[u8]) -> Bytes {
    cofferdam_rtp::interleave(channel, packet).unwrap_or_default()
}
