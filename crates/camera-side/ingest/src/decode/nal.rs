//! What of an access unit the decoder gets to see.
//!
//! Cameras put captions, serial numbers and private data beside the pictures (SEI, undefined NAL
//! types). None of it is needed to decode, and each is one more parser of hostile bytes in C.

/// What stands before each NAL unit, of three or more bytes.
const START: [u8; 3] = [0, 0, 1];

/// The NAL units of an Annex B access unit (H.264 Annex B, H.265 Annex B), without start codes and
/// padding. What precedes the first start code is none.
pub(super) fn units(unit: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(unit);
    std::iter::from_fn(move || {
        let nal = rest?;
        let end = match find(nal) {
            Some(at) => {
                rest = after_start_code(&nal[at..]);
                at
            }
            None => {
                rest = None;
                nal.len()
            }
        };
        // A zero byte before a start code belongs to the start code, or is padding.
        let end = nal[..end].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Some(&nal[..end])
    })
    .filter(|nal| !nal.is_empty())
}

/// Copies the NAL units whose first byte `keep` accepts, each behind a four-byte start code.
pub(super) fn filter(unit: &[u8], keep: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(unit.len());
    for nal in units(unit).filter(|nal| keep(nal[0])) {
        kept.push(0);
        kept.extend_from_slice(&START);
        kept.extend_from_slice(nal);
    }
    kept
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    find(bytes).map(|at| &bytes[at + START.len()..])
}

/// Where the next three-byte start code begins.
fn find(bytes: &[u8]) -> Option<usize> {
    // Looks at every third byte: one above 1 cannot be part of a start code's last two places.
    let mut at = 2;
    while let Some(byte) = bytes.get(at) {
        match byte {
            0 => at += 1,
            1 if bytes[at - 1] == 0 && bytes[at - 2] == 0 => return Some(at - 2),
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_what_is_wanted_and_drops_the_rest() {
        let unit = [0, 0, 0, 1, 7, 1, 2, 0, 0, 1, 6, 9, 9, 0, 0, 0, 1, 5, 0, 0, 3, 1, 8];
        let kept = filter(&unit, |first| first != 6);
        assert_eq!(kept, [0, 0, 0, 1, 7, 1, 2, 0, 0, 0, 1, 5, 0, 0, 3, 1, 8]);
    }

    #[test]
    fn start_codes_are_found_at_every_offset() {
        for lead in 1..9u8 {
            let mut unit: Vec<u8> = (2..2 + lead).collect();
            unit.extend([0, 0, 1, 5, 1, 1, 0, 0, 1, 6, 0, 1]);
            assert_eq!(filter(&unit, |first| first == 5), [0, 0, 0, 1, 5, 1, 1]);
        }
    }

    #[test]
    fn nothing_comes_of_nothing() {
        for unit in [&[][..], &[0], &[0, 0, 1], &[0, 0, 0, 1], &[0, 0, 1, 0, 0, 1], &[7, 7, 7]] {
            assert!(filter(unit, |_| true).is_empty(), "{unit:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_definition(
            unit in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(5), Just(6)], 0..60)
        ) {
            let mut starts: Vec<usize> =
                unit.windows(3).enumerate().filter(|(_, w)| *w == START).map(|(at, _)| at).collect();
            starts.push(unit.len());
            let mut expected = Vec::new();
            for pair in starts.windows(2) {
                let mut nal = &unit[pair[0] + 3..pair[1].max(pair[0] + 3)];
                while let [front @ .., 0] = nal {
                    nal = front;
                }
                if nal.first().is_some_and(|first| *first != 6) {
                    expected.extend([0, 0, 0, 1]);
                    expected.extend(nal);
                }
            }
            prop_assert_eq!(filter(&unit, |first| first != 6), expected);
        }
    }
}
