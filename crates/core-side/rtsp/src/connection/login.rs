//! Who sends a request, and how long it waits until that is judged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cofferdam_accounts::{Claim, PasswordCheck, Reader};
use rtsp_types::headers;
use rtsp_types::{StatusCode, Version};

use secrecy::{ExposeSecret as _, SecretString};

use super::{CloseReason, Connection, Named, Output, Phase, SessionEnd, methods};
use crate::access::{Claimed, Verdict, basic_challenge, challenge, outcome};
use crate::answer::Draft;
use crate::framer::number;
use crate::{Access, Channel, Login, MalformedReason, MethodName, MountDirectory, Request};

/// A request that waits to be judged, because others have failed before it.
#[derive(Debug)]
pub(super) struct Held {
    request: Request,
    claimed: Claimed,
    wait: Wait,
}

/// What a held request waits for.
#[derive(Debug)]
enum Wait {
    Until(Instant),
    /// [`Connection::password_checked`].
    Check(PasswordCheck),
}

/// A password in clear that was right: the header it came in, and whose it is. Checking it takes long, and
/// clients send it with every request.
#[derive(Debug)]
pub(super) struct Proven {
    header: SecretString,
    reader: Arc<Reader>,
}

impl Held {
    /// Whether it waits for its password to be checked.
    pub(super) const fn is_checked(&self) -> bool {
        matches!(self.wait, Wait::Check(_))
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.wait {
            Wait::Until(until) => Some(until),
            Wait::Check(_) => None,
        }
    }
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
    /// To be told when this is known.
    Unchecked(PasswordCheck),
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
            let wait = Wait::Until(now + delay);
            self.held = Some(Held { request: request.clone(), claimed, wait });
        }
        outputs
    }

    /// Whether a request waits for [`deadline`](Self::deadline) or
    /// [`password_checked`](Self::password_checked). No other may be handled before it.
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
        if let Some(held) = self.held.take_if(|held| held.deadline().is_some_and(|d| d <= now)) {
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
            Sender::Unknown { stale } => outputs.push(self.challenge(envelope, stale)),
            Sender::Unchecked(check) => {
                outputs.push(Output::CheckPassword(check.clone()));
                let (request, claimed) = (request.clone(), claimed.clone());
                self.held = Some(Held { request, claimed, wait: Wait::Check(check) });
            }
        }
    }

    fn challenge(&self, envelope: Envelope, stale: bool) -> Output {
        let challenge = challenge(self.settings.nonce, stale);
        let refusal = envelope
            .refuse(StatusCode::Unauthorized)
            .header(headers::WWW_AUTHENTICATE, challenge.as_str());
        Output::Answer(match self.settings.channel {
            Channel::Clear => refusal.empty(),
            Channel::Tls => refusal.empty_with(&headers::WWW_AUTHENTICATE, &basic_challenge()),
        })
    }

    /// Goes on with the request that waits for [`Output::CheckPassword`]: whether the password is right.
    pub fn password_checked(
        &mut self,
        now: Instant,
        is_right: bool,
        mounts: &impl MountDirectory,
    ) -> Vec<Output> {
        let mut outputs = Vec::new();
        let is_check = |held: &mut Held| matches!(held.wait, Wait::Check(_));
        let Some(Held { request, claimed, wait: Wait::Check(check) }) = self.held.take_if(is_check)
        else {
            return outputs;
        };
        let Access::Accounts(accounts) = &self.settings.access else { return outputs };
        if let Some(Ok(Claim::Basic(claim))) = &claimed
            && accounts.is_outdated(&check)
        {
            let check = accounts.password_check(claim);
            outputs.push(Output::CheckPassword(check.clone()));
            self.held = Some(Held { request, claimed, wait: Wait::Check(check) });
            return outputs;
        }
        let judgement = accounts.judge_password(&check, is_right, self.settings.peer, now);
        self.last_request = now;
        let Some(envelope) = envelope(&request, &mut outputs) else { return outputs };
        match outcome(judgement) {
            Ok(reader) => {
                let header = request.header(&headers::AUTHORIZATION);
                self.proven = header.map(|header| Proven {
                    header: header.as_str().to_owned().into(),
                    reader: Arc::clone(&reader),
                });
                self.set_reader(Some(Arc::clone(&reader)), &mut outputs);
                self.carry_out(now, &request, envelope, Some(reader), mounts, &mut outputs);
            }
            Err(login) => {
                outputs.push(Output::Login(login));
                outputs.push(self.challenge(envelope, false));
            }
        }
        outputs
    }

    /// Takes note of the certificate that the reader has shown, in DER. Requests without a claim of their own
    /// are then its reader's.
    pub fn certificate_shown(&mut self, certificate: &[u8]) -> Vec<Output> {
        let mut outputs = Vec::new();
        if let Access::Accounts(accounts) = &self.settings.access {
            match outcome(accounts.judge_certificate(certificate, self.settings.peer)) {
                Ok(reader) => {
                    self.set_reader(Some(Arc::clone(&reader)), &mut outputs);
                    self.by_certificate = Some(reader);
                }
                Err(login) => outputs.push(Output::Login(login)),
            }
        }
        outputs
    }

    /// Takes note that accounts have been [replaced](cofferdam_accounts::Accounts::replace). Who logged in
    /// with one that is not what it was has to log in anew, on another connection: what it may do may have
    /// changed. Nobody else notices.
    pub fn handle_accounts_replaced(&mut self, now: Instant) -> Vec<Output> {
        let mut outputs = Vec::new();
        let Access::Accounts(accounts) = &self.settings.access else { return outputs };
        let owner = self.session().and_then(|session| session.owner.as_ref());
        let logins = [self.reader.as_ref(), self.by_certificate.as_ref(), owner];
        if logins.iter().flatten().all(|reader| accounts.is_current(reader)) {
            self.proven.take_if(|proven| !accounts.is_current(&proven.reader));
            return outputs;
        }
        outputs.extend(self.answer_pending(now, None));
        if self.session().is_some() {
            outputs.push(Output::EndSession(SessionEnd::AccountReplaced));
        }
        self.phase = Phase::Init;
        // Nobody will be told what came of it.
        self.held = None;
        outputs.push(Output::Close(CloseReason::AccountReplaced));
        outputs
    }

    fn sender(
        &mut self,
        now: Instant,
        request: &Request,
        claimed: &Claimed,
        outputs: &mut Vec<Output>,
    ) -> Sender {
        if let Some(reader) = self.known(request, claimed) {
            self.set_reader(Some(Arc::clone(&reader)), outputs);
            return Sender::Known(Some(reader));
        }
        match self.settings.access.verdict(request, claimed, &self.settings, now) {
            Verdict::Check(check) => Sender::Unchecked(check),
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

    /// Who needs no further proof: who has shown a certificate and claims nothing else, or sends the password
    /// that was right before.
    fn known(&self, request: &Request, claimed: &Claimed) -> Option<Arc<Reader>> {
        let reader = match (claimed, &self.proven, request.header(&headers::AUTHORIZATION)) {
            (None, ..) => self.by_certificate.as_ref(),
            (Some(_), Some(proven), Some(header))
                if proven.header.expose_secret() == header.as_str() =>
            {
                Some(&proven.reader)
            }
            _ => None,
        };
        // What was proved of an account that is another by now proves nothing.
        let Access::Accounts(accounts) = &self.settings.access else { return None };
        reader.filter(|reader| accounts.is_current(reader)).cloned()
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
