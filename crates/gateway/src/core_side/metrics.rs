//! The gateway's own metrics; every crate keeps its own beside these.

use cofferdam_encode_link::EncoderName;
use cofferdam_picture::CameraId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::config::Sandbox;
use crate::isolation::IsolationMetrics;
use crate::vetting::Vetted;

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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttestedLabels {
    camera: String,
    encoder: &'static str,
    element: String,
    version: String,
    /// The first digits of the SHA-256 of the list.
    list: String,
}

/// Whether the encoder of each camera is vetted.
#[derive(Clone, Debug)]
pub(crate) struct Attested(Family<AttestedLabels, Gauge>);

impl Attested {
    /// The metric of one camera, which shows 0 until its encoder is vetted.
    pub(crate) fn of(&self, camera: &CameraId, encoder: EncoderName) -> CameraAttested {
        let labels = AttestedLabels {
            camera: camera.to_string(),
            encoder: encoder.as_str(),
            element: String::new(),
            version: String::new(),
            list: String::new(),
        };
        let attested = CameraAttested { family: self.0.clone(), labels };
        attested.family.get_or_create(&attested.labels).set(0);
        attested
    }
}

/// Whether the encoder of one camera is vetted: always exactly one series.
#[derive(Debug)]
pub(crate) struct CameraAttested {
    family: Family<AttestedLabels, Gauge>,
    labels: AttestedLabels,
}

impl CameraAttested {
    /// Shows that it is vetted, and as what; or that it is not.
    pub(crate) fn set(&mut self, vetted: Option<&Vetted>) {
        const DIGITS: usize = 16;
        let _ = self.family.remove(&self.labels);
        let word = |of: fn(&Vetted) -> String| vetted.map(of).unwrap_or_default();
        self.labels.element = word(|vetted| vetted.element.clone());
        self.labels.version = word(|vetted| vetted.version.clone());
        self.labels.list = word(|vetted| vetted.list.to_string().chars().take(DIGITS).collect());
        self.family.get_or_create(&self.labels).set(i64::from(vetted.is_some()));
    }
}

/// What the composition root knows that no crate below it does.
#[derive(Debug)]
pub(crate) struct GatewayMetrics {
    pub(crate) worker_faults: WorkerFaults,
    pub(crate) attested: Attested,
    pub(crate) isolation: IsolationMetrics,
}

impl GatewayMetrics {
    /// Makes and registers them.
    pub(crate) fn register(registry: &mut Registry, sandbox: Sandbox) -> Self {
        let worker_faults = Family::default();
        let attested = Family::default();
        let isolation = IsolationMetrics::register(registry);
        let strict: Gauge = Gauge::default();
        strict.set(i64::from(sandbox == Sandbox::Strict));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);
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
        registry.register(
            "encoder_attested",
            "1 when the encoder is, to the last file it executes, what the list of vetted ones says",
            attested.clone(),
        );
        Self { worker_faults: WorkerFaults(worker_faults), attested: Attested(attested), isolation }
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_encode_link::Digest;
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_cameras_encoder_has_one_series_whatever_becomes_of_it() {
        let mut registry = Registry::with_prefix("cofferdam");
        let metrics = GatewayMetrics::register(&mut registry, Sandbox::Strict);
        let mut lobby = metrics.attested.of(&"lobby".parse().unwrap(), EncoderName::X264);
        let shown = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            let lines = text.lines().filter(|l| l.starts_with("cofferdam_encoder_attested{"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let no = "cofferdam_encoder_attested{camera=\"lobby\",encoder=\"x264\",element=\"\",\
                  version=\"\",list=\"\"} 0";
        assert_eq!(shown(), [no]);
        let vetted = Vetted {
            element: "x264enc".into(),
            version: "1.22.0".into(),
            files: 20,
            list: Digest([0xab; 32]),
        };
        lobby.set(Some(&vetted));
        let yes = "cofferdam_encoder_attested{camera=\"lobby\",encoder=\"x264\",\
                   element=\"x264enc\",version=\"1.22.0\",list=\"abababababababab\"} 1";
        assert_eq!(shown(), [yes]);
        lobby.set(None);
        assert_eq!(shown(), [no]);
    }
}
