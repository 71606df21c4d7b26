//! Every client at hand, over every way to the pictures, with an account and without, through an outage of
//! the camera. What is seen is the first table of `docs/clients.md`.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use cofferdam_simulator::barcode::Barcode;
use cofferdam_system_tests::accounts::PASSWORD;
use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::matrix::{self, Crowd, Entrance, Reader};
use cofferdam_system_tests::watcher::Seen;
use cofferdam_system_tests::{eventually, until};

const RATE: u32 = 10;
/// Dozens of programs start at once, and live pictures come back when the gateway asks the camera again.
const DEADLINE: Duration = Duration::from_secs(90);
/// What everyone has to see before the outage, and after it.
const ENOUGH: usize = 15;
/// The camera's number in the barcode before the outage, and after it.
const BEFORE: u8 = 7;
const AFTER: u8 = 8;

fn of(seen: &Seen, camera: u8) -> usize {
    seen.iter().flatten().filter(|code| code.camera == camera).count()
}

/// What is wrong with a showing that should be pictures of the camera before, a slate, and pictures of the
/// camera after.
fn fault(seen: &[Option<Barcode>]) -> Option<String> {
    let is_before = |code: &Option<Barcode>| code.is_some_and(|code| code.camera == BEFORE);
    let first = seen.iter().rposition(is_before).map_or(0, |last| last + 1);
    let (before, rest) = seen.split_at(first);
    let slate = rest.iter().take_while(|code| code.is_none()).count();
    for (part, camera) in [(before, BEFORE), (&rest[slate..], AFTER)] {
        let codes: Vec<_> = part.iter().flatten().copied().collect();
        let verdict = judge(&codes, part.len() - codes.len(), camera, ENOUGH);
        if verdict != Verdict::Live {
            return Some(format!("camera {camera}: {verdict:?}"));
        }
    }
    (slate == 0).then(|| "no slate".into())
}

#[test]
fn pictures_a_slate_and_pictures_are_an_outage_and_nothing_else_is() {
    let live = |camera| (0..20).map(move |counter| Some(Barcode { camera, counter }));
    let show = |before: u8, slate: usize, after: u8| -> Seen {
        live(before).chain(std::iter::repeat_n(None, slate)).chain(live(after)).collect()
    };
    assert_eq!(fault(&show(BEFORE, 5, AFTER)), None);
    for (before, slate, after) in [(BEFORE, 0, AFTER), (BEFORE, 5, BEFORE), (AFTER, 5, AFTER)] {
        assert!(fault(&show(before, slate, after)).is_some(), "{before} {slate} {after}");
    }
    assert!(fault(&show(BEFORE, 5, AFTER)[..25]).is_some());
    assert!(fault(&[]).is_some());
}

#[test]
fn every_client_plays_every_way_it_goes_and_on_after_an_outage() {
    let readers: Vec<Reader> =
        Reader::ALL.into_iter().filter(|reader| reader.is_here("client_matrix")).collect();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let before = matrix::camera(BEFORE, RATE, address);
    let entrances = [false, true].map(|account| Entrance::start(&before.url(), RATE, account));
    entrances.iter().for_each(Entrance::wait_until_live);

    let mut crowd = Crowd::start(&readers, &entrances.each_ref(), RATE);
    crowd.wait(DEADLINE, "live pictures", |seen| of(seen, BEFORE) >= ENOUGH);
    crowd.wait_for_sessions(&entrances.each_ref(), DEADLINE);
    for entrance in &entrances {
        // And as many more for those that record.
        let out = ["mount=\"main\""];
        let pictures = |e: &Entrance| {
            e.gateway.metrics().value("cofferdam_mount_pictures_out_total", &out).unwrap()
        };
        let enough = pictures(entrance) + (2 * ENOUGH) as f64;
        until(DEADLINE, "more pictures", || (pictures(entrance) >= enough).then_some(()));
    }
    let sessions =
        |entrance: &Entrance| (entrance.audited("session_start"), entrance.audited("session_end"));
    let at_first = entrances.each_ref().map(sessions);

    drop(before);
    crowd.wait(DEADLINE, "a slate", |seen| matches!(seen.last(), Some(None)));
    let _after = matrix::camera(AFTER, RATE, address);
    crowd.wait(DEADLINE, "live pictures again", |seen| of(seen, AFTER) >= 2 * ENOUGH);
    let at_last = entrances.each_ref().map(sessions);
    assert_eq!(at_last, at_first, "sessions begun and ended since the outage");

    let mut cells = Vec::new();
    for (cell, seen) in crowd.stop_recording() {
        assert_eq!(fault(&seen), None, "{cell:?}: {seen:?}");
        cells.push(cell);
    }
    for (cell, seen, complaints) in crowd.stop_playing() {
        assert_eq!(fault(&seen), None, "{cell:?}: {seen:?}, {complaints:?}");
        assert!(complaints.is_empty(), "{cell:?}: {complaints:?}");
        cells.push(cell);
    }
    for entrance in &entrances {
        // Of a tunnel, both halves.
        eventually("every connection's end", || {
            entrance.gateway.metrics().value("cofferdam_rtsp_connections", &[]) == Some(0.0)
        });
        assert_eq!(entrance.audited("session_end"), entrance.audited("session_start"));
    }
    let log = entrances[1].gateway.log();
    for event in ["login", "session_start", "session_end"] {
        let told = format!("audit=\"{event}\"");
        let mut lines = log.lines().filter(|line| line.contains(&told)).peekable();
        assert!(lines.peek().is_some(), "{event}");
        assert!(lines.all(|line| line.contains("account=\"vms\"")), "{event}: {log}");
    }
    assert!(!log.contains(PASSWORD));
    matrix::hold("plays", &readers, &cells, "plays");
}
