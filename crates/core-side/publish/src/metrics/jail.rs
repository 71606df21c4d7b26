//! How the workers of one camera are locked in, by their own word.

use cofferdam_picture::{CameraId, Untrusted};
use cofferdam_picture_ring::{JailLayer, JailPosture};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::time::Duration;

use super::{LayerLabels, PublishMetrics, SecondsGauge, WorkerLabels};

/// The longest a worker can have taken, in nanoseconds: what is beyond is a lie.
const MOST_NANOS: u64 = 10_000_000_000;

/// The jail of one worker.
#[derive(Debug)]
pub(super) struct JailMetrics {
    camera: String,
    worker: &'static str,
    layers: Family<LayerLabels, Gauge>,
    seconds: SecondsGauge,
    posture: JailPosture,
}

impl JailMetrics {
    /// Every layer of it is shown, as absent, from the start.
    pub(super) fn new(all: &PublishMetrics, camera: &CameraId, worker: &'static str) -> Self {
        let labels = WorkerLabels { camera: camera.to_string(), worker };
        let metrics = Self {
            camera: camera.to_string(),
            worker,
            layers: all.jail_layer.clone(),
            seconds: all.jail_lock_seconds.get_or_create_owned(&labels),
            posture: JailPosture::default(),
        };
        metrics.show();
        metrics
    }

    /// Takes in what the worker says.
    pub(super) fn report(&mut self, posture: JailPosture, nanos: u64) {
        let nanos = Untrusted::new(nanos).clamp(0, MOST_NANOS);
        self.seconds.set(Duration::from_nanos(nanos).as_secs_f64());
        if posture == self.posture {
            return;
        }
        self.posture = posture;
        self.show();
        let (camera, worker) = (&self.camera, self.worker);
        if posture.is_locked() {
            tracing::info!(%camera, worker, missing = %posture.missing(), "locked in");
        } else {
            tracing::warn!(%camera, worker, missing = %posture.missing(), "not locked in");
        }
    }

    fn show(&self) {
        for layer in JailLayer::ALL {
            let labels = LayerLabels {
                camera: self.camera.clone(),
                worker: self.worker,
                layer: layer.label(),
            };
            self.layers.get_or_create(&labels).set(i64::from(self.posture.has(layer)));
        }
    }
}
