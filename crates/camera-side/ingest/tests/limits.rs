//! Cameras that send more than they need to, or what no decoder should see: each is left with a fault
//! of its own, and early.
#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use cofferdam_picture_ring::{Counter, Fault, Filtered, StatusSnapshot};
use support::{DEADLINE, FakeCamera, Line, Ring, boot, described, say};

const SIZE: (u32, u32) = (640, 360);

/// A camera that describes itself, sets up, plays, and then sends this.
fn playing(lines: Vec<Line>) -> Vec<Line> {
    let setup = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\n\
                 Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000007\r\n\r\n";
    let play = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1\r\n\r\n";
    let begin = vec![Line::Hear, say(&described(1)), Line::Hear, say(setup), Line::Hear, say(play)];
    [begin, lines].concat()
}

/// One RTP packet, interleaved on `channel`.
fn packet(channel: u8, sequence: u16, time: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'$', channel];
    bytes.extend(u16::try_from(payload.len() + 12).unwrap().to_be_bytes());
    bytes.extend([0x80, 96 | u8::from(marker) << 7]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(time.to_be_bytes());
    bytes.extend([0, 0, 0, 7]);
    bytes.extend(payload);
    bytes
}

/// One packet for each of all sequence numbers, made by `make`.
fn packets(make: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    (0..=u16::MAX).flat_map(make).collect()
}

/// How a worker ended before a camera that follows `script`, and what it left behind.
async fn end_before(script: Vec<Line>) -> (Fault, StatusSnapshot) {
    let camera = FakeCamera::start(vec![script]);
    let boot = boot(&camera.url(), SIZE);
    let ring = Ring::of(&boot);
    let run = cofferdam_ingest::run(&boot, ring.writer(&boot));
    let fault = tokio::time::timeout(DEADLINE, run).await.expect("the worker ends");
    (fault, ring.reader.status())
}

#[tokio::test]
async fn an_answer_has_an_end() {
    let header = b"X-Padding: nothing but padding\r\n".repeat(1000);
    let endless = |begin: &str| vec![say(begin), Line::Repeat(header.clone())];
    // The first answer is looked at before retina takes it, so this is the one after a challenge.
    let challenge = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\
                     WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n\r\n";
    let description =
        [vec![Line::Hear, say(challenge), Line::Hear], endless("RTSP/1.0 200 OK\r\nCSeq: 2\r\n")]
            .concat();
    let camera = FakeCamera::start(vec![description]);
    let boot = support::with_account(boot(&camera.url(), SIZE), false);
    assert_eq!(support::end_of(&boot).await, Fault::TooMuchData);

    let setup = [
        vec![Line::Hear, say(&described(1)), Line::Hear],
        endless("RTSP/1.0 200 OK\r\nCSeq: 2\r\n"),
    ]
    .concat();
    assert_eq!(end_before(setup).await.0, Fault::TooMuchData);
}

#[tokio::test]
async fn an_access_unit_has_an_end() {
    // FU-A of an IDR slice: a start, and then more and more of it.
    let body = [7; 1400];
    let start = packet(0, 0, 0, false, &[&[0x7c, 0x85][..], &body].concat());
    let more =
        packets(|n| packet(0, n.wrapping_add(1), 0, false, &[&[0x7c, 0x05][..], &body].concat()));
    let (fault, status) = end_before(playing(vec![Line::Say(start), Line::Repeat(more)])).await;
    assert_eq!(fault, Fault::TooMuchData);
    assert_eq!(status.counter(Counter::BytesIn), 0);
}

#[tokio::test]
async fn what_nobody_asked_for_has_an_end_too() {
    let noise = packet(9, 0, 0, true, &[7; 60_000]);
    let (fault, _) = end_before(playing(vec![Line::Repeat(noise)])).await;
    assert_eq!(fault, Fault::TooMuchData);
}

#[tokio::test]
async fn access_units_come_no_faster_than_a_camera_makes_them() {
    // Slices that nobody can decode without what came before: they cost next to nothing here.
    let slices = packets(|n| packet(0, n, u32::from(n) * 3600, true, &[0x41; 1400]));
    let (fault, status) = end_before(playing(vec![Line::Repeat(slices)])).await;
    assert_eq!(fault, Fault::TooMuchData);
    assert!(status.counter(Counter::BytesIn) > 10_000_000);
}

/// Baseline, 640x368.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbe, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x38, 0x80];
/// The beginnings of slices from the first and from the second row of macroblocks on.
const FIRST: &[u8] = &[0x65, 0x88, 0x85, 0x55];
const SECOND: &[u8] = &[0x65, 0x05, 0x22, 0x21, 0x55, 0x40];

/// Two hundred times the same picture.
fn key_frames(nals: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sequence = 0;
    for picture in 0..200_u32 {
        for (index, nal) in nals.iter().enumerate() {
            let last = index + 1 == nals.len();
            bytes.extend(packet(0, sequence, picture * 3600, last, nal));
            sequence += 1;
        }
    }
    bytes
}

#[tokio::test]
async fn a_stream_of_which_nothing_may_be_decoded_says_so() {
    let upside_down = key_frames(&[SPS, PPS, SECOND, FIRST]);
    let (fault, status) = end_before(playing(vec![Line::Say(upside_down)])).await;
    assert_eq!(fault, Fault::StreamRefused);
    assert_eq!(status.filtered[Filtered::Unit as usize], 100);
    assert_eq!(status.counter(Counter::Pictures), 0);
    assert_eq!(status.counter(Counter::DecodeErrors), 0);

    // Extended profile.
    let mut extended = SPS.to_vec();
    extended[1] = 88;
    let extended = key_frames(&[&extended, PPS, FIRST]);
    let (fault, status) = end_before(playing(vec![Line::Say(extended)])).await;
    assert_eq!(fault, Fault::UnsupportedPicture);
    assert_eq!(status.filtered[Filtered::Unit as usize], 1);
    assert_eq!(status.filtered[Filtered::ParameterSet as usize], 2);
}
