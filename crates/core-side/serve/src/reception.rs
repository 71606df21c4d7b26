//! What readers report of their reception, as metrics of all readers together: none of it is told by
//! reader, for there may be thousands and each may say what it likes.

use cofferdam_rtp::rtcp::Incoming;
use cofferdam_rtsp::TransportKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::sender::Sender;

/// Ticks of the video clock in a second (RFC 6184 §8.2.1).
const CLOCK: f64 = 90_000.0;
const LOSS_BUCKETS: [f64; 9] = [0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5];
const TIME_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransportLabel {
    transport: &'static str,
}

type Histograms = Family<TransportLabel, Histogram, fn() -> Histogram>;

/// What readers report. Clones are the same metrics.
#[derive(Clone, Debug)]
pub(crate) struct ReceptionMetrics {
    lost: Counter,
    fraction_lost: Histograms,
    jitter: Histograms,
    round_trip: Histograms,
}

impl Default for ReceptionMetrics {
    fn default() -> Self {
        let times: fn() -> Histogram = || Histogram::new(TIME_BUCKETS);
        Self {
            lost: Counter::default(),
            fraction_lost: Family::new_with_constructor(|| Histogram::new(LOSS_BUCKETS)),
            jitter: Family::new_with_constructor(times),
            round_trip: Family::new_with_constructor(times),
        }
    }
}

impl ReceptionMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        for transport in TransportKind::ALL.map(TransportKind::label) {
            let label = TransportLabel { transport };
            for histograms in [&self.fraction_lost, &self.jitter, &self.round_trip] {
                let _ = histograms.get_or_create(&label);
            }
        }
        registry.register(
            "rtsp_reader_reported_lost",
            "RTP packets that readers say they lost",
            self.lost.clone(),
        );
        registry.register(
            "rtsp_reader_fraction_lost",
            "Part of its packets that a reader lost between two of its reports",
            self.fraction_lost.clone(),
        );
        registry.register_with_unit(
            "rtsp_reader_jitter",
            "Jitter of arrival that readers report",
            Unit::Seconds,
            self.jitter.clone(),
        );
        registry.register_with_unit(
            "rtsp_reader_round_trip",
            "Time to a reader and back, by its reports",
            Unit::Seconds,
            self.round_trip.clone(),
        );
    }
}

/// What one reader has reported so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reception {
    lost: i32,
}

impl Reception {
    /// Takes note of what the reader reports of `sender`'s stream. What it claims to have lost cannot be
    /// more than was sent, and a round trip has to begin with a report of ours.
    pub(crate) fn heard(
        &mut self,
        incoming: &Incoming,
        sender: &Sender,
        transport: TransportKind,
        metrics: &ReceptionMetrics,
    ) {
        let label = TransportLabel { transport: transport.label() };
        let ours = sender.mount().ssrc();
        for report in incoming.reports.iter().filter(|report| report.source == ours) {
            let most = i32::try_from(sender.packets()).unwrap_or(i32::MAX);
            let lost = report.cumulative_lost.min(most);
            let more = lost.saturating_sub(self.lost);
            if let Ok(more @ 1..) = u64::try_from(more) {
                metrics.lost.inc_by(more);
                self.lost = lost;
            }
            let fraction = f64::from(report.fraction_lost) / 256.0;
            metrics.fraction_lost.get_or_create(&label).observe(fraction);
            metrics.jitter.get_or_create(&label).observe(f64::from(report.jitter) / CLOCK);
            if let Some(round_trip) = sender.round_trip(report) {
                metrics.round_trip.get_or_create(&label).observe(round_trip.as_secs_f64());
            }
        }
    }
}
