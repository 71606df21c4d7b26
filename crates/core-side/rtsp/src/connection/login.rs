//! Who sends a request, and how long it waits until that is judged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_accounts::Reader;
use rtsp_types::headers;
use rtsp_types::{StatusCode, Version};

use super::{Connection, ConnectionSettings, Named, Output, methods};
use crate::access::{Claimed, Verdict, challenge};
use crate::answer::Draft;
use crate::framer::number;
use crate::{Login, MalformedReason, MethodName, MountDirectory, Request};

/// A request that waits to be judged, because others have failed before it.
#[derive(Debug)]
pub(super) struct Held {
    request: Request,
    claimed: Claimed,
    pub(super) until: Instant,
}

/// What every answer to a request needs.
#[derive(Clone, Copy)]
struct Envelope {
    method: MethodName,
    cseq: u32,
}

/// Who sends a request, as far as that can be said.
enum Sender {
    /// This reader; `None` where everybody may read.
    Known(Option<Arc<Reader>>),
    /// To be asked again.
    Unknown {
        /// Whether the claim answered another challenge.
        stale: bool,
    },
}

impl Envelope {
    fn refuse(self, status: StatusCode) -> Draft {
        Draft::new(self.method, status, Some(self.cseq))
    }
}

impl Connection {
    /// What a request does. Exactly one answer comes of it: now, or later for PLAY and for a request that
    /// [is held](Self::is_holding).
    pub fn handle_request(
        &mut self,
        now: Instant,
        request: &Request,
        mounts: &impl MountDirectory,
    ) -> Vec<Output> {
        // Answers keep the order of requests, so a waiting PLAY is answered first.
        let mut outputs = self.answer_pending(now, None);
        self.last_request = now;
        let claimed = self.settings.access.claimed(request);
        let delay = self.delay(&claimed, now);
        if delay.is_zero() {
            self.judge(now, request, &claimed, mounts, &mut outputs);
        } else {
            self.held = Some(Held { request: request.clone(), claimed, until: now + delay });
        }
        outputs
    }

    /// Whether a request waits for [`deadline`](Self::deadline). No other may be handled before it.
    #[must_use]
    pub const fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Judges the request that waits, if it is due.
    pub(super) fn judge_held(
        &mut self,
        now: Instant,
        mounts: &impl MountDirectory,
        outputs: &mut Vec<Output>,
    ) {
        if let Some(held) = self.held.take_if(|held| held.until <= now) {
            self.last_request = now;
            self.judge(now, &held.request, &held.claimed, mounts, outputs);
        }
    }

    /// How long a request waits that claims to be somebody. Who has proved that already does not: a
    /// stranger's failures cost nobody's session.
    fn delay(&self, claimed: &Claimed, now: Instant) -> Duration {
        let is_known = match (&self.reader, claimed) {
            (Some(reader), Some(Ok(claim))) => reader.name.as_str() == claim.username(),
            _ => false,
        };
        if is_known {
            return Duration::ZERO;
        }
        self.settings.access.delay(claimed, self.settings.peer, now)
    }

    fn judge(
        &mut self,
        now: Instant,
        request: &Request,
        claimed: &Claimed,
        mounts: &impl MountDirectory,
        outputs: &mut Vec<Output>,
    ) {
        let Some(envelope) = envelope(request, outputs) else { return };
        // Anyone may ask what there is to ask.
        let sender = if envelope.method == MethodName::Options {
            Sender::Known(self.reader.clone())
        } else {
            self.sender(now, request, claimed, outputs)
        };
        match sender {
            Sender::Known(reader) => {
                self.carry_out(now, request, envelope, reader, mounts, outputs);
            }
            Sender::Unknown { stale } => {
                let challenge = challenge(self.settings.nonce, stale);
                let refusal = envelope
                    .refuse(StatusCode::Unauthorized)
                    .header(headers::WWW_AUTHENTICATE, challenge.as_str());
                outputs.push(Output::Answer(refusal.empty()));
            }
        }
    }

    fn sender(
        &mut self,
        now: Instant,
        request: &Request,
        claimed: &Claimed,
        outputs: &mut Vec<Output>,
    ) -> Sender {
        let ConnectionSettings { access, nonce, peer, .. } = &self.settings;
        match access.verdict(request, claimed, *nonce, *peer, now) {
            Verdict::Granted(reader) => {
                self.set_reader(reader.clone(), outputs);
                Sender::Known(reader)
            }
            Verdict::Challenge(login) => {
                let stale = login == Login::Stale;
                outputs.push(Output::Login(login));
                Sender::Unknown { stale }
            }
        }
    }

    fn set_reader(&mut self, reader: Option<Arc<Reader>>, outputs: &mut Vec<Output>) {
        let known = self.reader.as_ref().map(|reader| &reader.name);
        let name = reader.as_ref().map(|reader| &reader.name);
        if let Some(name) = name.filter(|name| Some(*name) != known) {
            outputs.push(Output::Login(Login::Granted(name.clone())));
        }
        self.reader = reader;
    }

    fn carry_out(
        &mut self,
        now: Instant,
        request: &Request,
        envelope: Envelope,
        reader: Option<Arc<Reader>>,
        mounts: &impl MountDirectory,
        outputs: &mut Vec<Output>,
    ) {
        // No feature that could be required is offered.
        let required = [headers::REQUIRE, headers::PROXY_REQUIRE];
        if let Some(required) = required.iter().find_map(|name| request.header(name)) {
            let refusal = envelope
                .refuse(StatusCode::OptionNotSupported)
                .header(headers::UNSUPPORTED, required.as_str());
            outputs.push(Output::Answer(refusal.empty()));
            return;
        }
        let named = self.named(request, reader.as_deref());
        // Some name their session only where they must.
        if named != Named::Unknown {
            self.keep_alive(now);
        }
        let Envelope { method, cseq } = envelope;
        methods::Call { connection: self, now, request, method, cseq, named, reader, mounts }
            .run(outputs);
    }
}

/// What every answer to `request` needs; without that it is refused here.
fn envelope(request: &Request, outputs: &mut Vec<Output>) -> Option<Envelope> {
    let method = MethodName::from(request.method());
    let cseq = request.header(&headers::CSEQ).and_then(|h| number(h.as_str().as_bytes()));
    let (status, reason) = match cseq {
        None => (StatusCode::BadRequest, MalformedReason::Cseq),
        Some(_) if request.version() != Version::V1_0 => {
            (StatusCode::RTSPVersionNotSupported, MalformedReason::Version)
        }
        Some(cseq) => return Some(Envelope { method, cseq }),
    };
    outputs.push(Output::Malformed(reason));
    outputs.push(Output::Answer(Draft::new(method, status, cseq).empty()));
    None
}
