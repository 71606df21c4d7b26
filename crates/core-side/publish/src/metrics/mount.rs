//! Metrics of one mount.

use std::time::Duration;

use cofferdam_encode_link::MountKind;
use cofferdam_picture::{CameraId, MonotonicTime};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::{LatencyLabels, MountLabels, PublishMetrics, RefusalLabels, RemovedLabels, Seconds};
use crate::Refusal;
use crate::access_unit::Removed;

/// No stage takes longer: what is beyond is a stamp that lies.
const MOST: Duration = Duration::from_secs(10);

/// The metrics of one mount. Clones are the same metrics.
#[derive(Clone, Debug)]
pub(crate) struct MountMetrics {
    labels: MountLabels,
    pictures_out: Counter,
    bytes_out: Counter,
    encode_seconds: Seconds,
    refused: Family<RefusalLabels, Counter>,
    nal_units_removed: Family<RemovedLabels, Counter>,
    readers: Gauge,
    reader_units_dropped: Counter,
    key_frames_forced: Counter,
    latency: Latency,
}

impl MountMetrics {
    pub(crate) fn new(all: &PublishMetrics, camera: &CameraId, kind: MountKind) -> Self {
        let labels = MountLabels { camera: camera.to_string(), mount: kind.label() };
        let latency = |from| {
            let labels = LatencyLabels { camera: camera.to_string(), from };
            all.latency_seconds.get_or_create_owned(&labels)
        };
        let metrics = Self {
            pictures_out: all.mount_pictures_out.get_or_create_owned(&labels),
            bytes_out: all.mount_bytes_out.get_or_create_owned(&labels),
            encode_seconds: all.mount_encode_seconds.get_or_create_owned(&labels),
            refused: all.mount_refused.clone(),
            nal_units_removed: all.mount_nal_units_removed.clone(),
            readers: all.mount_readers.get_or_create_owned(&labels),
            reader_units_dropped: all.mount_reader_units_dropped.get_or_create_owned(&labels),
            key_frames_forced: all.mount_key_frames_forced.get_or_create_owned(&labels),
            latency: Latency { arrived: latency("arrived"), complete: latency("complete") },
            labels,
        };
        // A counter that appears with its first count hides it from `rate` and `increase`.
        for reason in Refusal::ALL {
            let _ = metrics.refused.get_or_create(&metrics.refusal(reason));
        }
        for kind in Removed::ALL {
            let _ = metrics.nal_units_removed.get_or_create(&metrics.removal(kind));
        }
        metrics
    }

    fn refusal(&self, reason: Refusal) -> RefusalLabels {
        let MountLabels { camera, mount } = self.labels.clone();
        RefusalLabels { camera, mount, reason: reason.label() }
    }

    fn removal(&self, kind: Removed) -> RemovedLabels {
        let MountLabels { camera, mount } = self.labels.clone();
        RemovedLabels { camera, mount, kind: kind.label() }
    }

    pub(crate) fn published(&self, bytes: usize) {
        self.pictures_out.inc();
        self.bytes_out.inc_by(bytes as u64);
    }

    pub(crate) fn encoded(&self, time: Duration) {
        self.encode_seconds.inc_by(time.min(MOST).as_secs_f64());
    }

    pub(crate) fn removed(&self, nal_units: &[Removed]) {
        for kind in nal_units {
            self.nal_units_removed.get_or_create(&self.removal(*kind)).inc();
        }
    }

    pub(crate) fn refused(&self, reason: Refusal) {
        self.refused.get_or_create(&self.refusal(reason)).inc();
    }

    pub(crate) fn readers(&self, count: usize) {
        self.readers.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn reader_units_dropped(&self, count: u64) {
        self.reader_units_dropped.inc_by(count);
    }

    pub(crate) fn key_frame_forced(&self) {
        self.key_frames_forced.inc();
    }

    pub(crate) fn latency(&self) -> Latency {
        self.latency.clone()
    }
}

/// A camera's latency histograms.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    arrived: Histogram,
    complete: Histogram,
}

impl Latency {
    /// Observes how long a picture took until `now`. Its stamps come from the camera side, so they
    /// may be anything.
    pub(crate) fn observe(
        &self,
        arrived: Option<MonotonicTime>,
        complete: Option<MonotonicTime>,
        now: MonotonicTime,
    ) {
        for (histogram, since) in [(&self.arrived, arrived), (&self.complete, complete)] {
            if let Some(since) = since {
                histogram.observe(now.since(since).min(MOST).as_secs_f64());
            }
        }
    }
}
