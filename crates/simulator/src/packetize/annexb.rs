//! NAL units in a byte stream (ITU-T H.264 and H.265, annex B).

/// The NAL units of an access unit, without start codes and trailing zeros.
pub(crate) fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream);
    std::iter::from_fn(move || {
        let stream = rest?;
        let end = start_code(stream).unwrap_or(stream.len());
        rest = after_start_code(&stream[end..]);
        // The fourth byte of a start code, and zeros after the last unit, are padding.
        let zeros = stream[..end].iter().rev().take_while(|b| **b == 0).count();
        Some(&stream[..end - zeros])
    })
    .filter(|nal| !nal.is_empty())
}

fn start_code(stream: &[u8]) -> Option<usize> {
    stream.windows(3).position(|window| window == [0, 0, 1])
}

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    start_code(stream).map(|at| &stream[at + 3..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(stream: &[u8]) -> Vec<&[u8]> {
        nal_units(stream).collect()
    }

    #[test]
    fn splits_at_start_codes_of_both_lengths() {
        let stream = [0, 0, 0, 1, 9, 16, 0, 0, 1, 103, 1, 0, 0, 0, 1, 101, 2, 3, 0, 0];
        assert_eq!(units(&stream), [&[9, 16][..], &[103, 1], &[101, 2, 3]]);
    }

    #[test]
    fn survives_what_is_no_stream() {
        for stream in [&[][..], &[0, 0], &[0, 0, 1], &[0, 0, 1, 0, 0, 1], &[1, 2, 3, 4]] {
            assert!(units(stream).is_empty());
        }
    }
}
