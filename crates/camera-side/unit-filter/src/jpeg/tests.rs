#![allow(clippy::unwrap_used)]

use cofferdam_picture_ring::Filtered;

use crate::testing::{Outcome, filtered};
use crate::{Format, Refusal};

fn segment(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&[0xff, code][..], &length, body].concat()
}

fn quantization(table: u8) -> Vec<u8> {
    segment(0xdb, &[&[table][..], &[16; 64]].concat())
}

/// Two codes of one bit would fill the tree; one of them does not.
fn huffman(table: u8) -> Vec<u8> {
    let mut body = vec![table, 1];
    body.extend([0; 15]);
    body.push(0);
    segment(0xc4, &body)
}

fn frame(code: u8, precision: u8, (width, height): (u16, u16), sampling: &[u8]) -> Vec<u8> {
    let mut body = vec![precision];
    body.extend(height.to_be_bytes());
    body.extend(width.to_be_bytes());
    body.push(u8::try_from(sampling.len()).unwrap());
    for (id, sampling) in (1..).zip(sampling) {
        body.extend([id, *sampling, u8::from(id > 1)]);
    }
    segment(code, &body)
}

fn scan(components: &[u8]) -> Vec<u8> {
    let mut body = vec![u8::try_from(components.len()).unwrap()];
    for id in components {
        body.extend([*id, if *id == 1 { 0 } else { 0x11 }]);
    }
    body.extend([0, 63, 0]);
    segment(0xda, &body)
}

/// The parts of an image that is accepted.
fn parts() -> Vec<Vec<u8>> {
    vec![
        vec![0xff, 0xd8],
        quantization(0),
        quantization(1),
        frame(0xc0, 8, (640, 360), &[0x22, 0x11, 0x11]),
        huffman(0),
        huffman(1),
        huffman(0x10),
        huffman(0x11),
        scan(&[1, 2, 3]),
        vec![0x12, 0xff, 0x00, 0x34, 0xff, 0xd0, 0x56],
        vec![0xff, 0xd9],
    ]
}

const FRAME: usize = 3;
const SCAN: usize = 8;
const DATA: usize = 9;

/// With part `at` in another form.
fn with(at: usize, part: Vec<u8>) -> Outcome {
    let mut parts = parts();
    parts[at] = part;
    filtered(Format::Jpeg, &parts.concat())
}

/// With something more before part `at`.
fn before(at: usize, part: &[u8]) -> Outcome {
    let mut parts = parts();
    parts.insert(at, part.to_vec());
    filtered(Format::Jpeg, &parts.concat())
}

#[test]
fn a_plain_image_passes_as_it_is() {
    let image = parts().concat();
    let outcome = filtered(Format::Jpeg, &image);
    assert_eq!((outcome.result, outcome.bytes == image, outcome.tally.total()), (Ok(()), true, 0));
}

#[test]
fn application_segments_and_comments_are_dropped_wherever_they_stand() {
    for code in (0xe0..=0xef).chain([0xfe]) {
        let mark = segment(code, b"CANARY");
        for at in 1..=DATA + 1 {
            let outcome = before(at, &mark);
            assert_eq!(outcome.result, Ok(()), "{code:x} before part {at}");
            assert_eq!(outcome.bytes, parts().concat());
            assert_eq!(outcome.dropped(Filtered::Segment), 1);
        }
    }
}

#[test]
fn cutting_a_segment_out_makes_no_new_one() {
    let comment = segment(0xfe, b"CANARY");
    for fill in 0..3 {
        // What follows would be a comment's marker behind a byte that fills up.
        let part = [vec![0xff; fill], comment.clone(), comment[1..].to_vec()].concat();
        let outcome = before(DATA + 1, &part);
        assert_eq!(outcome.result, Ok(()));
        let again = filtered(Format::Jpeg, &outcome.bytes);
        assert_eq!((again.result, again.tally.total()), (Ok(()), 0), "{fill} bytes");
    }
    // Before the end they are as good as any.
    let outcome = before(DATA + 1, &[0xff, 0xff]);
    assert_eq!((outcome.result, outcome.tally.total()), (Ok(()), 0));
}

#[test]
fn nothing_passes_behind_the_end() {
    for tail in [&b"CANARY"[..], &parts().concat(), &[0xff], &[0]] {
        let outcome = filtered(Format::Jpeg, &[&parts().concat(), tail].concat());
        assert_eq!((outcome.result, outcome.bytes == parts().concat()), (Ok(()), true));
        assert_eq!(outcome.dropped(Filtered::Trailing), 1);
    }
}

#[test]
fn every_length_but_the_whole_is_refused() {
    let image = parts().concat();
    for length in 0..image.len() {
        let outcome = filtered(Format::Jpeg, &image[..length]);
        assert_eq!(outcome.result, Err(Refusal::Malformed), "{length} bytes");
        assert!(outcome.bytes.is_empty());
    }
}

#[test]
fn only_baseline_frames_pass() {
    let size = (640, 360);
    for code in [0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf] {
        let outcome = with(FRAME, frame(code, 8, size, &[0x22, 0x11, 0x11]));
        assert_eq!(outcome.result, Err(Refusal::Unsupported), "{code:x}");
    }
    for sampling in [&[0x11][..], &[0x21, 0x11, 0x11], &[0x11, 0x11, 0x11]] {
        let mut parts = parts();
        parts[FRAME] = frame(0xc0, 8, size, sampling);
        let ids: Vec<u8> = (1..).take(sampling.len()).collect();
        parts[SCAN] = scan(&ids);
        assert_eq!(filtered(Format::Jpeg, &parts.concat()).result, Ok(()), "{sampling:x?}");
    }
    for sampling in [
        &[0x22, 0x22, 0x22][..],
        &[0x41, 0x11, 0x11],
        &[0x22, 0x11],
        &[0x11; 4],
        &[0x00, 0x11, 0x11],
    ] {
        let outcome = with(FRAME, frame(0xc0, 8, size, sampling));
        assert_eq!(outcome.result, Err(Refusal::Unsupported), "{sampling:x?}");
    }
    assert_eq!(
        with(FRAME, frame(0xc0, 12, size, &[0x22, 0x11, 0x11])).result,
        Err(Refusal::Unsupported)
    );
    for size in [(0, 360), (640, 0), (3841, 16), (16, 3841), (2161, 2161), (65535, 65535)] {
        let outcome = with(FRAME, frame(0xc0, 8, size, &[0x22, 0x11, 0x11]));
        assert_eq!(outcome.result, Err(Refusal::Unsupported), "{size:?}");
    }
}

#[test]
fn components_named_red_green_and_blue_are_refused() {
    let mut part = frame(0xc0, 8, (640, 360), &[0x11, 0x11, 0x11]);
    for (component, name) in b"RGB".iter().enumerate() {
        part[10 + 3 * component] = *name;
    }
    assert_eq!(with(FRAME, part).result, Err(Refusal::Unsupported));
}

#[test]
fn tables_are_whole_and_there() {
    let short = segment(0xdb, &[0, 1, 2]);
    let deep = segment(0xdb, &[&[0x10][..], &[1; 128]].concat());
    let zero = segment(0xdb, &[0; 65]);
    let far = segment(0xdb, &[&[4][..], &[1; 64]].concat());
    assert_eq!(with(1, deep).result, Err(Refusal::Unsupported));
    for part in [short, zero, far, Vec::new()] {
        assert_eq!(with(1, part).result, Err(Refusal::Malformed));
    }
    let codes = |table: u8, counts: [u8; 16], symbols: usize, symbol: u8| {
        segment(0xc4, &[&[table][..], &counts, &vec![symbol; symbols]].concat())
    };
    let mut last = [0; 16];
    // More codes than there are of one bit, of eight bits, in all; and values that are missing.
    let counts = |at: usize, count| {
        let mut counts = [0; 16];
        counts[at] = count;
        counts
    };
    last[15] = 255;
    last[14] = 255;
    for part in [
        codes(0, counts(0, 3), 3, 0),
        codes(0, counts(6, 200), 200, 0),
        codes(0, last, 510, 0),
        codes(0, counts(3, 5), 4, 0),
        codes(2, counts(0, 1), 1, 0),
        codes(0x20, counts(0, 1), 1, 0),
        // A DC value of twelve bits.
        codes(0, counts(0, 1), 1, 12),
        Vec::new(),
    ] {
        assert_eq!(with(4, part).result, Err(Refusal::Malformed));
    }
}

#[test]
fn there_is_one_frame_and_one_scan_of_all_its_components() {
    assert_eq!(
        before(FRAME, &frame(0xc0, 8, (64, 64), &[0x22, 0x11, 0x11])).result,
        Err(Refusal::Malformed)
    );
    assert_eq!(with(SCAN, scan(&[1])).result, Err(Refusal::Unsupported));
    assert_eq!(with(SCAN, scan(&[1, 3, 2])).result, Err(Refusal::Unsupported));
    assert_eq!(with(FRAME, Vec::new()).result, Err(Refusal::Malformed));
    assert_eq!(with(SCAN, Vec::new()).result, Err(Refusal::Malformed));
    for part in [scan(&[1, 2, 3]), quantization(0), huffman(0), frame(0xc0, 8, (64, 64), &[0x11])] {
        assert_eq!(before(DATA + 1, &part).result, Err(Refusal::Unsupported));
    }
    let mut progressive = scan(&[1, 2, 3]);
    *progressive.last_mut().unwrap() = 0x10;
    assert_eq!(with(SCAN, progressive).result, Err(Refusal::Malformed));
    let mut other_tables = scan(&[1, 2, 3]);
    other_tables[6] = 0x33;
    assert_eq!(with(SCAN, other_tables).result, Err(Refusal::Malformed));
}

#[test]
fn markers_that_no_image_has_are_refused() {
    for code in (0x01..=0xbf).chain([0xd0, 0xd7, 0xd8, 0xdc, 0xde, 0xdf]).chain(0xf0..=0xfd) {
        assert!(before(1, &segment(code, &[0, 0])).result.is_err(), "{code:x}");
    }
    assert_eq!(before(1, &segment(0xdd, &[0, 4])).result, Ok(()));
    assert_eq!(before(1, &segment(0xdd, &[0, 4, 0])).result, Err(Refusal::Malformed));
    // A length that does not hold itself.
    assert_eq!(before(1, &[0xff, 0xfe, 0, 1]).result, Err(Refusal::Malformed));
    let many: Vec<u8> = segment(0xfe, b"x").repeat(64);
    assert_eq!(before(1, &many).result, Err(Refusal::TooMuch));
}
