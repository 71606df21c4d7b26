//! What is counted and measured. Labels are bounded: camera, mount, and words of closed lists.

mod camera;
mod jail;
mod mount;
mod one_hot;
mod progress;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::sync::atomic::AtomicU64;

pub(crate) use camera::CameraMetrics;
pub(crate) use mount::{Latency, MountMetrics};

type Seconds = Counter<f64, AtomicU64>;
type SecondsGauge = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CameraLabels {
    camera: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    camera: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodecLabels {
    camera: String,
    codec: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    camera: String,
    fault: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    camera: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkerLabels {
    camera: String,
    worker: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LayerLabels {
    camera: String,
    worker: &'static str,
    layer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MountLabels {
    camera: String,
    mount: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    camera: String,
    mount: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RemovedLabels {
    camera: String,
    mount: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LatencyLabels {
    camera: String,
    from: &'static str,
}

/// Seconds: 1 ms to 2 s, finest where a healthy gateway is.
const LATENCY_BUCKETS: [f64; 14] =
    [0.001, 0.002, 0.005, 0.010, 0.015, 0.020, 0.030, 0.050, 0.075, 0.100, 0.200, 0.500, 1.0, 2.0];

fn latency_histogram() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

/// The metrics of all cameras and mounts. Clones are the same metrics.
#[derive(Clone, Debug)]
pub struct PublishMetrics {
    camera_state: Family<StateLabels, Gauge>,
    camera_ingest_state: Family<StateLabels, Gauge>,
    camera_side_isolation: Family<StateLabels, Gauge>,
    camera_codec: Family<CodecLabels, Gauge>,
    camera_fault: Family<FaultLabels, Gauge>,
    camera_faults: Family<FaultLabels, Counter>,
    camera_pictures_in: Family<CameraLabels, Counter>,
    camera_bytes_in: Family<CameraLabels, Counter>,
    camera_packets_lost: Family<CameraLabels, Counter>,
    camera_decode_errors: Family<CameraLabels, Counter>,
    camera_filtered_units: Family<KindLabels, Counter>,
    camera_decode_seconds: Family<CameraLabels, Seconds>,
    camera_reconnects: Family<CameraLabels, Counter>,
    camera_worker_starts: Family<CameraLabels, Counter>,
    camera_encode_worker_starts: Family<CameraLabels, Counter>,
    camera_pictures_shown: Family<CameraLabels, Counter>,
    camera_pictures_repeated: Family<CameraLabels, Counter>,
    camera_pictures_skipped: Family<CameraLabels, Counter>,
    camera_units_dropped: Family<CameraLabels, Counter>,
    camera_pacing_offset_seconds: Family<CameraLabels, SecondsGauge>,
    jail_layer: Family<LayerLabels, Gauge>,
    jail_lock_seconds: Family<WorkerLabels, SecondsGauge>,
    mount_pictures_out: Family<MountLabels, Counter>,
    mount_bytes_out: Family<MountLabels, Counter>,
    mount_encode_seconds: Family<MountLabels, Seconds>,
    mount_refused: Family<RefusalLabels, Counter>,
    mount_nal_units_removed: Family<RemovedLabels, Counter>,
    mount_readers: Family<MountLabels, Gauge>,
    mount_reader_units_dropped: Family<MountLabels, Counter>,
    mount_key_frames_forced: Family<MountLabels, Counter>,
    latency_seconds: Family<LatencyLabels, Histogram>,
}

impl PublishMetrics {
    /// Makes the metrics and registers them. The registry carries the program's prefix.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            camera_state: add(
                registry,
                "camera_state",
                "1 for what the camera's mounts show: starting, live, slate or ended",
            ),
            camera_ingest_state: add(
                registry,
                "camera_ingest_state",
                "1 for what the camera's ingest worker is doing",
            ),
            camera_side_isolation: add(
                registry,
                "camera_side_isolation",
                "1 for what the camera side's isolation self-check found, by its own word",
            ),
            camera_codec: add(registry, "camera_codec", "1 for what the camera sends"),
            camera_fault: add(
                registry,
                "camera_fault",
                "1 for why the camera has no picture at present",
            ),
            camera_faults: add(registry, "camera_faults", "Faults of the camera and its ingest"),
            camera_pictures_in: add(registry, "camera_pictures_in", "Pictures decoded"),
            camera_bytes_in: add(registry, "camera_bytes_in", "Bytes of encoded video received"),
            camera_packets_lost: add(
                registry,
                "camera_packets_lost",
                "RTP packets lost on the way from the camera",
            ),
            camera_decode_errors: add(
                registry,
                "camera_decode_errors",
                "Access units that the decoder refused or marked as corrupt",
            ),
            camera_filtered_units: add(
                registry,
                "camera_filtered_units",
                "Parts of the camera's stream that were kept from the decoder, by kind",
            ),
            camera_decode_seconds: add(
                registry,
                "camera_decode_seconds",
                "Time spent decoding and converting",
            ),
            camera_reconnects: add(
                registry,
                "camera_reconnects",
                "Connections to the camera after the first",
            ),
            camera_worker_starts: add(registry, "camera_worker_starts", "Ingest workers started"),
            camera_encode_worker_starts: add(
                registry,
                "camera_encode_worker_starts",
                "Encode workers started",
            ),
            camera_pictures_shown: add(
                registry,
                "camera_pictures_shown",
                "Ticks that showed a new picture",
            ),
            camera_pictures_repeated: add(
                registry,
                "camera_pictures_repeated",
                "Ticks that showed the last picture again",
            ),
            camera_pictures_skipped: add(
                registry,
                "camera_pictures_skipped",
                "Pictures never shown because newer ones were there",
            ),
            camera_units_dropped: add(
                registry,
                "camera_units_dropped",
                "Access units that the encode worker threw away because the server was behind",
            ),
            camera_pacing_offset_seconds: add(
                registry,
                "camera_pacing_offset_seconds",
                "Time from a picture's completion to its tick",
            ),
            jail_layer: add(
                registry,
                "jail_layer",
                "1 for each layer of its jail that the camera's worker says it has",
            ),
            jail_lock_seconds: add(
                registry,
                "jail_lock_seconds",
                "Time the camera's worker took to lock itself in, self-test included",
            ),
            mount_pictures_out: add(registry, "mount_pictures_out", "Access units published"),
            mount_bytes_out: add(registry, "mount_bytes_out", "Bytes of encoded video published"),
            mount_encode_seconds: add(registry, "mount_encode_seconds", "Time spent encoding"),
            mount_refused: add(
                registry,
                "mount_refused",
                "Access units of the encode worker that were not published, by reason",
            ),
            mount_nal_units_removed: add(
                registry,
                "mount_nal_units_removed",
                "NAL units taken out before publishing, by kind: x264's version is expected, other \
                 supplemental information and delimiters are not",
            ),
            mount_readers: add(registry, "mount_readers", "Readers"),
            mount_reader_units_dropped: add(
                registry,
                "mount_reader_units_dropped",
                "Access units lost by readers that were behind",
            ),
            mount_key_frames_forced: add(
                registry,
                "mount_key_frames_forced",
                "Key frames asked for besides the regular ones",
            ),
            latency_seconds: add_family(
                registry,
                "latency_seconds",
                "Time until a new picture was first written to a reader, from its arrival or its \
                 completion in the ring",
                Family::new_with_constructor(latency_histogram),
            ),
        }
    }
}

fn add<F: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> F {
    add_family(registry, name, help, F::default())
}

fn add_family<F: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, family: F) -> F {
    registry.register(name, help, family.clone());
    family
}
