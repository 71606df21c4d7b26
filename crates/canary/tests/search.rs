//! Every way a mark may be written is found; bytes that know nothing of marks hold none.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cofferdam_canary::{Capture, Kind, Mark, Search};
use proptest::prelude::*;

fn mark(bytes: &[u8]) -> Mark {
    Mark::new("the/place", "test", vec![bytes.to_vec()]).unwrap()
}

/// The ways a mark was found in `stream`.
fn ways(bytes: &[u8], stream: &[u8]) -> Vec<(String, String)> {
    let marks = [mark(bytes)];
    let found = Search::new(&marks).unwrap().bytes("stream", stream).findings;
    found.into_iter().map(|f| (f.encoding.to_owned(), f.view.to_owned())).collect()
}

fn between(before: &[u8], middle: &[u8], after: &[u8]) -> Vec<u8> {
    [before, middle, after].concat()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// As an encoder writes it (H.264 and H.265, 7.3.1.1).
fn with_emulation_prevention(bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for byte in bytes {
        if out.ends_with(&[0, 0]) && *byte <= 3 {
            out.push(3);
        }
        out.push(*byte);
    }
    out
}

fn every_nth(step: usize, bytes: &[u8], filler: &[u8]) -> Vec<u8> {
    let mut filler = filler.iter().cycle();
    bytes
        .iter()
        .flat_map(|byte| {
            let others: Vec<u8> = filler.by_ref().take(step - 1).copied().collect();
            std::iter::once(*byte).chain(others)
        })
        .collect()
}

fn rtp(sequence: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x80, 96, 0, sequence, 0, 0, 0, 1, 0, 0, 0, 2][..], payload].concat()
}

fn random() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 16)
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_encoding_is_found(mark in random(), before in noise(), after in noise()) {
        let reversed: Vec<u8> = mark.iter().rev().copied().collect();
        let inverted: Vec<u8> = mark.iter().map(|byte| !byte).collect();
        let swapped: Vec<u8> = mark.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        let percent: String = mark.iter().map(|byte| format!("%{byte:02X}")).collect();
        let json: String = mark.iter().map(|byte| format!("\\u00{byte:02x}")).collect();
        let debug = format!("{mark:?}");
        let written: [(&str, Vec<u8>); 11] = [
            ("raw", mark.clone()),
            ("bytes reversed", reversed),
            ("bits inverted", inverted),
            ("16-bit words swapped", swapped),
            ("hexadecimal", hexadecimal(&mark).into_bytes()),
            ("hexadecimal", hexadecimal(&mark).to_lowercase().into_bytes()),
            ("percent-encoded throughout", percent.into_bytes()),
            ("\\u escapes", json.into_bytes()),
            ("decimal list", debug.into_bytes()),
            ("escaped", mark.escape_ascii().to_string().into_bytes()),
            ("UTF-8 of Latin-1",
             mark.iter().map(|b| char::from(*b)).collect::<String>().into_bytes()),
        ];
        for (encoding, bytes) in written {
            let found = ways(&mark, &between(&before, &bytes, &after));
            prop_assert!(found.iter().any(|(e, v)| e == encoding && v == "as it is"),
                "{encoding}: {found:?}");
        }
    }

    #[test]
    fn base64_is_found_at_every_alignment(mark in random(), before in noise(), after in noise()) {
        let bytes = between(&before, &mark, &after);
        for text in [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let found = ways(&mark, text.as_bytes());
            prop_assert!(found.iter().any(|(e, _)| e.starts_with("base64")), "{found:?}");
        }
    }

    #[test]
    fn every_spread_is_found(mark in random(), before in noise(), after in noise()) {
        let triplets: Vec<u8> =
            mark.chunks(2).flat_map(|pair| [0xFC, pair[0], pair[1]]).collect();
        let utf16: Vec<u8> =
            hexadecimal(&mark).bytes().flat_map(|byte| [byte, 0]).collect();
        let spread = [
            ("every 2nd byte", every_nth(2, &mark, &after)),
            ("every 3rd byte", every_nth(3, &mark, &after)),
            ("every 4th byte", every_nth(4, &mark, &after)),
            ("caption pairs", triplets),
            ("every 2nd byte", utf16),
        ];
        for (view, bytes) in spread {
            let found = ways(&mark, &between(&before, &bytes, &after));
            prop_assert!(found.iter().any(|(_, v)| v == view), "{view}: {found:?}");
        }
    }

    #[test]
    fn any_bit_offset_is_found(mark in random(), shift in 1_u32..8, before in noise()) {
        let bytes = between(&before, &mark, &[0]);
        let mut carry = 0;
        let mut moved: Vec<u8> = bytes
            .iter()
            .map(|byte| {
                let out = carry | byte >> shift;
                carry = byte << (8 - shift);
                out
            })
            .collect();
        moved.push(carry);
        prop_assert!(!ways(&mark, &moved).is_empty());
    }

    #[test]
    fn emulation_prevention_hides_nothing(
        mark in proptest::collection::vec(prop_oneof![Just(0_u8), 0_u8..4, any::<u8>()], 16),
        before in noise(),
    ) {
        let stream = with_emulation_prevention(&between(&before, &mark, &[0x80]));
        prop_assert!(!ways(&mark, &stream).is_empty());
    }

    #[test]
    fn packets_cannot_cut_a_mark_apart(mark in random(), at in 1_usize..15) {
        let (one, two) = mark.split_at(at);
        for header in [0, 2, 3, 8, 12] {
            let head = vec![0x7C; header];
            let packets = vec![
                rtp(1, &between(&head, b"slice data", one)),
                rtp(2, &between(&head, two, b"more")),
            ];
            let framed: Vec<u8> = packets
                .iter()
                .flat_map(|packet| {
                    let length = u8::try_from(packet.len()).unwrap();
                    between(&[b'$', 0, 0, length], packet, &[])
                })
                .collect();
            let marks = [self::mark(&mark)];
            let search = Search::new(&marks).unwrap();
            for kind in [Kind::Packets(packets), Kind::Rtsp(framed)] {
                let found = search.captures(&[Capture::new("wire", kind)]);
                prop_assert_eq!(found.places(), ["the/place"]);
            }
        }
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn random_bytes(state: &mut u64, length: usize) -> Vec<u8> {
    (0..length.div_ceil(8)).flat_map(|_| next(state).to_le_bytes()).take(length).collect()
}

#[test]
fn random_bytes_hold_no_mark() {
    let mut state = 7;
    let marks: Vec<Mark> = (0..200)
        .map(|number| {
            let bytes = random_bytes(&mut state, if number % 4 == 0 { 8 } else { 16 });
            Mark::new(&format!("place/{number}"), "test", vec![bytes]).unwrap()
        })
        .collect();
    let search = Search::new(&marks).unwrap();
    let mut stream = random_bytes(&mut state, 1_000_000);
    let text = STANDARD.encode(random_bytes(&mut state, 300_000));
    let empty = search.bytes("noise", &stream);
    assert_eq!(empty.findings, []);
    assert_eq!(search.bytes("text", text.as_bytes()).findings, []);
    // The bound that documents state: one in ten thousand searches of a whole run's size.
    assert!(empty.chance * 100.0 < 1e-4, "{}", empty.chance);
    // The control: one mark among the same bytes is found, and no other.
    stream.splice(500_000..500_016, marks[77].bytes().iter().copied());
    let found = search.bytes("noise", &stream);
    assert_eq!(found.places(), ["place/77"]);
}
