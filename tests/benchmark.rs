//! The benchmark's judgement: which picture is which, what is late, lost or repeated, and what makes
//! an access unit. The rest of it is held to its controls each time it runs.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../benches/end_to_end/accounting.rs"]
mod accounting;
#[path = "../benches/end_to_end/reader/rtp.rs"]
mod rtp;

use std::time::Duration;

use accounting::{Account, Loop, Received, Sent, account, percentile};
use rtp::{AccessUnit, Assembler};

const MS: u64 = 1_000_000;
const PERIOD: u64 = 40 * MS;
const CLIP: Loop = Loop { pictures: 10, period: Duration::from_millis(40) };

/// The picture that is `index` periods after the start of the loop, sent at its time.
fn sent(index: u64) -> Sent {
    Sent { counter: u32::try_from(index % 10).unwrap_or_default(), at: index * PERIOD }
}

/// The same, received `late` milliseconds later.
fn received(index: u64, late: u64) -> Received {
    let Sent { counter, at } = sent(index);
    Received { counter: Some(counter), at: at + late * MS }
}

fn accounted(sent: &[Sent], received: &[Received]) -> Account {
    account(sent, received, CLIP, 5 * PERIOD..25 * PERIOD)
}

#[test]
fn each_picture_of_the_window_is_followed_through_the_rounds_of_the_loop() {
    let all: Vec<Sent> = (3..40).map(sent).collect();
    let arrived: Vec<Received> = (3..40).map(|index| received(index, 30 + index)).collect();
    let expected = Account {
        made: 20,
        latencies: (5..25).map(|index| (30 + index) * MS).collect(),
        ..Account::default()
    };
    assert_eq!(accounted(&all, &arrived), expected);
}

#[test]
fn what_comes_nearly_a_round_late_is_late_and_not_lost() {
    let all: Vec<Sent> = (0..60).map(sent).collect();
    let late = |index| Received { counter: received(index, 0).counter, at: (index + 8) * PERIOD };
    let account = accounted(&all, &(0..40).map(late).collect::<Vec<_>>());
    assert_eq!((account.made, account.lost.len()), (20, 0));
    assert_eq!(account.latencies, vec![8 * PERIOD; 20]);
}

#[test]
fn a_picture_that_does_not_come_is_lost_whoever_lost_it() {
    let whole: Vec<Sent> = (0..40).map(sent).collect();
    let gap: Vec<Sent> = (0..40).filter(|index| *index != 12).map(sent).collect();
    let arrived: Vec<Received> =
        (0..40).filter(|index| *index != 12).map(|index| received(index, 30)).collect();
    for sent in [whole, gap] {
        let account = accounted(&sent, &arrived);
        assert_eq!((account.made, account.lost), (20, vec![2]));
        assert_eq!(account.latencies.len(), 19);
    }
}

#[test]
fn a_picture_that_comes_again_is_repeated_and_late_only_once() {
    let all: Vec<Sent> = (0..40).map(sent).collect();
    let mut arrived: Vec<Received> = (0..40).map(|index| received(index, 30)).collect();
    arrived.insert(13, received(12, 70));
    arrived.insert(14, received(12, 71));
    let account = accounted(&all, &arrived);
    assert_eq!(account.repeated, [2, 2]);
    assert_eq!(account.latencies, vec![30 * MS; 20]);
    assert!(account.lost.is_empty());
}

#[test]
fn a_slate_is_no_picture_of_the_camera() {
    let all: Vec<Sent> = (0..40).map(sent).collect();
    let arrived: Vec<Received> =
        (0..40).map(|index| Received { counter: None, ..received(index, 1) }).collect();
    let account = accounted(&all, &arrived);
    assert_eq!((account.foreign, account.lost.len()), (20, 20));
    assert!(account.latencies.is_empty());
}

#[test]
fn a_camera_that_was_silent_for_rounds_has_lost_none_of_what_it_then_sends() {
    let times = || (0..8).chain(31..50);
    let all: Vec<Sent> = times().map(sent).collect();
    let arrived: Vec<Received> = times().map(|index| received(index, 30)).collect();
    let account = account(&all, &arrived, CLIP, 31 * PERIOD..50 * PERIOD);
    assert_eq!((account.made, account.lost.len()), (19, 0));
    let silence = accounted(&all, &arrived);
    assert_eq!((silence.made, silence.lost.len()), (3, 0));
}

#[test]
fn two_stamps_for_one_picture_are_one_picture() {
    let mut all: Vec<Sent> = Vec::new();
    for index in 0..40 {
        all.push(sent(index));
        all.push(Sent { at: sent(index).at + MS, ..sent(index) });
    }
    let arrived: Vec<Received> = (0..40).map(|index| received(index, 30)).collect();
    let account = accounted(&all, &arrived);
    assert_eq!((account.made, account.lost.len(), account.repeated.len()), (20, 0, 0));
}

#[test]
fn percentiles_are_values_that_occurred() {
    let values: Vec<u64> = (1..=200).rev().collect();
    assert_eq!([50, 95, 99, 100].map(|p| percentile(&values, p)), [100, 190, 198, 200].map(Some));
    assert_eq!(percentile(&[7], 50), Some(7));
    assert_eq!(percentile(&[], 50), None);
}

fn packet(sequence: u16, marker: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let header = [0x80, 96 | u8::from(marker) << 7, high, low, 0, 0, 0, 1, 0, 0, 0, 2];
    [&header, payload].concat()
}

#[test]
fn packets_become_access_units_at_the_marker() {
    let mut assembler = Assembler::default();
    // Parameter sets in one packet, then a slice in three fragments.
    let sets = [24, 0, 2, 0x67, 1, 0, 2, 0x68, 2];
    assert_eq!(assembler.push(&packet(0xFFFE, false, &sets)), None);
    assert_eq!(assembler.push(&packet(0xFFFF, false, &[0x7C, 0x85, 3])), None);
    assert_eq!(assembler.push(&packet(0, false, &[0x7C, 0x05, 4])), None);
    let unit = assembler.push(&packet(1, true, &[0x7C, 0x45, 5])).unwrap();
    let bytes = [&[0, 0, 0, 1, 0x67, 1][..], &[0, 0, 0, 1, 0x68, 2], &[0, 0, 0, 1, 0x65, 3, 4, 5]];
    assert_eq!(unit, AccessUnit { bytes: bytes.concat(), key: true, parameters: true });

    let unit = assembler.push(&packet(4, true, &[0x41, 6])).unwrap();
    assert_eq!(
        unit,
        AccessUnit { bytes: vec![0, 0, 0, 1, 0x41, 6], key: false, parameters: false }
    );
    assert_eq!(assembler.lost(), 2);
}

#[test]
fn no_packet_is_taken_for_one_that_is_not_rtp() {
    let mut assembler = Assembler::default();
    for bytes in [&[][..], &[0x80; 11], &[0; 40], &packet(1, true, &[])] {
        assert_eq!(assembler.push(bytes), None);
    }
    // More padding than packet.
    let mut padded = packet(1, true, &[0x41, 255]);
    padded[0] |= 0x20;
    assert_eq!(assembler.push(&padded), None);
}
