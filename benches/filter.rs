//! What the filter before the decoder costs, beside the decoder itself, on the same access units.
//!
//! `cargo bench --bench filter`. CPU time of this thread, so that what else runs does not count.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

use std::time::Duration;

use cofferdam_ingest::decode::PictureDecoder;
use cofferdam_ingest::session::AccessUnit;
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::Codec;
use cofferdam_system_tests::units::{Coding, access_units};
use cofferdam_system_tests::{film, programs};
use cofferdam_unit_filter::{Format, LargestPicture, UnitFilter};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

const FOOTAGE: [&str; 5] = [
    "street-1080p25-h264.mp4",
    "street-720p25-h265.mp4",
    "street-576p25-mjpeg-alaw.mov",
    "street-720p12-h264-bframes.mp4",
    "street-576p25-h264-canary.h264",
];
/// Of each film.
const MOST_UNITS: usize = 250;
/// The filter is so quick that it is run this often.
const ROUNDS: u32 = 20;
/// What the filter may cost of the decoder's time.
const GOAL: f64 = 0.02;

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.try_into().unwrap_or_default())
}

fn taken(work: impl FnOnce()) -> Duration {
    let began = cpu_time();
    work();
    cpu_time() - began
}

fn main() {
    if !programs::has("ffmpeg", "the benchmark") {
        return;
    }
    println!("| film | bytes a unit | filter, µs a unit | decoder, µs a unit | share |");
    println!("|---|---|---|---|---|");
    let mut worst = 0.0_f64;
    for name in FOOTAGE {
        let folder = TempDir::new().unwrap();
        let file = programs::footage(name).unwrap_or_else(|| {
            eprintln!("no footage folder beside the repository: {name} is drawn instead");
            film::draw(folder.path(), name, (1280, 720), 25, 4)
        });
        let coding = Coding::of(name);
        let mut units = access_units(&file, coding);
        units.truncate(MOST_UNITS);
        let (filter, decoder) = (filtering(coding, &units), decoding(coding, &units));
        let count = u32::try_from(units.len()).unwrap();
        let bytes = units.iter().map(Vec::len).sum::<usize>() / units.len();
        let share = filter.as_secs_f64() / (decoder.as_secs_f64() - filter.as_secs_f64());
        worst = worst.max(share);
        let micros = |all: Duration| all.as_secs_f64() * 1e6 / f64::from(count);
        println!(
            "| {name} | {bytes} | {:.1} | {:.0} | {:.2} % |",
            micros(filter),
            micros(decoder - filter),
            share * 100.0
        );
    }
    let verdict = if worst <= GOAL { "reached" } else { "NOT reached" };
    println!("\nworst share {:.2} %, goal {:.0} %: {verdict}", worst * 100.0, GOAL * 100.0);
}

/// For all of `units` once.
fn filtering(coding: Coding, units: &[Vec<u8>]) -> Duration {
    let format = match coding {
        Coding::H264 => Format::H264,
        Coding::H265 => Format::H265,
        Coding::Mjpeg => Format::Jpeg,
    };
    let mut all = Duration::ZERO;
    for _ in 0..ROUNDS {
        let mut filter = UnitFilter::new(format, LargestPicture { long: 3840, short: 2160 });
        let mut units = units.to_vec();
        all += taken(|| {
            for unit in &mut units {
                filter.filter(unit).expect("footage passes");
            }
        });
    }
    all / ROUNDS
}

/// For all of `units` once, the filter included.
fn decoding(coding: Coding, units: &[Vec<u8>]) -> Duration {
    let codec = match coding {
        Coding::H264 => Codec::H264,
        Coding::H265 => Codec::H265,
        Coding::Mjpeg => Codec::Mjpeg,
    };
    let mut decoder = PictureDecoder::open(codec).expect("a decoder");
    let units: Vec<_> = units.iter().cloned().zip(0_i64..).collect();
    taken(|| {
        for (data, index) in units {
            let unit = AccessUnit {
                data,
                arrived: MonotonicTime::now(),
                timestamp: index * 40_000_000,
                random_access: false,
                lost_packets: 0,
            };
            drop(decoder.push(unit).expect("footage decodes"));
        }
    })
}
