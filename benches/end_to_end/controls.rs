//! Controls: a known delay and a known loss must show as what they are.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::accounting::percentile;
use crate::binaries::Binaries;
use crate::camera::{Camera, CameraSpec};
use crate::measure::{Stream, stream};
use crate::reader::Reader;
use crate::reader::rtsp::now;
use crate::relay;
use crate::subject::Subject as _;
use crate::subject::gateway::Ours;

/// What the relays hold.
const HOLD: Duration = Duration::from_millis(20);
/// How far from it the measured delay may be, in milliseconds.
const TOLERANCE: f64 = 3.0;
/// Pictures are small here: what is tested is the measurement, which knows no size.
const SIZE: (u32, u32) = (640, 360);
const FPS: u32 = 25;
const LOOP_SECONDS: u32 = 6;
/// The picture that is left out, in the second round of the loop or the third.
const DROPPED: u32 = 100;
const WARM_UP: Duration = Duration::from_secs(4);
/// Long enough for the loop to come round twice.
const WINDOW: Duration = Duration::from_secs(15);

/// What the controls showed.
#[derive(Debug)]
pub(crate) struct Controls {
    checks: Vec<Check>,
}

#[derive(Debug)]
struct Check {
    name: &'static str,
    expected: String,
    found: String,
    good: bool,
}

impl Controls {
    /// Whether every control showed.
    pub(crate) fn all_good(&self) -> bool {
        self.checks.iter().all(|check| check.good)
    }

    /// A line for each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.checks.iter().map(|check| {
            let verdict = if check.good { "ok" } else { "FAILED" };
            let Check { name, expected, found, .. } = check;
            format!("control  {name:<34} expected {expected:<14} found {found:<28} {verdict}")
        })
    }
}

/// Runs all controls at once, on one gateway: readers of the same pictures over ways that differ in
/// the one thing that is to show.
pub(crate) fn run(binaries: &Binaries, folder: &Path) -> anyhow::Result<Controls> {
    let spec =
        CameraSpec { number: 101, size: SIZE, fps: FPS, loop_seconds: LOOP_SECONDS, drop: None };
    let dropping = CameraSpec { number: 102, drop: Some(DROPPED), ..spec };
    let cameras = Camera::start_all(&[spec, dropping], binaries, folder)?;
    let [steady, dropping] = cameras.as_slice() else { unreachable!("two were started") };

    let before_gateway = relayed(&steady.url)?;
    let tables = [&steady.url, &before_gateway, &dropping.url];
    let gateway = Ours::start(binaries, &tables.map(|url| (url.as_str(), SIZE, FPS)));
    let behind_gateway = relay::start(gateway.address(), HOLD)?;
    let behind_gateway =
        gateway.url(0).replace(&gateway.address().to_string(), &behind_gateway.to_string());

    let begun = now();
    let ways = [
        (steady, gateway.url(0)),
        (steady, gateway.url(1)),
        (steady, behind_gateway),
        (dropping, gateway.url(2)),
    ];
    let mut readers: Vec<Reader> = ways
        .iter()
        .map(|(camera, url)| Reader::start(url, camera.spec.number, SIZE))
        .collect::<anyhow::Result<_>>()?;
    readers.iter_mut().try_for_each(Reader::wait_until_playing)?;
    std::thread::sleep(WARM_UP);
    let from = now();
    std::thread::sleep(WINDOW);
    let to = now();
    std::thread::sleep(Duration::from_millis(500));

    let mut streams = Vec::new();
    for ((camera, _), reader) in ways.iter().zip(readers) {
        let recording = reader.finish()?;
        streams.push(stream(&camera.sent_since(begun)?, &recording, camera, from..to));
    }
    let [direct, before, behind, dropped] = streams.as_slice() else {
        unreachable!("four were started")
    };
    Ok(Controls {
        checks: vec![
            delay("20 ms between camera and gateway", direct, before)?,
            delay("20 ms between gateway and reader", direct, behind)?,
            loss("no picture dropped", direct, &[]),
            loss("one picture dropped by the camera", dropped, &[DROPPED]),
        ],
    })
}

/// The camera's URL by way of a relay.
fn relayed(url: &str) -> anyhow::Result<String> {
    let authority = url.strip_prefix("rtsp://").and_then(|rest| rest.split('/').next());
    let authority = authority.context("an rtsp URL")?;
    let address: SocketAddr = authority.parse()?;
    Ok(url.replace(authority, &relay::start(address, HOLD)?.to_string()))
}

fn delay(name: &'static str, direct: &Stream, held: &Stream) -> anyhow::Result<Check> {
    let median = |stream: &Stream| {
        let latencies = &stream.account.latencies;
        ensure!(!latencies.is_empty(), "no picture of a control arrived");
        Ok(milliseconds(percentile(latencies, 50).unwrap_or_default()))
    };
    let (direct, held) = (median(direct)?, median(held)?);
    let (found, expected) = (held - direct, HOLD.as_secs_f64() * 1000.0);
    Ok(Check {
        name,
        expected: format!("+{expected:.0} ± {TOLERANCE:.0} ms"),
        found: format!("{found:+.1} ms ({direct:.1} to {held:.1})"),
        good: (found - expected).abs() <= TOLERANCE,
    })
}

fn loss(name: &'static str, stream: &Stream, expected: &[u32]) -> Check {
    let lost = &stream.account.lost;
    Check {
        name,
        expected: format!("{} lost", expected.len()),
        found: format!("{} lost of {}", lost.len(), stream.account.made),
        good: lost == expected && stream.account.made > 0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are short")]
fn milliseconds(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
