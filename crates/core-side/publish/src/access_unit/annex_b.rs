//! Byte streams of NAL units (H.264 Annex B), taken apart strictly.

use super::Refusal;

/// The NAL units of a byte stream, without start codes and the zeros around them.
#[derive(Debug)]
pub(super) struct NalUnits<'a> {
    bytes: &'a [u8],
    next: Option<usize>,
}

impl<'a> NalUnits<'a> {
    /// The NAL units of `bytes`. Anything but zeros before the first start code is refused.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Refusal> {
        match boundary(bytes, 0)? {
            Boundary { end: 0, next: Some(start) } => Ok(Self { bytes, next: Some(start) }),
            _ => Err(Refusal::Malformed),
        }
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = Result<&'a [u8], Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let nal_unit = boundary(self.bytes, start).and_then(|found| {
            self.next = found.next;
            let nal_unit = &self.bytes[start..found.end];
            if nal_unit.is_empty() { Err(Refusal::Malformed) } else { Ok(nal_unit) }
        });
        Some(nal_unit)
    }
}

/// Where a NAL unit ends, and where the next one begins.
struct Boundary {
    end: usize,
    next: Option<usize>,
}

/// Looks for the end of the NAL unit that begins at `from`. What can stand in no NAL unit (H.264
/// §7.4.1) and is no start code or padding either is refused: 00 00 02, and a byte above 3 behind
/// 00 00 03, which an encoder never escapes.
fn boundary(bytes: &[u8], from: usize) -> Result<Boundary, Refusal> {
    let mut at = from;
    while let Some(window) = bytes.get(at..at + 3) {
        match window {
            [_, _, 4..=u8::MAX] => at += 3,
            [0, 0, 2] => return Err(Refusal::Malformed),
            [0, 0, 3] if bytes.get(at + 3).is_some_and(|behind| *behind > 3) => {
                return Err(Refusal::Malformed);
            }
            [0, 0, 0 | 1] => {
                let zeros = bytes[at..].iter().take_while(|byte| **byte == 0).count();
                return match bytes.get(at + zeros) {
                    Some(1) => Ok(Boundary { end: at, next: Some(at + zeros + 1) }),
                    Some(_) => Err(Refusal::Malformed),
                    None => Ok(Boundary { end: at, next: None }),
                };
            }
            _ => at += 1,
        }
    }
    let zeros = bytes[from..].iter().rev().take_while(|byte| **byte == 0).count();
    Ok(Boundary { end: bytes.len() - zeros, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
        NalUnits::new(bytes)?.collect()
    }

    #[test]
    fn start_codes_of_any_length_and_padding_are_taken_off() {
        let bytes = [0, 0, 0, 0, 1, 7, 8, 0, 0, 1, 9, 0, 3, 0, 0, 0, 0, 1, 5, 0, 0, 3, 0, 0];
        assert_eq!(split(&bytes).unwrap(), [&[7, 8][..], &[9, 0, 3], &[5, 0, 0, 3]]);
        assert_eq!(split(&[0, 0, 1, 7]).unwrap(), [&[7]]);
        assert_eq!(split(&[0, 0, 1, 7, 0]).unwrap(), [&[7]]);
        assert_eq!(split(&[0, 0, 1, 7, 0, 0, 0, 0]).unwrap(), [&[7]]);
    }

    #[test]
    fn what_an_encoder_escapes_passes() {
        for behind in 0..=3 {
            let bytes = [0, 0, 1, 7, 0, 0, 3, behind, 0x80];
            assert_eq!(split(&bytes).unwrap(), [&bytes[3..]]);
        }
        // At the end only, behind zeros that belong to the last slice (cabac_zero_words).
        assert_eq!(split(&[0, 0, 1, 7, 0, 0, 3, 0, 0, 3]).unwrap(), [&[7, 0, 0, 3, 0, 0, 3]]);
    }

    #[test]
    fn what_is_no_byte_stream_is_refused() {
        for bytes in [
            &[][..],
            &[0],
            &[0, 0, 0, 0],
            &[7, 0, 0, 1, 7],
            &[0, 1, 7],
            &[0, 0, 1],
            &[0, 0, 1, 0, 0, 1, 7],
            &[0, 0, 1, 7, 0, 0, 1],
            &[0, 0, 1, 7, 0, 0, 2],
            &[0, 0, 1, 7, 0, 0, 0, 2],
            &[0, 0, 1, 7, 0, 0, 3, 4],
            &[0, 0, 1, 7, 0, 0, 3, 0xff, 0x80],
            &[0, 0, 1, 7, 0, 0, 3, 0, 0, 3, 5],
        ] {
            assert_eq!(split(bytes), Err(Refusal::Malformed), "{bytes:?}");
        }
    }
}
