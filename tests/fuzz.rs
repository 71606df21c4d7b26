//! The fuzz targets without a fuzzer: their kept corpora, and a few thousand mutations of these.
//!
//! `scripts/fuzz` lets libFuzzer look further, and keeps what it finds.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::panic::catch_unwind;
use std::path::PathBuf;

// The very code that libFuzzer runs.
#[path = "../fuzz/src/targets.rs"]
#[allow(unreachable_pub)]
mod targets;

// The tables of the parsers' own tests.
#[path = "../crates/core-side/accounts/src/cases.rs"]
mod claims;
#[path = "../crates/core-side/rtp/src/rtcp/cases.rs"]
#[allow(dead_code)]
mod reports;
#[path = "../crates/core-side/rtsp/tests/cases/mod.rs"]
mod requests;

use cofferdam_unit_filter::Format;
use targets::{TARGETS, only_pictures};

/// Mutated inputs a target.
const MUTATIONS: usize = 4_000;

/// The kept inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    // In the same order everywhere, so that a failure comes again.
    inputs.sort();
    inputs
}

/// Inputs of a target that are cases of a table: libFuzzer is to begin with them as well.
fn cases(target: &str) -> Vec<Vec<u8>> {
    let requests = || {
        let odd = requests::ODD.iter().map(|(bytes, _)| *bytes);
        odd.chain(requests::NONSENSE.iter().map(|(bytes, ..)| *bytes))
    };
    // The first byte is the target's own: how a stream is cut, and whether it needs an account.
    let behind = |first: u8, bytes: &[u8]| [&[first][..], bytes].concat();
    match target {
        "rtcp" => reports::CASES.iter().map(|(_, bytes, _)| bytes.to_vec()).collect(),
        "authorization" => claims::all().map(|(header, _)| header.into_bytes()).collect(),
        "rtsp_framing" => requests().map(|bytes| behind(6, bytes)).collect(),
        "rtsp_connection" => requests().map(|bytes| behind(0, bytes)).collect(),
        _ => Vec::new(),
    }
}

/// `COFFERDAM_KEEP_CASES=1` adds those that are missing.
#[test]
fn the_cases_of_the_parsers_own_tests_are_kept_inputs() {
    let adds = std::env::var_os("COFFERDAM_KEEP_CASES").is_some();
    let mut tables = 0;
    for (target, _) in TARGETS {
        let kept = corpus(target);
        for (number, case) in cases(target).into_iter().enumerate() {
            tables += usize::from(number == 0);
            if kept.iter().any(|(_, bytes)| *bytes == case) {
                continue;
            }
            assert!(adds, "{target}: case {number} is not kept: {}", case.escape_ascii());
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
            std::fs::write(folder.join(format!("case-{number:02}")), case).unwrap();
        }
    }
    assert_eq!(tables, 4);
}

/// Numbers that look random and are the same each time (xorshift64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap()
    }

    /// Below `limit`, or 0.
    fn below(&mut self, limit: usize) -> usize {
        self.next() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        const ODD: [u8; 8] = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff];
        let any = u8::try_from(self.below(256)).unwrap();
        if self.below(2) == 0 { ODD[self.below(ODD.len())] } else { any }
    }
}

/// A few changes to `input`, with a piece of `other` perhaps.
fn mutated(input: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len());
        let length = chance.below(24).min(bytes.len() - at);
        match chance.below(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            1 if !bytes.is_empty() => bytes[at] = chance.byte(),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let inserted: Vec<u8> = (0..length).map(|_| chance.byte()).collect();
                bytes.splice(at..at, inserted);
            }
            4 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let from = chance.below(other.len());
                bytes.splice(at..at + length, other[from..].iter().take(64).copied());
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

#[test]
fn whatever_bytes_come_the_promises_hold() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        let (mut accepted, mut refused) = (0, 0);
        let mut run = |what: &str, bytes: &[u8]| match catch_unwind(|| target(bytes)) {
            Ok(true) => accepted += 1,
            Ok(false) => refused += 1,
            Err(_) => {
                let kept = std::env::temp_dir().join(format!("cofferdam-fuzz-{name}"));
                std::fs::write(&kept, bytes).unwrap();
                panic!("{name}: {what} breaks a promise; the input is in {}", kept.display());
            }
        };
        for (file, bytes) in &corpus {
            run(file, bytes);
        }
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for round in 0..MUTATIONS {
            let (file, input) = &corpus[chance.below(corpus.len())];
            let (_, other) = &corpus[chance.below(corpus.len())];
            let bytes = mutated(input, other, &mut chance);
            run(&format!("mutation {round}, of {file},"), &bytes);
        }
        eprintln!("{name}: {} kept inputs, {accepted} accepted, {refused} refused", corpus.len());
        // A corpus of nothing but rubbish, or a target that looks at nothing, would prove nothing.
        assert!(accepted > 20 && refused > 20, "{name}: {accepted} accepted, {refused} refused");
    }
}

/// The control: what comes in does not keep the promise.
#[test]
fn unfiltered_streams_have_more_than_pictures() {
    for (target, format) in [("h264_filter", Format::H264), ("h265_filter", Format::H265)] {
        let corpus = corpus(target);
        assert!(corpus.iter().any(|(_, stream)| !only_pictures(format, stream)), "{target}");
    }
}
