//! The receiving half of a connection: from bytes to what the RTSP connection makes of them.

use std::io;

use cofferdam_rtp::rtcp::{self, Incoming};
use cofferdam_rtsp::{Frame, Login, MalformedReason, Refusal as LoginRefusal, TunnelRequest};
use tokio::time::Instant;

use super::{Driver, End, audit};
use crate::metrics::Refusal;
use crate::playback::Route;
use crate::tls;

/// What is read at once.
const READ_LEN: usize = 4096;

impl Driver {
    /// Answers what has been read. Answers that do not fit hold back the requests behind them.
    pub(super) fn answer(&mut self) -> Result<(), End> {
        self.flush()?;
        while self.handle_frames() {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn read(&mut self) -> Result<(), End> {
        let mut buffer = [0; READ_LEN];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => Err(End::ReaderLeft),
            Ok(length) => self.take_in(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.shared.metrics.malformed(MalformedReason::Tls);
                if tls::is_certificate_refused(&error) {
                    let login = Login::Refused { reader: None, reason: LoginRefusal::Unknown };
                    self.shared.metrics.login(&login);
                    audit::login(self.peer, &login);
                }
                Err(End::Unframed)
            }
            Err(error) => Err(End::from(&error)),
        }
    }

    /// Takes in what was read, unless it is no RTSP but HTTP.
    fn take_in(&mut self, bytes: &[u8]) -> Result<(), End> {
        // Requests come another way: what comes here says nothing.
        if self.tunnelled.is_some() {
            return Ok(());
        }
        if let Some(first) = &mut self.first {
            first.extend_from_slice(bytes);
            match TunnelRequest::begins(first) {
                Some(true) => return Err(End::Tunnel),
                Some(false) => {
                    self.framer.push(&std::mem::take(first));
                    self.identify();
                }
                // A few bytes, for no longer than a connection may go without a login.
                None => return Ok(()),
            }
            self.first = None;
            return Ok(());
        }
        self.framer.push(bytes);
        Ok(())
    }

    /// Looks for the reader's certificate, once that would be there and what it says is RTSP: halves of a tunnel are
    /// one login.
    pub(super) fn identify(&mut self) {
        if self.is_identified || self.stream.is_handshaking() {
            return;
        }
        self.is_identified = true;
        if let Some(certificate) = self.stream.peer_certificate() {
            let outputs = self.protocol.certificate_shown(certificate);
            self.perform(outputs);
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
                    self.protocol.handle_request(now, &request, &self.shared.directory())
                }
                Frame::Malformed(malformed) => self.protocol.handle_malformed(now, &malformed),
                Frame::Interleaved { channel, payload } => {
                    self.interleaved(channel, &payload);
                    continue;
                }
            };
            self.perform(outputs);
        }
        // What is behind a request that waits to be judged cannot be told from one that was begun.
        let begun = self.framer.is_mid_frame() && !self.protocol.is_holding();
        let mid_frame = begun || self.stream.is_handshaking();
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
            // Some clients keep a path through a firewall open with empty RTP, some report before they play,
            // and some say goodbye after TEARDOWN.
            None if self.protocol.has_had_session() => {}
            None => self.shared.metrics.malformed(MalformedReason::Channel),
        }
    }

    pub(super) fn heard(&mut self, incoming: &Incoming) {
        self.protocol.keep_alive(Instant::now().into_std());
        if let Some(playback) = &mut self.playback {
            playback.heard(incoming, &self.shared.metrics);
        }
    }
}
