//! The byte stream of NAL units (H.264 and H.265, Annex B).

use std::ops::Range;

use memchr::memmem;

/// What stands before each NAL unit.
const START: [u8; 3] = [0, 0, 1];

/// Where in `stream` a NAL unit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// With its start code of three bytes, or four.
    pub framed: Range<usize>,
    /// Without. Never empty.
    pub nal: Range<usize>,
}

/// The NAL units of a byte stream. What precedes the first start code, and zeros that pad, are in none.
pub fn places(stream: &[u8]) -> impl Iterator<Item = Place> {
    let mut starts = memmem::find_iter(stream, &START);
    let mut next = starts.next();
    std::iter::from_fn(move || {
        let start = next?;
        next = starts.next();
        let begin = start + START.len();
        let end = next.unwrap_or(stream.len());
        // A zero byte before a start code belongs to the start code, or is padding.
        let end = stream[begin..end]
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(begin, |at| begin + at + 1);
        let long = start > 0 && stream[start - 1] == 0;
        Some(Place { framed: start - usize::from(long)..end, nal: begin..end })
    })
    .filter(|place| !place.nal.is_empty())
}

/// The NAL units themselves.
pub fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    places(stream).map(|place| &stream[place.nal])
}

/// The payload of a NAL unit's `body` without its escapes (H.264 7.3.1, H.265 7.3.1.1), or `None`
/// where it has what no NAL unit may have.
pub(crate) fn unescape(body: &[u8]) -> Option<Vec<u8>> {
    let mut payload = Vec::with_capacity(body.len());
    let mut zeros = 0;
    let mut bytes = body.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if zeros >= 2 {
            match byte {
                3 if bytes.peek().is_none_or(|next| **next <= 3) => {
                    zeros = 0;
                    continue;
                }
                0..=3 => return None,
                _ => {}
            }
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    Some(payload)
}

/// The reverse of [`unescape`], behind `header`.
pub(crate) fn escape(header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut nal = Vec::with_capacity(header.len() + payload.len() + 4);
    nal.extend_from_slice(header);
    let mut zeros = 0;
    for &byte in payload {
        if zeros >= 2 && byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        nal.push(byte);
    }
    nal
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(stream: &[u8]) -> Vec<&[u8]> {
        nals(stream).collect()
    }

    #[test]
    fn units_are_found_behind_start_codes_of_any_length() {
        let stream = [0, 0, 0, 1, 7, 1, 2, 0, 0, 1, 6, 9, 9, 0, 0, 0, 1, 5, 0, 0, 3, 1, 8];
        assert_eq!(all(&stream), [&[7, 1, 2][..], &[6, 9, 9], &[5, 0, 0, 3, 1, 8]]);
        let places: Vec<Place> = places(&stream).collect();
        assert_eq!(places[0], Place { framed: 0..7, nal: 4..7 });
        assert_eq!(places[1], Place { framed: 7..13, nal: 10..13 });
        assert_eq!(places[2], Place { framed: 13..23, nal: 17..23 });
    }

    #[test]
    fn nothing_comes_of_nothing() {
        for stream in [&[][..], &[0], &[0, 0, 1], &[0, 0, 0, 1], &[0, 0, 1, 0, 0, 1], &[7, 7, 7]] {
            assert!(all(stream).is_empty(), "{stream:?}");
        }
    }

    #[test]
    fn escapes_stand_only_where_they_must() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3]), Some(vec![1, 0, 0, 1, 0, 0]));
        for wrong in [&[0, 0, 0][..], &[0, 0, 1], &[0, 0, 2], &[0, 0, 3, 4]] {
            assert_eq!(unescape(wrong), None, "{wrong:?}");
        }
    }

    fn few() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(0u8), Just(1), Just(2), Just(3), Just(4), Just(6)];
        proptest::collection::vec(byte, 0..60)
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_definition(stream in few()) {
            let mut starts: Vec<usize> = Vec::new();
            let mut at = 0;
            while at + 3 <= stream.len() {
                if stream[at..at + 3] == START {
                    starts.push(at);
                    at += 3;
                } else {
                    at += 1;
                }
            }
            starts.push(stream.len());
            let mut expected = Vec::new();
            for pair in starts.windows(2) {
                let mut nal = &stream[pair[0] + 3..pair[1]];
                while let [front @ .., 0] = nal {
                    nal = front;
                }
                if !nal.is_empty() {
                    expected.push(nal);
                }
            }
            prop_assert_eq!(all(&stream), expected);
            let mut last = 0;
            for place in places(&stream) {
                prop_assert!(last <= place.framed.start && place.framed.start < place.nal.start);
                last = place.framed.end;
            }
        }

        #[test]
        fn escaping_is_undone_and_hides_every_start_code(payload in few()) {
            let nal = escape(&[9], &payload);
            prop_assert_eq!(unescape(&nal[1..]), Some(payload));
            prop_assert!(memmem::find(&nal, &[0, 0, 0]).is_none());
            prop_assert!(memmem::find(&nal, &START).is_none());
        }
    }
}
