//! Bit strings (H.264 and H.265, 7.2), and emulation prevention (7.4.1).

/// A string of bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits(Vec<bool>);

impl Bits {
    /// The bits of `bytes`, the highest of each first.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let bits = |byte: &u8| {
            let byte = *byte;
            (0..8).map(move |bit| byte & (0x80 >> bit) != 0)
        };
        Self(bytes.iter().flat_map(bits).collect())
    }

    /// Appends the low `count` bits of `value`.
    pub(super) fn put(&mut self, count: u32, value: u64) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// Appends whole bytes, wherever the string stands.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.put(8, u64::from(*byte)));
    }

    /// Appends an Exp-Golomb code (9.1, 9.2).
    pub(super) fn ue(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let length = 64 - code.leading_zeros();
        self.put(length - 1, 0);
        self.put(length, code);
    }

    /// Appends another string.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Zeros up to a whole byte.
    pub(super) fn align(&mut self) {
        while !self.0.len().is_multiple_of(8) {
            self.0.push(false);
        }
    }

    /// `rbsp_trailing_bits()` (7.3.2.11).
    pub(super) fn trailing(&mut self) {
        self.0.push(true);
        self.align();
    }

    /// The string without `rbsp_trailing_bits()` at its end.
    pub(super) fn without_trailing(mut self) -> Self {
        let end = self.0.iter().rposition(|bit| *bit).unwrap_or(0);
        self.0.truncate(end);
        self
    }

    /// Where `wanted` first stands.
    pub(super) fn find(&self, wanted: &Self) -> Option<usize> {
        self.0.windows(wanted.0.len()).position(|window| window == wanted.0)
    }

    /// The string up to `at`, and the rest.
    pub(super) fn split(&self, at: usize) -> (Self, Self) {
        let (before, after) = self.0.split_at(at.min(self.0.len()));
        (Self(before.to_vec()), Self(after.to_vec()))
    }

    /// Its number of bits.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Changes the last bit.
    pub(super) fn set_last(&mut self) {
        if let Some(last) = self.0.last_mut() {
            *last = true;
        }
    }

    /// The whole bytes; bits beyond the last are left out.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        self.0.chunks_exact(8).map(byte).collect()
    }
}

/// A NAL unit's payload with emulation prevention.
pub(super) fn escape(rbsp: &[u8]) -> Vec<u8> {
    let (mut zeros, mut out) = (0, Vec::with_capacity(rbsp.len() + 8));
    for byte in rbsp {
        if zeros == 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

/// A NAL unit's payload without emulation prevention.
pub(super) fn unescape(payload: &[u8]) -> Vec<u8> {
    let (mut zeros, mut out) = (0, Vec::with_capacity(payload.len()));
    for byte in payload {
        if zeros == 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_exp_golomb_codes() {
        let mut bits = Bits::default();
        [0, 1, 2, 3].into_iter().for_each(|value| bits.ue(value));
        bits.trailing();
        // 1 010 011 00100 and the stop bit.
        assert_eq!(bits.to_bytes(), [0b1010_0110, 0b0100_1000]);
        assert_eq!(bits.clone().without_trailing().len(), 12);
        let mut long = Bits::default();
        long.ue(u32::MAX - 1);
        assert_eq!(long.len(), 63);
    }

    #[test]
    fn escaping_is_undone() {
        let rbsp = [0, 0, 1, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0];
        let payload = escape(&rbsp);
        assert!(!payload.windows(3).any(|window| window[..2] == [0, 0] && window[2] < 3));
        assert_eq!(unescape(&payload), rbsp);
    }

    #[test]
    fn finds_bits_anywhere() {
        let bits = Bits::of(&[0b0001_0110, 0b1000_0000]);
        let wanted = Bits::of(&[0b1011_0100]);
        assert_eq!(bits.find(&wanted), Some(3));
        assert_eq!(bits.find(&Bits::of(&[0xFF])), None);
    }
}
