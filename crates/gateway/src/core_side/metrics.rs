//! The gateway's own metrics; every crate keeps its own beside these.

use cofferdam_picture::CameraId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::config::Sandbox;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    camera: String,
    fault: &'static str,
}

/// Faults of encode workers, by camera and kind.
#[derive(Clone, Debug)]
pub(crate) struct WorkerFaults(Family<FaultLabels, Counter>);

impl WorkerFaults {
    /// Shows `faults` of a camera before the first of them: a counter that appears with its first
    /// fault hides it from `rate` and `increase`.
    pub(crate) fn show(&self, camera: &CameraId, faults: &[&'static str]) {
        for fault in faults {
            let _ = self.0.get_or_create(&FaultLabels { camera: camera.to_string(), fault });
        }
    }

    /// Counts one.
    pub(crate) fn count(&self, camera: &CameraId, fault: &'static str) {
        self.0.get_or_create(&FaultLabels { camera: camera.to_string(), fault }).inc();
    }
}

/// What the composition root knows that no crate below it does.
#[derive(Debug)]
pub(crate) struct GatewayMetrics {
    pub(crate) worker_faults: WorkerFaults,
}

impl GatewayMetrics {
    /// Makes and registers them.
    pub(crate) fn register(registry: &mut Registry, sandbox: Sandbox) -> Self {
        let worker_faults = Family::default();
        let isolated: Gauge = Gauge::default();
        isolated.set(0);
        let strict: Gauge = Gauge::default();
        strict.set(i64::from(sandbox == Sandbox::Strict));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);
        registry.register(
            "isolated",
            "1 when the isolation self-check holds, 0 when it was not made or failed",
            isolated,
        );
        registry.register(
            "jail_strict",
            "1 when workers run locked in or not at all, 0 with `jail.sandbox = \"off\"`",
            strict,
        );
        registry.register(
            "encode_worker_faults",
            "Encode workers that ended, by cause",
            worker_faults.clone(),
        );
        Self { worker_faults: WorkerFaults(worker_faults) }
    }
}
