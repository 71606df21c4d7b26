//! Every client at hand holds one session for longer than two time-outs, over every way it goes; motion records
//! both mounts for as long. What is seen is the second table of `docs/clients.md`.
//!
//! `scripts/test-long` gives it its time; without any it says so and does nothing.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cofferdam_simulator::barcode::Barcode;
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::matrix::{self, Cell, Crowd, Entrance, Reader};
use cofferdam_system_tests::watcher::Seen;

const RATE: u32 = 5;
const CAMERA: u8 = 7;
/// Dozens of programs start at once.
const DEADLINE: Duration = Duration::from_secs(90);
/// Twice the time-out that the server advertises, and twice that which it enforces: 60 s and 90 s.
const LEAST: Duration = Duration::from_secs(180);

fn main() {
    let seconds = std::env::args().skip_while(|a| a != "--seconds").nth(1);
    let Some(seconds) = seconds.map(|s| s.parse().expect("a number of seconds")) else {
        println!("long_sessions: not run: it takes minutes; scripts/test-long runs it");
        println!("test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        return;
    };
    let length = Duration::from_secs(seconds);
    assert!(length > LEAST, "--seconds: expected more than {LEAST:?}, found {length:?}");
    controls();
    long_sessions(length);
    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}

fn long_sessions(length: Duration) {
    let readers: Vec<Reader> =
        Reader::ALL.into_iter().filter(|reader| reader.is_here("long_sessions")).collect();
    let camera = matrix::camera(CAMERA, RATE, SocketAddr::from(([127, 0, 0, 1], 0)));
    let entrance = Entrance::start(&camera.url(), RATE, true);
    entrance.wait_until_live();
    let mut crowd = Crowd::start(&readers, &[&entrance], RATE);
    crowd.wait(DEADLINE, "live pictures", |seen| seen.iter().flatten().count() > 0);
    crowd.wait_for_sessions(&[&entrance], DEADLINE);
    let begun = Instant::now();
    let (started, ended) = (entrance.audited("session_start"), entrance.audited("session_end"));
    println!("long_sessions: {} sessions play", crowd.len());

    hold(&mut crowd, begun + length);
    assert_eq!(entrance.audited("session_start"), started, "sessions begun in the meantime");
    assert_eq!(entrance.audited("session_end"), ended, "sessions ended");
    let mut cells = Vec::new();
    for (cell, seen) in crowd.stop_recording() {
        report(cell, &seen);
        assert_eq!(fault(&seen, length), None, "{cell:?}");
        cells.push(cell);
    }
    for (cell, seen, complaints) in crowd.stop_playing() {
        report(cell, &seen);
        assert_eq!(fault(&seen, length), None, "{cell:?}: {complaints:?}");
        cells.push(cell);
    }
    matrix::hold("holds", &readers, &cells, "holds");
}

/// Waits, and sees to it that everyone plays all the time.
fn hold(crowd: &mut Crowd, until: Instant) {
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        let counts = crowd.counts();
        std::thread::park_timeout(left.min(Duration::from_secs(10)));
        let more = |at: usize, seen: &Seen| seen.len() > counts[at];
        crowd.wait_each(DEADLINE, "further pictures", more);
    }
}

/// What is wrong with a showing that should be live pictures of all that time.
fn fault(seen: &[Option<Barcode>], length: Duration) -> Option<String> {
    let codes: Vec<Barcode> = seen.iter().flatten().copied().collect();
    let seconds = usize::try_from(length.as_secs()).expect("minutes");
    let expected = seconds * RATE as usize;
    // The machine may have other things to do: it is the sessions that are judged.
    let verdict = judge(&codes, seen.len() - codes.len(), CAMERA, expected / 2);
    if verdict != Verdict::Live {
        return Some(format!("{verdict:?}"));
    }
    let covered = codes[codes.len() - 1].counter - codes[0].counter;
    (covered as usize <= expected * 9 / 10).then(|| format!("{covered} pictures' time"))
}

/// That a showing of half the time, or of one picture, is found out.
fn controls() {
    let show = |seconds: u32, step: u32| -> Seen {
        let counters = (0..seconds * RATE).map(|counter| counter * step);
        counters.map(|counter| Some(Barcode { camera: CAMERA, counter })).collect()
    };
    assert_eq!(fault(&show(200, 1), LEAST), None);
    assert!(fault(&show(100, 1), LEAST).is_some());
    assert!(fault(&show(200, 0), LEAST).is_some());
}

fn report(cell: Cell, seen: &Seen) {
    let live = seen.iter().flatten().count();
    println!("long_sessions: {cell:?}: {live} pictures, {} slates", seen.len() - live);
}
