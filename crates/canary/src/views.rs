//! The ways to read a byte stream in which a mark may be spread.

use std::borrow::Cow;

/// One reading of a stream.
pub(crate) struct View<'a> {
    /// The way, such as `every 3rd byte`.
    pub(crate) name: &'static str,
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Whether text may have been spread like this.
    pub(crate) text: bool,
}

/// All readings of `stream`, one after the other: each may be as large as the stream.
pub(crate) fn of(stream: &[u8]) -> impl Iterator<Item = View<'_>> {
    let whole = View { name: "as it is", bytes: Cow::Borrowed(stream), text: true };
    let stripped = View {
        name: "without emulation prevention",
        bytes: Cow::Owned(without_emulation_prevention(stream)),
        text: false,
    };
    let strides = [(2, "every 2nd byte"), (3, "every 3rd byte"), (4, "every 4th byte")];
    let strides = strides.into_iter().flat_map(move |(step, name)| {
        (0..step).map(move |phase| View {
            name,
            bytes: Cow::Owned(stream.iter().skip(phase).step_by(step).copied().collect()),
            // Text of 16-bit and 32-bit characters.
            text: step != 3,
        })
    });
    // CEA-708 carriage: a byte of flags before each two bytes of captions.
    let pairs = (0..3).map(move |phase| View {
        name: "caption pairs",
        bytes: Cow::Owned(two_of_three(stream.get(phase..).unwrap_or(&[]))),
        text: false,
    });
    let shifts = (1..8).map(move |shift| View {
        name: "shifted by bits",
        bytes: Cow::Owned(shifted(&without_emulation_prevention(stream), shift)),
        text: false,
    });
    [whole, stripped].into_iter().chain(strides).chain(pairs).chain(shifts)
}

/// How many readings [`of`] gives, in units of the stream's length.
pub(crate) const PASSES: u64 = 2 + 3 + 2 + 7;

/// Without the bytes that H.264 and H.265 (7.4.1) put after two zeros.
fn without_emulation_prevention(stream: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut bytes = Vec::with_capacity(stream.len());
    for byte in stream {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}

fn two_of_three(stream: &[u8]) -> Vec<u8> {
    let pair = |triplet: &[u8]| [triplet[1], triplet[2]];
    stream.chunks_exact(3).flat_map(pair).collect()
}

/// The stream from its `shift`th bit on.
fn shifted(stream: &[u8], shift: u32) -> Vec<u8> {
    let pair = |pair: &[u8]| pair[0] << shift | pair[1] >> (8 - shift);
    stream.windows(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_emulation_prevention_out() {
        let stream = [0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3, 0, 3];
        assert_eq!(without_emulation_prevention(&stream), [0, 0, 1, 0, 0, 0, 0, 3, 0, 3]);
    }

    #[test]
    fn reads_bits_and_pairs() {
        assert_eq!(shifted(&[0b1010_0000, 0b0100_0000, 0], 1), [0b0100_0000, 0b1000_0000]);
        assert_eq!(two_of_three(&[0xFC, 1, 2, 0xFC, 3, 4, 9]), [1, 2, 3, 4]);
    }

    #[test]
    fn passes_are_counted_right() {
        let stream = vec![1; 12_000];
        let read: usize = of(&stream).map(|view| view.bytes.len()).sum();
        let passes = u64::try_from(read).unwrap().div_ceil(12_000);
        assert!(PASSES.abs_diff(passes) <= 1, "{passes}");
    }
}
