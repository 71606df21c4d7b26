//! A publisher between a worker that says anything and readers that do anything.

mod output;
mod readers;
mod signal;

use std::sync::Arc;
use std::time::Duration;

use cofferdam_encode_link::Command;
use cofferdam_encode_link::MountKind::{Main, Sub};
use cofferdam_picture::{FrameRate, Geometry};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use proptest::prelude::*;

use super::*;
use crate::access_unit::tests::{PPS_UNIT, SPS_UNIT, annex_b};
use crate::{AfterHold, Availability, Mounts, ReaderLimits, SignalLoss, Subscription, Unit};

const START: u64 = 1_000_000;
const SEEDS: [MountSeed; 2] = [
    MountSeed { ssrc: 7, sequence: 65_534, timestamp: 0xffff_0000 },
    MountSeed { ssrc: 8, sequence: 0, timestamp: 5 },
];

fn at(millis: u64) -> MonotonicTime {
    MonotonicTime::from_nanos((START + millis) * 1_000_000)
}

/// A publisher with a worker that can be made to say anything, at times in milliseconds.
struct Bench {
    publisher: CameraPublisher,
    registry: Registry,
}

impl Bench {
    fn new(then: AfterHold, limits: ReaderLimits) -> Self {
        let settings = PublishSettings {
            camera: "lobby".parse().unwrap(),
            rate: FrameRate::new(25).unwrap(),
            geometry: Geometry::new(640, 360).unwrap(),
            sub_geometry: Geometry::new(320, 180).unwrap(),
            signal_loss: SignalLoss { hold: Duration::from_secs(10), then },
            reader_limits: limits,
        };
        let mut registry = Registry::with_prefix("cofferdam");
        let metrics = PublishMetrics::register(&mut registry);
        Self { publisher: CameraPublisher::new(&settings, SEEDS, &metrics, at(0)), registry }
    }

    /// With a worker that has delivered its start-up units, and its first commands taken.
    fn started() -> Self {
        let mut bench = Self::new(AfterHold::Disconnect, ReaderLimits::default());
        bench.start_worker(0);
        bench.commands();
        bench
    }

    fn start_worker(&mut self, millis: u64) {
        self.publisher.handle_worker_started(at(millis));
        for (kind, number) in [(Main, 1), (Main, 2), (Sub, 1), (Sub, 2)] {
            let header = AccessUnitHeader { startup: true, ..header(kind, true, false, millis) };
            self.say(&header, &key(number), millis).unwrap();
        }
    }

    fn say(
        &mut self,
        header: &AccessUnitHeader,
        bytes: &[u8],
        millis: u64,
    ) -> Result<(), OutputFault> {
        self.publisher.handle_record(Record::AccessUnit(*header, bytes.to_vec()), at(millis))
    }

    fn key_unit(&mut self, kind: MountKind, millis: u64) {
        self.say(&header(kind, true, true, millis), &key(9), millis).unwrap();
    }

    fn other_unit(&mut self, kind: MountKind, millis: u64) {
        self.say(&header(kind, false, true, millis), &other(), millis).unwrap();
    }

    /// A tick of the main mount: a key unit every second, as a worker makes them.
    fn slate_unit(&mut self, millis: u64) {
        self.say(&header(Main, true, false, millis), &key(9), millis).unwrap();
    }

    fn mount(&self, kind: MountKind) -> Arc<Mount> {
        Arc::clone(&self.publisher.mounts()[usize::from(kind.code())])
    }

    fn commands(&self) -> Vec<Command> {
        let commands = self.publisher.commands();
        std::iter::from_fn(|| commands.try_next()).collect()
    }

    /// Lets time pass as the gateway does: by calling whenever the publisher asked for it.
    fn run_until(&mut self, millis: u64) {
        while let Some(due) = self.publisher.poll_timeout().filter(|due| *due <= at(millis)) {
            self.publisher.handle_timeout(due);
        }
    }

    fn shows(&self, line: &str) -> bool {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text.lines().any(|found| found == format!("cofferdam_{line}"))
    }
}

fn header(mount: MountKind, key: bool, live: bool, millis: u64) -> AccessUnitHeader {
    let stamp = |before| live.then(|| at(millis) - Duration::from_millis(before));
    AccessUnitHeader {
        mount,
        key,
        live,
        startup: false,
        tick: at(millis),
        arrived: stamp(30),
        complete: stamp(10),
        encode_time: Duration::from_millis(4),
    }
}

fn key(number: u8) -> Vec<u8> {
    annex_b(&[SPS_UNIT, PPS_UNIT, &[6, 5, 0x80], &[0x65, 0x88, number, 0x80]])
}

fn key_with_other_sps() -> Vec<u8> {
    annex_b(&[&[0x67, 0x4d, 0x40, 0x20, 0x95], PPS_UNIT, &[0x65, 0x88, 0x80]])
}

fn other() -> Vec<u8> {
    annex_b(&[&[0x41, 0x9a, 0x80]])
}

fn taken(subscription: &mut Subscription) -> Vec<Arc<Unit>> {
    std::iter::from_fn(|| subscription.try_next()).collect()
}

fn keys(units: &[Arc<Unit>]) -> Vec<bool> {
    units.iter().map(|unit| unit.key).collect()
}

/// The number that a test's key unit carries in its slice.
fn number(unit: &Unit) -> u8 {
    unit.packets.packets().last().unwrap()[12 + 2]
}
