//! What contains an attack is its limit: with the limit lifted the scenario fails, with every other limit
//! in place. Those that are not a worker's are lifted in `cofferdam-dialer` (`lifecycle.rs`).
#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use cofferdam_hostile_camera::{Expected, HostileCamera, Limit, Scenario, catalogue};
use cofferdam_ingest::Limits;
use cofferdam_pad_codec::Decoder;
use cofferdam_picture_ring::Fault;
use cofferdam_unit_filter::limits::UnitLimits;
use cofferdam_unit_filter::{Format, LargestPicture, UnitFilter};
use retina::client::{Session, SessionOptions, TeardownPolicy};
use support::{DEADLINE, Ring, boot, with_account};

const SIZE: (u32, u32) = (64, 64);
const SHIPPED: Limits = Limits::SHIPPED;
const NEVER: Duration = Duration::from_secs(3600);

fn scenario(name: &str, limit: Limit) -> Scenario {
    let found = catalogue().into_iter().find(|scenario| scenario.name == name).expect("a name");
    assert_eq!(found.contained_by, limit, "{name}");
    found
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
async fn contained_by_nothing_else(name: &str, limit: Limit, held: Limits, lifted: Limits) {
    let scenario = scenario(name, limit);
    let Expected::Fault(faults) = scenario.expected else { panic!("{name} ends in a fault") };
    let began = Instant::now();
    let fault = end_within(held, &scenario, DEADLINE).await.expect("the worker ends");
    assert!(faults.contains(&fault), "{name}: {fault}");
    let patience = began.elapsed() * 3 + Duration::from_secs(1);
    assert_eq!(end_within(lifted, &scenario, patience).await, None, "{name} is still contained");
}

/// As many bytes as there are, whatever they are of. Each test below leaves one of the limits in place.
const ANY_BYTES: Limits = Limits {
    first_answer: 1 << 26,
    answers: u64::MAX,
    without_unit: u64::MAX,
    rate: u64::MAX / 4,
    burst: u64::MAX / 4,
    answer: NEVER,
    ..SHIPPED
};

#[tokio::test]
async fn bytes_of_the_first_answer() {
    let held = Limits { first_answer: SHIPPED.first_answer, ..ANY_BYTES };
    let limit = Limit::FirstAnswer;
    contained_by_nothing_else("headers-without-end", limit, held, ANY_BYTES).await;
}

#[tokio::test]
async fn bytes_of_answers() {
    let held = Limits { answers: SHIPPED.answers, ..ANY_BYTES };
    contained_by_nothing_else("setup-headers-without-end", Limit::Answers, held, ANY_BYTES).await;
}

#[tokio::test]
async fn bytes_of_an_access_unit() {
    let held = Limits { without_unit: SHIPPED.without_unit, ..ANY_BYTES };
    contained_by_nothing_else("unit-without-end", Limit::Unit, held, ANY_BYTES).await;
}

#[tokio::test]
async fn bytes_a_second() {
    let held = Limits { rate: SHIPPED.rate, burst: SHIPPED.burst, ..ANY_BYTES };
    contained_by_nothing_else("flood", Limit::Rate, held, ANY_BYTES).await;
}

/// Times are short here, that tests are: their lengths are told by `tests/hostile.rs`.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn time_for_an_answer() {
    let held = Limits { answer: SOON, ..SHIPPED };
    let lifted = Limits { answer: NEVER, ..held };
    contained_by_nothing_else("silent", Limit::AnswerTime, held, lifted).await;
}

#[tokio::test]
async fn time_for_a_picture() {
    let held = Limits { picture: SOON, ..SHIPPED };
    let lifted = Limits { picture: NEVER, ..held };
    contained_by_nothing_else("no-packets", Limit::PictureTime, held, lifted).await;
}

#[tokio::test]
async fn time_for_an_access_unit() {
    let held = Limits { unit: SOON, picture: NEVER, ..SHIPPED };
    let lifted = Limits { unit: NEVER, ..held };
    contained_by_nothing_else("stalls", Limit::UnitTime, held, lifted).await;
}

#[tokio::test]
async fn failures_in_a_row() {
    let held = Limits { picture: NEVER, ..SHIPPED };
    let lifted = Limits { failures: u32::MAX, ..held };
    contained_by_nothing_else("packets-of-three-bytes", Limit::Failures, held, lifted).await;
}

/// Without a process of its own, a camera's panic would be the gateway's.
#[tokio::test]
async fn a_process_for_each_camera() {
    let scenario = scenario("blank-formats", Limit::Process);
    let ended = tokio::task::LocalSet::new()
        .run_until(async {
            let run = async move { end_within(SHIPPED, &scenario, DEADLINE).await };
            tokio::task::spawn_local(run).await
        })
        .await;
    assert!(ended.unwrap_err().is_panic());
}

#[tokio::test]
async fn no_password_in_clear() {
    for (basic_allowed, shown) in [(false, false), (true, true)] {
        let camera = HostileCamera::start(&scenario("only-basic", Limit::NoBasic)).unwrap();
        let boot = with_account(boot(&camera.url(), SIZE), basic_allowed);
        support::end_of(&boot).await;
        // What was heard is known when the camera has noticed the end of the connection.
        let heard = async {
            while camera.heard().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, heard).await.unwrap();
        let heard = camera.heard();
        assert_eq!(heard.contains("Authorization: Basic"), shown, "{heard}");
    }
}

/// The client library by itself, with a policy other than a worker's, goes where a camera sends it.
#[tokio::test]
async fn one_connection() {
    let scenario = scenario("base-elsewhere", Limit::OneConnection);
    let camera = HostileCamera::start(&scenario).unwrap();
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

    // A worker's does not, though it gets as far.
    let camera = HostileCamera::start(&scenario).unwrap();
    let boot = boot(&camera.url(), SIZE);
    support::pictures(&boot, 1).await;
    assert_eq!((camera.connections(), camera.connections_elsewhere()), (1, 0));
}

const LARGEST: LargestPicture = LargestPicture { long: 3840, short: 2160 };

#[test]
fn numbers_of_the_filter() {
    let lifted = |limits| UnitFilter::within(limits, Format::H264, LARGEST);
    let shipped = UnitLimits::SHIPPED;
    let most = usize::MAX;
    for (name, limit, mut lifted) in [
        ("sixty-five-slices", Limit::Slices, lifted(UnitLimits { slices: most, ..shipped })),
        ("side-information-flood", Limit::Others, lifted(UnitLimits { others: most, ..shipped })),
        (
            "seventeen-references",
            Limit::References,
            lifted(UnitLimits { references: u32::MAX, ..shipped }),
        ),
        (
            "references-of-the-largest",
            Limit::ReferenceMacroblocks,
            lifted(UnitLimits { reference_macroblocks: u64::MAX, ..shipped }),
        ),
        (
            "units-of-eight-megabytes",
            Limit::LargestUnit,
            lifted(UnitLimits { largest_unit: most, ..shipped }),
        ),
        (
            "sets-of-three-kilobytes",
            Limit::ParameterSet,
            lifted(UnitLimits { parameter_set: most, ..shipped }),
        ),
        (
            "8192-by-8192",
            Limit::Size,
            UnitFilter::new(Format::H264, LargestPicture { long: 8192, short: 8192 }),
        ),
    ] {
        let unit = scenario(name, limit).first_unit().unwrap();
        let mut held = UnitFilter::new(Format::H264, LARGEST);
        assert!(held.filter(&mut unit.clone()).is_err(), "{name}");
        let mut passed = unit.clone();
        assert_eq!(lifted.filter(&mut passed), Ok(()), "{name} is still contained");
        assert!(!passed.is_empty(), "{name}");
    }
}

/// What is no H.264 comes to the filter as the client library joins it: here by hand.
#[test]
fn numbers_of_the_filter_for_other_formats() {
    let shipped = UnitLimits::SHIPPED;
    let wide = UnitLimits { luma_of_six_references: u64::MAX / 16, ..shipped };
    let unit = scenario("h265-references-of-the-largest", Limit::H265References).first_unit();
    holds_and_lifts(Format::H265, &unit.unwrap(), wide);

    // The scenario's segments, in an image as RFC 2435 makes it.
    scenario("jpeg-of-seventy-segments", Limit::Segments);
    let image = include_bytes!("grey.jpeg");
    let (head, end) = image.split_at(image.len() - 2);
    let unit = [head, &[0xff, 0xe5, 0, 2].repeat(70), end].concat();
    holds_and_lifts(Format::Jpeg, &unit, UnitLimits { segments: usize::MAX, ..shipped });
}

fn holds_and_lifts(format: Format, unit: &[u8], lifted: UnitLimits) {
    assert!(UnitFilter::new(format, LARGEST).filter(&mut unit.to_vec()).is_err());
    let mut passed = unit.to_vec();
    assert_eq!(UnitFilter::within(lifted, format, LARGEST).filter(&mut passed), Ok(()));
    assert!(!passed.is_empty());
}

/// Without the filter, the decoder takes what is kept from it, and makes pictures of it.
#[test]
fn rules_of_the_filter() {
    cofferdam_pad_codec::init(&["libgstlibav.so"]).unwrap();
    for (name, limit) in [
        ("extended-profile", Limit::Formats),
        ("ten-bits", Limit::Formats),
        ("full-chroma", Limit::Formats),
        ("slices-upside-down", Limit::Order),
        ("side-information", Limit::Kinds),
        ("enhancement-layer", Limit::Kinds),
    ] {
        let unit = scenario(name, limit).first_unit().unwrap();
        let mut filtered = unit.clone();
        let _ = UnitFilter::new(Format::H264, LARGEST).filter(&mut filtered);
        assert!(filtered.len() < unit.len(), "{name}");
        let caps = "video/x-h264,stream-format=byte-stream,alignment=au";
        let properties: &cofferdam_pad_codec::Properties<'_> =
            &[("max-threads", &1), ("thread-type", &"slice")];
        let mut alone = Decoder::new("avdec_h264", properties, caps).unwrap();
        let pictures = alone.push(unit, 0).expect("a unit that a decoder takes");
        assert_eq!(pictures.len(), 1, "{name}");
    }
}

#[test]
fn every_limit_is_lifted() {
    let text = include_str!("lifted.rs");
    for limit in Limit::ALL {
        // The dialer's, in its `lifecycle.rs`; and the one that is none.
        if matches!(limit, Limit::Wait | Limit::SignOfLife | Limit::NoneNeeded) {
            continue;
        }
        let name = format!("Limit::{limit:?}");
        let named = text.split(&name).skip(1).any(|rest| rest.starts_with([',', ')', ';', ' ']));
        assert!(named, "{name}");
    }
}
