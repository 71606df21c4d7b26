//! One round: a subject reads the cameras and is read, for a while.

use std::time::{Duration, Instant};

use cofferdam_system_tests::http::Metrics;

use crate::accounting::{Account, Received, account};
use crate::camera::Camera;
use crate::cost::{Cost, Snapshot};
use crate::join;
use crate::reader::rtsp::now;
use crate::reader::{Reader, Recording};
use crate::subject::Subject;

/// After the window, readers go on for this long, so that its last pictures still arrive.
const GRACE: Duration = Duration::from_millis(500);

/// How a round goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// From every reader's first picture to the window: the time it takes to settle.
    pub(crate) warm_up: Duration,
    /// What is measured.
    pub(crate) window: Duration,
    /// Readers that join afterwards, on the first camera.
    pub(crate) joins: usize,
}

/// What one round showed.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) subject: &'static str,
    pub(crate) window: Duration,
    /// One for each camera.
    pub(crate) streams: Vec<Stream>,
    pub(crate) cost: Cost,
    /// Nanoseconds from PLAY to the first picture.
    pub(crate) joins: Vec<u64>,
    /// What the subject says of itself.
    pub(crate) inside: Option<Inside>,
}

/// What one reader saw of one camera.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) account: Account,
    /// Access units received within the window.
    pub(crate) units: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    pub(crate) packets_lost: u64,
}

/// Means over the window of what the gateway's metrics say, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Inside {
    pub(crate) decode_ms: f64,
    pub(crate) pacing_offset_ms: f64,
    pub(crate) encode_ms: f64,
}

/// Measures a subject that reads `cameras`, in their order.
pub(crate) fn round(
    subject: &dyn Subject,
    cameras: &[Camera],
    plan: Plan,
) -> anyhow::Result<Round> {
    let begun = now();
    let start = |(index, camera): (usize, &Camera)| {
        Reader::start(&subject.url(index), camera.spec.number, camera.spec.size)
    };
    let mut readers: Vec<Reader> =
        cameras.iter().enumerate().map(start).collect::<anyhow::Result<_>>()?;
    readers.iter_mut().try_for_each(Reader::wait_until_playing)?;
    std::thread::sleep(plan.warm_up);

    let harness: Vec<u32> =
        cameras.iter().map(Camera::pid).chain(readers.iter().map(Reader::pid)).collect();
    let said_before = subject.metrics();
    let before = Snapshot::take(&subject.processes(), &harness);
    let from = now();
    std::thread::sleep(plan.window);
    let to = now();
    let processes = subject.processes();
    let cost = Snapshot::take(&processes, &harness).since(&before, &processes);
    let said_after = subject.metrics();
    let ended = Instant::now();

    let joins = match (cameras.first(), plan.joins) {
        (None, _) | (_, 0) => Vec::new(),
        (Some(camera), joins) => join::measure(&subject.url(0), camera.spec.size, joins)?,
    };
    std::thread::sleep(GRACE.saturating_sub(ended.elapsed()));

    let mut streams = Vec::new();
    for (camera, reader) in cameras.iter().zip(readers) {
        let recording = reader.finish()?;
        // Afterwards: whatever was received is in the log by now.
        streams.push(stream(&camera.sent_since(begun)?, &recording, camera, from..to));
    }
    let inside = said_before.zip(said_after).and_then(|(before, after)| inside(&before, &after));
    Ok(Round { subject: subject.name(), window: plan.window, streams, cost, joins, inside })
}

/// Accounts for what one reader received of one camera within the window.
pub(crate) fn stream(
    sent: &[crate::accounting::Sent],
    recording: &Recording,
    camera: &Camera,
    window: std::ops::Range<u64>,
) -> Stream {
    let received: Vec<Received> = recording.units.iter().map(|unit| unit.received).collect();
    let within = || recording.units.iter().filter(|unit| window.contains(&unit.received.at));
    Stream {
        units: within().count() as u64,
        bytes: within().map(|unit| unit.bytes).sum(),
        packets_lost: recording.packets_lost,
        account: account(sent, &received, camera.spec.clip(), window.clone()),
    }
}

fn inside(before: &Metrics, after: &Metrics) -> Option<Inside> {
    let grown = |name: &str, label: &[&str]| {
        Some(after.value(name, label)? - before.value(name, label).unwrap_or(0.0))
    };
    let main = ["mount=\"main\""];
    let decoded = grown("cofferdam_camera_pictures_in_total", &[])?;
    let encoded = grown("cofferdam_mount_pictures_out_total", &main)?;
    // The offset is summed over cameras, and there is one for each.
    let cameras =
        after.0.lines().filter(|l| l.starts_with("cofferdam_camera_pacing_offset_seconds{"));
    #[expect(clippy::cast_precision_loss, reason = "cameras are few")]
    let cameras = cameras.count() as f64;
    let offset = after.value("cofferdam_camera_pacing_offset_seconds", &[])?;
    Some(Inside {
        decode_ms: grown("cofferdam_camera_decode_seconds_total", &[])? * 1000.0 / decoded,
        pacing_offset_ms: offset * 1000.0 / cameras,
        encode_ms: grown("cofferdam_mount_encode_seconds_total", &main)? * 1000.0 / encoded,
    })
}

impl Round {
    /// Access units received within the window, of all cameras.
    pub(crate) fn units(&self) -> u64 {
        self.streams.iter().map(|stream| stream.units).sum()
    }
}
