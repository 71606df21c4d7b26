//! What contains an attack is its limit: with the limit lifted the scenario fails, with every other limit
//! in place. Those that are not a worker's are lifted in `cofferdam-dialer` (`lifecycle.rs`).
#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cofferdam_hostile_camera::{Expected, HostileCamera, Limit, Scenario, catalogue};
use cofferdam_ingest::{Limits, MEMORY};
use cofferdam_pad_codec::Decoder;
use cofferdam_picture_ring::Fault;
use cofferdam_unit_filter::limits::UnitLimits;
use cofferdam_unit_filter::{Format, LargestPicture, UnitFilter};
use retina::client::{Session, SessionOptions, TeardownPolicy};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use support::{DEADLINE, Ring, boot, with_account};

const SIZE: (u32, u32) = (64, 64);
const SHIPPED: Limits = Limits::SHIPPED;
const UNITS: UnitLimits = UnitLimits::SHIPPED;
const NEVER: Duration = Duration::from_secs(3600);
/// Times are short here, that tests are: their lengths are told by `tests/hostile.rs`.
const SOON: Duration = Duration::from_secs(1);

/// As many bytes as there are, whatever they are of. Some rows below leave one of the limits in place.
const ANY_BYTES: Limits = Limits {
    first_answer: 1 << 26,
    answers: u64::MAX,
    without_unit: u64::MAX,
    rate: u64::MAX / 4,
    burst: u64::MAX / 4,
    answer: NEVER,
    ..SHIPPED
};

/// One test a row: the limit, an attack that the catalogue says it contains, and how that is shown.
macro_rules! lifted {
    ($($test:ident $limit:ident $scenario:literal $shown:expr;)+) => {
        $(#[test]
        fn $test() {
            let shown: fn(&Scenario) = $shown;
            shown(&scenario($scenario, Limit::$limit));
        })+

        /// Every limit that is lifted here.
        const LIFTED: &[Limit] = &[$(Limit::$limit),+];
    };
}

lifted! {
    bytes_of_the_first_answer FirstAnswer "headers-without-end" |attack| {
        let held = Limits { first_answer: SHIPPED.first_answer, ..ANY_BYTES };
        contained_by_nothing_else(attack, held, ANY_BYTES);
    };
    bytes_of_answers Answers "setup-headers-without-end" |attack| {
        let held = Limits { answers: SHIPPED.answers, ..ANY_BYTES };
        contained_by_nothing_else(attack, held, ANY_BYTES);
    };
    bytes_of_an_access_unit Unit "unit-without-end" |attack| {
        let held = Limits { without_unit: SHIPPED.without_unit, ..ANY_BYTES };
        contained_by_nothing_else(attack, held, ANY_BYTES);
    };
    bytes_a_second Rate "flood" |attack| {
        let held = Limits { rate: SHIPPED.rate, burst: SHIPPED.burst, ..ANY_BYTES };
        contained_by_nothing_else(attack, held, ANY_BYTES);
    };
    memory Memory "setup-body-without-end" limited_memory;
    time_for_an_answer AnswerTime "silent" |attack| {
        let held = Limits { answer: SOON, ..SHIPPED };
        contained_by_nothing_else(attack, held, Limits { answer: NEVER, ..held });
    };
    time_for_a_picture PictureTime "no-packets" |attack| {
        let held = Limits { picture: SOON, ..SHIPPED };
        contained_by_nothing_else(attack, held, Limits { picture: NEVER, ..held });
    };
    time_for_an_access_unit UnitTime "stalls" |attack| {
        let held = Limits { unit: SOON, picture: NEVER, ..SHIPPED };
        contained_by_nothing_else(attack, held, Limits { unit: NEVER, ..held });
    };
    failures_in_a_row Failures "packets-of-three-bytes" |attack| {
        let held = Limits { picture: NEVER, ..SHIPPED };
        contained_by_nothing_else(attack, held, Limits { failures: u32::MAX, ..held });
    };
    a_process_for_each_camera Process "blank-formats" a_panic;
    no_password_in_clear NoBasic "only-basic" no_basic;
    one_connection OneConnection "base-elsewhere" one_connection_only;
    slices Slices "sixty-five-slices" |attack| {
        refused(attack, UnitLimits { slices: usize::MAX, ..UNITS });
    };
    other_units Others "side-information-flood" |attack| {
        refused(attack, UnitLimits { others: usize::MAX, ..UNITS });
    };
    references References "seventeen-references" |attack| {
        refused(attack, UnitLimits { references: u32::MAX, ..UNITS });
    };
    macroblocks_of_references ReferenceMacroblocks "references-of-the-largest" |attack| {
        refused(attack, UnitLimits { reference_macroblocks: u64::MAX, ..UNITS });
    };
    references_of_h265 H265References "h265-references-of-the-largest" |attack| {
        let lifted = UnitLimits { luma_of_six_references: u64::MAX / 16, ..UNITS };
        holds_and_lifts(Format::H265, &attack.first_unit().unwrap(), lifted, LARGEST);
    };
    bytes_of_a_unit LargestUnit "units-of-eight-megabytes" |attack| {
        refused(attack, UnitLimits { largest_unit: usize::MAX, ..UNITS });
    };
    bytes_of_a_parameter_set ParameterSet "sets-of-three-kilobytes" |attack| {
        refused(attack, UnitLimits { parameter_set: usize::MAX, ..UNITS });
    };
    segments Segments "jpeg-of-seventy-segments" |_| {
        // The scenario's segments, in an image as RFC 2435 makes it.
        let image = include_bytes!("grey.jpeg");
        let (head, end) = image.split_at(image.len() - 2);
        let unit = [head, &[0xff, 0xe5, 0, 2].repeat(70), end].concat();
        let lifted = UnitLimits { segments: usize::MAX, ..UNITS };
        holds_and_lifts(Format::Jpeg, &unit, lifted, LARGEST);
    };
    size Size "8192-by-8192" |attack| {
        let larger = LargestPicture { long: 8192, short: 8192 };
        holds_and_lifts(Format::H264, &attack.first_unit().unwrap(), UNITS, larger);
    };
    other_profiles Formats "extended-profile" decoded_alone;
    more_bits Formats "ten-bits" decoded_alone;
    other_chroma Formats "full-chroma" decoded_alone;
    slices_out_of_order Order "slices-upside-down" decoded_alone;
    side_information Kinds "side-information" decoded_alone;
    enhancement_layers Kinds "enhancement-layer" decoded_alone;
}

#[test]
fn every_limit_is_lifted() {
    for limit in Limit::ALL {
        let expected = match limit {
            // The dialer's, in its `lifecycle.rs`.
            Limit::Wait | Limit::SignOfLife => false,
            Limit::NoneNeeded => false,
            _ => true,
        };
        assert_eq!(LIFTED.contains(&limit), expected, "{limit:?}");
    }
}

fn scenario(name: &str, limit: Limit) -> Scenario {
    let found = catalogue().into_iter().find(|scenario| scenario.name == name).expect("a name");
    assert!(found.contained_by == limit || found.behind == Some(limit), "{name}");
    found
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// How a worker ends before that camera; `None` when it has not after `patience`.
async fn end_within(limits: Limits, scenario: &Scenario, patience: Duration) -> Option<Fault> {
    let camera = HostileCamera::start(scenario).unwrap();
    let boot = boot(&camera.url(), SIZE);
    let ring = Ring::of(&boot);
    let run = cofferdam_ingest::run_within(limits, &boot, ring.writer(&boot));
    tokio::time::timeout(patience, run).await.ok()
}

/// `held` contains the attack as told; `lifted`, which differs in nothing but the limit, does not: the
/// worker is still at it when it has long ended by `held`.
fn contained_by_nothing_else(attack: &Scenario, held: Limits, lifted: Limits) {
    let name = attack.name;
    let Expected::Fault(faults) = attack.expected else { panic!("{name} ends in a fault") };
    let began = Instant::now();
    let fault = run(end_within(held, attack, DEADLINE)).expect("the worker ends");
    assert!(faults.contains(&fault), "{name}: {fault}");
    let patience = began.elapsed() * 3 + Duration::from_secs(1);
    assert_eq!(run(end_within(lifted, attack, patience)), None, "{name} is still contained");
}

/// Behind the limits on bytes, and here without them: a worker ends that wants more than it may map, and
/// one that may map what it wants takes all in.
fn limited_memory(attack: &Scenario) {
    assert_eq!(worker_with(attack, "limited").signal(), Some(Signal::ABORT.as_raw()));
    let lifted = worker_with(attack, "unlimited");
    assert!(lifted.success(), "{lifted}");
}

/// A process of its own that plays [`worker_of_its_own`].
fn worker_with(attack: &Scenario, memory: &str) -> ExitStatus {
    let camera = HostileCamera::start(attack).unwrap();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(["worker_of_its_own", "--exact"])
        .env("CAMERA", camera.url())
        .env("MEMORY", memory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + DEADLINE;
    loop {
        match worker.try_wait().unwrap() {
            Some(status) => return status,
            None if Instant::now() > end => {
                let _ = worker.kill();
                panic!("{memory}: the worker ends");
            }
            None => std::thread::park_timeout(Duration::from_millis(10)),
        }
    }
}

/// No test, unless another one started it. Whether it has mapped more than a worker may.
#[test]
fn worker_of_its_own() {
    let Ok(url) = std::env::var("CAMERA") else { return };
    let kilobytes = |line: &str| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let before = kilobytes("VmSize:") << 10;
    let limit = |resource, most| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).unwrap();
    };
    limit(Resource::Core, 0);
    if std::env::var("MEMORY").unwrap() == "limited" {
        limit(Resource::As, before + MEMORY);
    }
    let boot = boot(&url, SIZE);
    let ring = Ring::of(&boot);
    run(cofferdam_ingest::run_within(ANY_BYTES, &boot, ring.writer(&boot)));
    assert!(kilobytes("VmPeak:") << 10 > before + MEMORY);
}

/// Without a process of its own, a camera's panic would be the gateway's.
fn a_panic(attack: &Scenario) {
    let attack = attack.clone();
    let ended = run(async {
        let run = async move { end_within(SHIPPED, &attack, DEADLINE).await };
        tokio::task::spawn_local(run).await
    });
    assert!(ended.unwrap_err().is_panic());
}

fn no_basic(attack: &Scenario) {
    for (basic_allowed, shown) in [(false, false), (true, true)] {
        let camera = HostileCamera::start(attack).unwrap();
        let boot = with_account(boot(&camera.url(), SIZE), basic_allowed);
        run(support::end_of(&boot));
        // What was heard is known when the camera has noticed the end of the connection.
        let heard = async {
            while camera.heard().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        run(async { tokio::time::timeout(DEADLINE, heard).await.unwrap() });
        let heard = camera.heard();
        assert_eq!(heard.contains("Authorization: Basic"), shown, "{heard}");
    }
}

/// The client library by itself, with a policy other than a worker's, goes where a camera sends it.
fn one_connection_only(attack: &Scenario) {
    let camera = HostileCamera::start(attack).unwrap();
    run(async {
        let options = SessionOptions::default().teardown(TeardownPolicy::Always);
        let url = camera.url().parse().unwrap();
        let mut session = Session::describe(url, options).await.unwrap();
        session.setup(0, retina::client::SetupOptions::default()).await.unwrap();
        drop(session.play(retina::client::PlayOptions::default()).await.unwrap());
        let went = async {
            while camera.connections_elsewhere() == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, went).await.expect("a connection to the second host");
    });

    // A worker's does not, though it gets as far.
    let camera = HostileCamera::start(attack).unwrap();
    let boot = boot(&camera.url(), SIZE);
    run(support::pictures(&boot, 1));
    assert_eq!((camera.connections(), camera.connections_elsewhere()), (1, 0));
}

const LARGEST: LargestPicture = LargestPicture { long: 3840, short: 2160 };

/// What the filter refuses of H.264, and takes with the limit lifted.
fn refused(attack: &Scenario, lifted: UnitLimits) {
    holds_and_lifts(Format::H264, &attack.first_unit().unwrap(), lifted, LARGEST);
}

fn holds_and_lifts(format: Format, unit: &[u8], lifted: UnitLimits, largest: LargestPicture) {
    assert!(UnitFilter::new(format, LARGEST).filter(&mut unit.to_vec()).is_err());
    let mut passed = unit.to_vec();
    assert_eq!(UnitFilter::within(lifted, format, largest).filter(&mut passed), Ok(()));
    assert!(!passed.is_empty());
}

/// Without the filter, the decoder takes what is kept from it, and makes pictures of it.
fn decoded_alone(attack: &Scenario) {
    cofferdam_pad_codec::init(&["libgstlibav.so"]).unwrap();
    let unit = attack.first_unit().unwrap();
    let mut filtered = unit.clone();
    let _ = UnitFilter::new(Format::H264, LARGEST).filter(&mut filtered);
    assert!(filtered.len() < unit.len());
    let caps = "video/x-h264,stream-format=byte-stream,alignment=au";
    let properties: &cofferdam_pad_codec::Properties<'_> =
        &[("max-threads", &1), ("thread-type", &"slice")];
    let mut alone = Decoder::new("avdec_h264", properties, caps).unwrap();
    let pictures = alone.push(unit, 0).expect("a unit that a decoder takes");
    assert_eq!(pictures.len(), 1);
}
