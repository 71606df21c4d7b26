//! What real encoders make, changed at random: it never passes with anything but what is published.
//!
//! The units in `tests/` are the first two that `x264enc` and `openh264enc` of Debian 12 made of
//! `videotestsrc pattern=ball` at 96x64, with the gateway's settings.

use proptest::prelude::*;

use super::*;

/// Whether it is said to be a key unit, and the unit.
const REAL: [(bool, &[u8]); 4] = [
    (true, include_bytes!("tests/x264-key.h264")),
    (false, include_bytes!("tests/x264-other.h264")),
    (true, include_bytes!("tests/openh264-key.h264")),
    (false, include_bytes!("tests/openh264-other.h264")),
];

/// Every type of a NAL unit that a decoder would find in what passed, by the plainest search there is.
fn types_found(unit: &AccessUnit<'_>) -> Vec<u8> {
    let stream: Vec<u8> =
        unit.nal_units().iter().flat_map(|nal| [&[0, 0, 1], *nal].concat()).collect();
    let starts = stream.windows(4).filter(|four| four[..3] == [0, 0, 1]);
    starts.map(|four| four[3] & 0x1f).collect()
}

/// The control: unchanged they pass, whole but for x264's version.
#[test]
fn what_encoders_make_passes() {
    let mut versions = 0;
    for (key, bytes) in REAL {
        let unit = AccessUnit::verify(bytes, key, bytes.len()).unwrap();
        assert_eq!(types_found(&unit), if key { vec![7, 8, 5] } else { vec![1] });
        assert!(unit.removed().iter().all(|kind| *kind == Removed::Version));
        versions += unit.removed().len();
        assert!(!unit.nal_units().concat().windows(4).any(|four| four == b"x264"));
        assert_eq!(AccessUnit::verify(bytes, !key, bytes.len()).unwrap_err(), Refusal::KeyFlag);
    }
    assert_eq!(versions, 1);
    // And what was searched for in vain is there to be found.
    assert!(REAL[0].1.windows(4).any(|four| four == b"x264"));
}

/// Every value of every byte of the headers, and a byte more or less at every place.
#[test]
fn no_single_byte_lets_another_type_through() {
    let mut passed = 0;
    for (key, bytes) in REAL {
        for at in 0..bytes.len() {
            let values: Vec<u8> = if at < 64 { (0..=255).collect() } else { vec![0, 1, 6, 0xff] };
            for value in values {
                let mut changed = bytes.to_vec();
                changed[at] = value;
                passed += usize::from(passes_clean(&changed, key));
                changed.insert(at, value);
                passed += usize::from(passes_clean(&changed, key));
            }
            passed += usize::from(passes_clean(&bytes[..at], key));
        }
    }
    // What slices contain is not vouched for.
    assert!(passed > 1000, "{passed}");
}

/// Whether `bytes` pass, which they may only as what is published.
fn passes_clean(bytes: &[u8], key: bool) -> bool {
    let Ok(unit) = AccessUnit::verify(bytes, key, 1 << 20) else { return false };
    assert_eq!(types_found(&unit), if key { vec![7, 8, 5] } else { vec![1] }, "{bytes:x?}");
    for nal_unit in unit.nal_units() {
        assert_eq!(nal_unit[0] & 0x80, 0, "{bytes:x?}");
        let forbidden =
            |four: &[u8]| four[..2] == [0, 0] && (four[2] < 3 || four[2] == 3 && four[3] > 3);
        assert!(!nal_unit.windows(4).any(forbidden), "{bytes:x?}");
    }
    true
}

/// One change: where, what is taken away, what comes there.
fn change() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
    let piece = prop_oneof![
        Just(vec![0, 0, 1]),
        Just(vec![0, 0, 0, 1]),
        Just(vec![0, 0, 3]),
        (0..32u8).prop_map(|kind| vec![0, 0, 1, 0x60 | kind, 0x80]),
        (0..32u8).prop_map(|kind| vec![0, 0, 1, kind, 0x80]),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    (0..1000usize, 0..4usize, piece)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_mutation_lets_another_type_through(
        which in 0..REAL.len(),
        changes in prop::collection::vec(change(), 1..5),
        key: bool,
    ) {
        let mut bytes = REAL[which].1.to_vec();
        for (at, taken, piece) in changes {
            let at = at % (bytes.len() + 1);
            let end = (at + taken).min(bytes.len());
            bytes.splice(at..end, piece);
        }
        passes_clean(&bytes, key);
    }
}
