//! What is counted. Label values come from closed sets, never from a reader.

use cofferdam_rtsp::{Answer, Login, MalformedReason, Refusal as LoginRefusal, TransportKind};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::connection::End;
use crate::reception::ReceptionMetrics;

/// The server's metrics. Clones are the same metrics.
#[derive(Clone, Debug, Default)]
pub struct ServeMetrics {
    pub(crate) connections: Gauge,
    sessions: Family<TransportLabel, Gauge>,
    requests: Family<RequestLabels, Counter>,
    refused: Family<ReasonLabel, Counter>,
    ended: Family<EndLabel, Counter>,
    logins: Family<ResultLabel, Counter>,
    malformed: Family<ReasonLabel, Counter>,
    bytes_out: Family<TransportLabel, Counter>,
    packets_out: Family<TransportLabel, Counter>,
    pub(crate) reception: ReceptionMetrics,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Why a session ended, as the audit log has it, with underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabel {
    reason: String,
}

impl From<End> for EndLabel {
    fn from(end: End) -> Self {
        Self { reason: end.label().replace(' ', "_") }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// What a login comes to, beside the reasons for which it is refused.
const GRANTED: &str = "granted";
const CHALLENGED: &str = "challenged";
const STALE: &str = "stale";

/// Why a connection was not served, or not any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// As many connections as there may be.
    Connections,
    /// As many from that address as there may be.
    PerAddress,
    /// It does not speak RTSP within bounds.
    Malformed,
    /// Something here failed.
    Internal,
}

impl Refusal {
    const ALL: [Self; 4] = [Self::Connections, Self::PerAddress, Self::Malformed, Self::Internal];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::PerAddress => "per_address",
            Self::Malformed => "malformed",
            Self::Internal => "internal",
        }
    }
}

/// Where a transport's traffic is counted: looked up once a session, not once a packet.
#[derive(Clone, Debug)]
pub(crate) struct TrafficMetrics {
    kind: TransportKind,
    sessions: Gauge,
    bytes: Counter,
    packets: Counter,
}

impl ServeMetrics {
    /// Puts the metrics into `registry`, under its prefix.
    pub fn register(&self, registry: &mut Registry) {
        // Shown before the first: a counter that appears with it hides it from `rate`.
        for transport in TransportKind::ALL {
            let _ = self.traffic(transport);
        }
        for refusal in Refusal::ALL {
            let _ = self.refused.get_or_create(&ReasonLabel { reason: refusal.label() });
        }
        for reason in MalformedReason::ALL.map(MalformedReason::label) {
            let _ = self.malformed.get_or_create(&ReasonLabel { reason });
        }
        for end in End::OF_SESSIONS {
            let _ = self.ended.get_or_create(&end.into());
        }
        registry.register(
            "rtsp_sessions_ended",
            "Sessions that ended, by the reason that the audit log gives",
            self.ended.clone(),
        );
        registry.register(
            "rtsp_malformed",
            "What readers sent that makes no sense, by what is wrong with it",
            self.malformed.clone(),
        );
        let refusals = LoginRefusal::ALL.map(LoginRefusal::label);
        for result in [GRANTED, CHALLENGED, STALE].into_iter().chain(refusals) {
            let _ = self.logins.get_or_create(&ResultLabel { result });
        }
        registry.register(
            "rtsp_logins",
            "Connections that proved who reads, requests that were asked to, and refusals by reason",
            self.logins.clone(),
        );
        registry.register("rtsp_connections", "RTSP connections", self.connections.clone());
        registry.register("rtsp_sessions", "Sessions that play", self.sessions.clone());
        registry.register("rtsp_requests", "Requests answered", self.requests.clone());
        registry.register(
            "rtsp_refused",
            "Connections not served, or not any further",
            self.refused.clone(),
        );
        registry.register(
            "rtsp_bytes_out",
            "Bytes of RTP packets sent, framing included",
            self.bytes_out.clone(),
        );
        registry.register("rtsp_packets_out", "RTP packets sent", self.packets_out.clone());
        self.reception.register(registry);
    }

    pub(crate) fn answered(&self, answer: &Answer) {
        let labels = RequestLabels { method: answer.method.label(), status: answer.status };
        self.requests.get_or_create(&labels).inc();
    }

    pub(crate) fn malformed(&self, reason: MalformedReason) {
        self.malformed.get_or_create(&ReasonLabel { reason: reason.label() }).inc();
    }

    pub(crate) fn login(&self, login: &Login) {
        let result = match login {
            Login::Granted(_) => GRANTED,
            Login::Challenged => CHALLENGED,
            Login::Stale => STALE,
            Login::Refused { reason, .. } => reason.label(),
        };
        self.logins.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn session_ended(&self, end: End) {
        self.ended.get_or_create(&end.into()).inc();
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refused.get_or_create(&ReasonLabel { reason: refusal.label() }).inc();
    }

    pub(crate) fn traffic(&self, transport: TransportKind) -> TrafficMetrics {
        let label = TransportLabel { transport: transport.label() };
        TrafficMetrics {
            kind: transport,
            sessions: self.sessions.get_or_create_owned(&label),
            bytes: self.bytes_out.get_or_create_owned(&label),
            packets: self.packets_out.get_or_create_owned(&label),
        }
    }
}

impl TrafficMetrics {
    /// The transport it is of.
    pub(crate) const fn kind(&self) -> TransportKind {
        self.kind
    }

    pub(crate) fn sent(&self, packets: usize, bytes: usize) {
        self.packets.inc_by(packets as u64);
        self.bytes.inc_by(bytes as u64);
    }

    /// Counts a session for as long as the guard lives.
    pub(crate) fn session(&self) -> GaugeGuard {
        GaugeGuard::new(&self.sessions)
    }
}

/// Holds a gauge up by one.
#[derive(Debug)]
pub(crate) struct GaugeGuard(Gauge);

impl GaugeGuard {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
