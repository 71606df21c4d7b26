//! Bits of parameter sets and slice headers.

/// Collects bits, most significant first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    bits: Vec<bool>,
}

impl Bits {
    /// `value` in `count` bits.
    pub(crate) fn u(&mut self, count: u32, value: u64) -> &mut Self {
        self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    /// An unsigned Exp-Golomb code (ITU-T H.264, 9.1).
    pub(crate) fn ue(&mut self, value: u32) -> &mut Self {
        let code = u64::from(value) + 1;
        let length = code.ilog2();
        self.u(length, 0).u(length + 1, code)
    }

    /// The NAL unit with this header: the stop bit added, and the bytes escaped.
    pub(crate) fn nal(&self, header: &[u8]) -> Vec<u8> {
        let mut bits = self.bits.clone();
        bits.push(true);
        bits.resize(bits.len().next_multiple_of(8), false);
        let bytes = bits
            .chunks(8)
            .map(|chunk| chunk.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
        let mut nal = header.to_vec();
        let mut zeros = 0;
        for byte in bytes {
            if zeros == 2 && byte <= 3 {
                nal.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            nal.push(byte);
        }
        nal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_escapes() {
        // ue: 0 is 1, 1 is 010, 3 is 00100.
        assert_eq!(Bits::default().ue(0).ue(1).ue(3).nal(&[]), [0b1010_0010, 0b0100_0000]);
        assert_eq!(Bits::default().u(24, 1).nal(&[9]), [9, 0, 0, 3, 1, 0x80]);
    }
}
