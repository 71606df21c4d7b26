//! Metrics of one camera: what its workers say of themselves, and what its mounts show.

use cofferdam_encode_link::CameraStatus;
use cofferdam_picture::{CameraId, Untrusted};
use cofferdam_picture_ring::{Codec, Counter as Word, Fault, Filtered, IngestState, SideIsolation};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::time::Duration;

use super::jail::JailMetrics;
use super::one_hot::OneHot;
use super::progress::{HighWater, PerWorker};
use super::{
    CameraLabels, CodecLabels, FaultLabels, KindLabels, PublishMetrics, Seconds, SecondsGauge,
    StateLabels,
};
use crate::Availability;

/// The longest offset the pacer can have, in nanoseconds: what is beyond is a lie.
const MOST_OFFSET: u64 = 10_000_000_000;

/// The metrics of one camera.
#[derive(Debug)]
pub(crate) struct CameraMetrics {
    camera: String,
    state: OneHot<StateLabels>,
    ingest_state: OneHot<StateLabels>,
    side_isolation: OneHot<StateLabels>,
    codec: OneHot<CodecLabels>,
    fault: OneHot<FaultLabels>,
    faults: Family<FaultLabels, Counter>,
    faults_seen: [HighWater; Fault::COUNTERS],
    filtered: [(HighWater, Counter); Filtered::COUNT],
    ingest: [(Word, HighWater, Counter); 6],
    decode: (HighWater, Seconds),
    pacer: [(PerWorker, Counter); 4],
    pacing_offset: SecondsGauge,
    ingest_jail: JailMetrics,
    encode_jail: JailMetrics,
    encode_worker_starts: Counter,
}

impl CameraMetrics {
    pub(crate) fn new(all: &PublishMetrics, id: &CameraId) -> Self {
        let camera = id.to_string();
        let labels = CameraLabels { camera: camera.clone() };
        let counter = |family: &Family<CameraLabels, Counter>| family.get_or_create_owned(&labels);
        let ingest = |word: Word, family| (word, HighWater::default(), counter(family));
        let pacer = |family| (PerWorker::default(), counter(family));
        let state = |state| StateLabels { camera: camera.clone(), state };
        let fault = |fault: &Fault| FaultLabels { camera: camera.clone(), fault: fault.label() };
        let faults = || Fault::ALL.iter().filter(|fault| **fault != Fault::None);
        // A counter that appears with its first fault hides it from `rate` and `increase`.
        for labels in faults().map(fault) {
            let _ = all.camera_faults.get_or_create(&labels);
        }
        Self {
            state: OneHot::new(
                all.camera_state.clone(),
                Availability::ALL.map(|all| state(all.label())),
            ),
            ingest_state: OneHot::new(
                all.camera_ingest_state.clone(),
                IngestState::ALL.iter().map(|code| state(code.label())),
            ),
            side_isolation: OneHot::new(
                all.camera_side_isolation.clone(),
                SideIsolation::ALL.iter().map(|code| state(code.label())),
            ),
            codec: OneHot::new(all.camera_codec.clone(), []),
            fault: OneHot::new(all.camera_fault.clone(), faults().map(fault)),
            faults: all.camera_faults.clone(),
            faults_seen: std::array::from_fn(|_| HighWater::default()),
            filtered: Filtered::ALL.map(|kind| {
                let labels = KindLabels { camera: camera.clone(), kind: kind.label() };
                (HighWater::default(), all.camera_filtered_units.get_or_create_owned(&labels))
            }),
            ingest: [
                ingest(Word::Pictures, &all.camera_pictures_in),
                ingest(Word::BytesIn, &all.camera_bytes_in),
                ingest(Word::PacketsLost, &all.camera_packets_lost),
                ingest(Word::DecodeErrors, &all.camera_decode_errors),
                ingest(Word::Reconnects, &all.camera_reconnects),
                ingest(Word::WorkerStarts, &all.camera_worker_starts),
            ],
            decode: (HighWater::default(), all.camera_decode_seconds.get_or_create_owned(&labels)),
            pacer: [
                pacer(&all.camera_pictures_shown),
                pacer(&all.camera_pictures_repeated),
                pacer(&all.camera_pictures_skipped),
                pacer(&all.camera_units_dropped),
            ],
            pacing_offset: all.camera_pacing_offset_seconds.get_or_create_owned(&labels),
            ingest_jail: JailMetrics::new(all, id, "ingest"),
            encode_jail: JailMetrics::new(all, id, "encode"),
            encode_worker_starts: counter(&all.camera_encode_worker_starts),
            camera,
        }
    }

    /// Shows what the camera's mounts show.
    pub(crate) fn availability(&mut self, availability: Availability) {
        let state = availability.label();
        self.state.set(Some(StateLabels { camera: self.camera.clone(), state }));
    }

    pub(crate) fn encode_worker_started(&mut self) {
        self.encode_worker_starts.inc();
        for (counted, _) in &mut self.pacer {
            counted.restart();
        }
    }

    /// Takes in a report. None of its numbers is trusted.
    pub(crate) fn report(&mut self, status: &CameraStatus) {
        let CameraStatus { ingest, pacer, jail } = status;
        self.ingest_jail.report(ingest.jail, ingest.jail_nanos);
        self.encode_jail.report(jail.posture, jail.nanos);
        for (word, seen, counter) in &mut self.ingest {
            counter.inc_by(seen.growth(ingest.counter(*word)));
        }
        for ((seen, counter), count) in self.filtered.iter_mut().zip(ingest.filtered) {
            counter.inc_by(seen.growth(count));
        }
        let (seen, seconds) = &mut self.decode;
        let decoding = Duration::from_nanos(seen.growth(ingest.counter(Word::DecodeNanos)));
        seconds.inc_by(decoding.as_secs_f64());
        for fault in Fault::ALL {
            let index = usize::from(fault.code());
            let (Some(seen), Some(count)) =
                (self.faults_seen.get_mut(index), ingest.faults.get(index))
            else {
                continue;
            };
            let growth = seen.growth(*count);
            if *fault != Fault::None && growth > 0 {
                let labels = FaultLabels { camera: self.camera.clone(), fault: fault.label() };
                self.faults.get_or_create(&labels).inc_by(growth);
            }
        }
        let counts = [pacer.shown, pacer.repeated, pacer.skipped, pacer.dropped];
        for ((seen, counter), count) in self.pacer.iter_mut().zip(counts) {
            counter.inc_by(seen.growth(count));
        }
        let offset = Untrusted::new(pacer.offset_nanos).clamp(0, MOST_OFFSET);
        self.pacing_offset.set(Duration::from_nanos(offset).as_secs_f64());
        let labels = StateLabels { camera: self.camera.clone(), state: ingest.isolation.label() };
        self.side_isolation.set(Some(labels));
        self.report_codes(ingest.state, ingest.codec, ingest.fault);
    }

    fn report_codes(&mut self, state: IngestState, codec: Codec, fault: Fault) {
        let camera = || self.camera.clone();
        let labels = StateLabels { camera: camera(), state: state.label() };
        self.ingest_state.set(Some(labels));
        let labels = CodecLabels { camera: camera(), codec: codec.label() };
        self.codec.set((codec != Codec::None).then_some(labels));
        let labels = FaultLabels { camera: camera(), fault: fault.label() };
        if self.fault.set((fault != Fault::None).then_some(labels)) {
            tracing::info!(camera = %self.camera, %fault, ingest = %state, "camera fault changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_picture_ring::{JailLayer, JailPosture};
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    struct Bench {
        registry: Registry,
        metrics: CameraMetrics,
    }

    impl Bench {
        fn new() -> Self {
            let mut registry = Registry::with_prefix("cofferdam");
            let all = PublishMetrics::register(&mut registry);
            let metrics = CameraMetrics::new(&all, &"lobby".parse().unwrap());
            Self { registry, metrics }
        }

        fn has(&self, line: &str) -> bool {
            let mut text = String::new();
            encode(&mut text, &self.registry).unwrap();
            text.lines().any(|found| found == line)
        }
    }

    fn status(set: impl FnOnce(&mut CameraStatus)) -> CameraStatus {
        let mut status = CameraStatus::default();
        set(&mut status);
        status
    }

    #[test]
    fn ingest_counters_run_on_over_unmapped_rings_and_lies() {
        let mut bench = Bench::new();
        let with = |value: u64| status(|s| s.ingest.counters[Word::Pictures as usize] = value);
        for value in [100, 0, 100, 130, 5] {
            bench.metrics.report(&with(value));
        }
        assert!(bench.has("cofferdam_camera_pictures_in_total{camera=\"lobby\"} 130"));
        bench.metrics.report(&with(u64::MAX));
        bench.metrics.report(&with(1));
        let most = format!("cofferdam_camera_pictures_in_total{{camera=\"lobby\"}} {}", u64::MAX);
        assert!(bench.has(&most));
    }

    #[test]
    fn pacer_counters_add_up_over_workers() {
        let mut bench = Bench::new();
        let with = |value: u64| status(|s| s.pacer.repeated = value);
        bench.metrics.report(&with(10));
        bench.metrics.encode_worker_started();
        bench.metrics.report(&with(15));
        assert!(bench.has("cofferdam_camera_pictures_repeated_total{camera=\"lobby\"} 25"));
        assert!(bench.has("cofferdam_camera_encode_worker_starts_total{camera=\"lobby\"} 1"));
    }

    #[test]
    fn one_state_and_one_fault_are_present() {
        let mut bench = Bench::new();
        bench.metrics.report(&status(|s| {
            s.ingest.state = IngestState::BackingOff;
            s.ingest.fault = Fault::NotFound;
            s.ingest.faults[usize::from(Fault::NotFound.code())] = 3;
        }));
        assert!(bench.has("cofferdam_camera_faults_total{camera=\"lobby\",fault=\"no_video\"} 0"));
        let fault = |name: &str, value: u8| {
            format!("cofferdam_camera_fault{{camera=\"lobby\",fault=\"{name}\"}} {value}")
        };
        assert!(bench.has(&fault("not_found", 1)));
        assert!(bench.has("cofferdam_camera_faults_total{camera=\"lobby\",fault=\"not_found\"} 3"));
        bench.metrics.report(&status(|s| s.ingest.state = IngestState::Streaming));
        assert!(bench.has(&fault("not_found", 0)));
        assert!(!bench.has(&fault("none", 1)));
        let state = |name: &str, value: u8| {
            format!("cofferdam_camera_ingest_state{{camera=\"lobby\",state=\"{name}\"}} {value}")
        };
        assert!(bench.has(&state("streaming", 1)) && bench.has(&state("backing_off", 0)));
        assert!(bench.has(&state("idle", 0)));
    }

    #[test]
    fn what_the_camera_side_found_of_its_network_is_shown() {
        let mut bench = Bench::new();
        let line = |state: &str, value: u8| {
            format!("cofferdam_camera_side_isolation{{camera=\"lobby\",state=\"{state}\"}} {value}")
        };
        assert!(bench.has(&line("holds", 0)) && bench.has(&line("failed", 0)));
        bench.metrics.report(&status(|s| s.ingest.isolation = SideIsolation::Failed));
        assert!(bench.has(&line("holds", 0)) && bench.has(&line("failed", 1)));
        bench.metrics.report(&status(|s| s.ingest.isolation = SideIsolation::Holds));
        assert!(bench.has(&line("holds", 1)) && bench.has(&line("failed", 0)));
    }

    #[test]
    fn what_was_filtered_shows_by_kind_and_from_the_start() {
        let mut bench = Bench::new();
        let line = |kind: &str, count: u64| {
            format!(
                "cofferdam_camera_filtered_units_total{{camera=\"lobby\",kind=\"{kind}\"}} {count}"
            )
        };
        assert!(Filtered::ALL.iter().all(|kind| bench.has(&line(kind.label(), 0))));
        bench.metrics.report(&status(|s| s.ingest.filtered[Filtered::Sei as usize] = 250));
        assert!(bench.has(&line("sei", 250)) && bench.has(&line("filler", 0)));
    }

    #[test]
    fn the_layers_of_both_jails_are_shown() {
        let mut bench = Bench::new();
        let layer = |worker: &str, layer: &str, value: u8| {
            format!(
                "cofferdam_jail_layer{{camera=\"lobby\",worker=\"{worker}\",layer=\"{layer}\"}} {value}"
            )
        };
        assert!(bench.has(&layer("ingest", "system_calls", 0)));
        let posture = JailPosture::default().with(JailLayer::SystemCalls);
        bench.metrics.report(&status(|s| {
            s.ingest.jail = posture;
            s.ingest.jail_nanos = u64::MAX;
        }));
        assert!(bench.has(&layer("ingest", "system_calls", 1)));
        assert!(bench.has(&layer("ingest", "landlock_files", 0)));
        assert!(bench.has(&layer("encode", "system_calls", 0)));
        let seconds = "cofferdam_jail_lock_seconds{camera=\"lobby\",worker=\"ingest\"} 10.0";
        assert!(bench.has(seconds));
    }

    #[test]
    fn numbers_beyond_reason_are_clamped() {
        let mut bench = Bench::new();
        bench.metrics.report(&status(|s| {
            s.pacer.offset_nanos = u64::MAX;
            s.ingest.counters = [u64::MAX; Word::COUNT];
            s.ingest.faults = [u64::MAX; Fault::COUNTERS];
            s.ingest.filtered = [u64::MAX; Filtered::COUNT];
        }));
        assert!(bench.has("cofferdam_camera_pacing_offset_seconds{camera=\"lobby\"} 10.0"));
        bench.metrics.availability(Availability::Slate);
        bench.metrics.availability(Availability::Ended);
        assert!(bench.has("cofferdam_camera_state{camera=\"lobby\",state=\"ended\"} 1"));
        assert!(bench.has("cofferdam_camera_state{camera=\"lobby\",state=\"slate\"} 0"));
    }
}
