//! Reading a payload bit by bit, and cutting one off (H.264 and H.265, 7.2 and 9.1 or 9.2).

/// A place in a payload without escapes.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    payload: &'a [u8],
    at: usize,
}

/// The payload ends too early, or a number is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadBits;

impl<'a> Bits<'a> {
    pub(crate) const fn new(payload: &'a [u8]) -> Self {
        Self { payload, at: 0 }
    }

    /// How many bits were read.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn flag(&mut self) -> Result<bool, BadBits> {
        let byte = self.payload.get(self.at / 8).ok_or(BadBits)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// `u(n)`, of at most 32 bits.
    pub(crate) fn read(&mut self, bits: u32) -> Result<u32, BadBits> {
        debug_assert!(bits <= 32, "a number of more than 32 bits");
        let mut value = 0;
        for _ in 0..bits {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// Passes over bits that are there.
    pub(crate) fn skip(&mut self, bits: usize) -> Result<(), BadBits> {
        let to = self.at.checked_add(bits).ok_or(BadBits)?;
        if to > self.payload.len() * 8 {
            return Err(BadBits);
        }
        self.at = to;
        Ok(())
    }

    /// `ue(v)`.
    pub(crate) fn unsigned(&mut self) -> Result<u32, BadBits> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(BadBits);
            }
        }
        Ok((1 << zeros) - 1 + self.read(zeros)?)
    }

    /// `ue(v)` of at most `most`.
    pub(crate) fn at_most(&mut self, most: u32) -> Result<u32, BadBits> {
        self.unsigned().and_then(|value| if value <= most { Ok(value) } else { Err(BadBits) })
    }

    /// `se(v)`.
    pub(crate) fn signed(&mut self) -> Result<i64, BadBits> {
        let coded = i64::from(self.unsigned()?);
        Ok(if coded % 2 == 0 { -(coded / 2) } else { coded / 2 + 1 })
    }

    /// `se(v)` from `least` to `most`.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> Result<i64, BadBits> {
        let value = self.signed()?;
        if (least..=most).contains(&value) { Ok(value) } else { Err(BadBits) }
    }
}

/// The first `bits` of `payload`, then `zeros` zero bits, then a stop bit and what aligns it.
pub(crate) fn cut(payload: &[u8], bits: usize, zeros: usize) -> Vec<u8> {
    let stop = bits + zeros;
    let mut cut = payload[..bits.div_ceil(8).min(payload.len())].to_vec();
    cut.resize(stop / 8 + 1, 0);
    if let Some(last) = cut.get_mut(bits / 8) {
        // Whatever of the payload's byte lies behind the cut.
        *last &= !(0xff >> (bits % 8));
    }
    if let Some(last) = cut.last_mut() {
        *last |= 0x80 >> (stop % 8);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Where the stop bit is: the last bit that is one.
    fn last_one(payload: &[u8]) -> Option<usize> {
        let byte = payload.iter().rposition(|byte| *byte != 0)?;
        Some(byte * 8 + 7 - payload[byte].trailing_zeros() as usize)
    }

    #[test]
    fn golomb_codes() {
        // 1, 010, 011, 00100, 00111, then nothing.
        let payload = [0b1010_0110, 0b0100_0011, 0b1000_0000];
        let mut bits = Bits::new(&payload);
        for value in [0, 1, 2, 3, 6] {
            assert_eq!(bits.unsigned(), Ok(value));
        }
        assert_eq!(bits.unsigned(), Err(BadBits));
        let mut bits = Bits::new(&payload);
        assert_eq!([(); 4].map(|()| bits.signed().unwrap()), [0, 1, -1, 2]);
        assert_eq!(Bits::new(&[0; 8]).unsigned(), Err(BadBits));
        assert_eq!(Bits::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).unsigned(), Ok(u32::MAX - 1));
    }

    #[test]
    fn cuts_end_with_a_stop_bit() {
        assert_eq!(cut(&[0xff, 0xff], 0, 0), [0x80]);
        assert_eq!(cut(&[0xff, 0xff], 3, 0), [0b1111_0000]);
        assert_eq!(cut(&[0xff, 0xff], 7, 0), [0xff]);
        assert_eq!(cut(&[0xff, 0xff], 8, 0), [0xff, 0x80]);
        assert_eq!(cut(&[0xff, 0xff], 6, 3), [0b1111_1100, 0b0100_0000]);
        assert_eq!(cut(&[0xff], 8, 9), [0xff, 0, 0b0100_0000]);
    }

    proptest! {
        #[test]
        fn a_cut_keeps_what_is_before_it(payload: Vec<u8>, bits: usize, zeros in 0..20_usize) {
            let bits = bits % (payload.len() * 8 + 1);
            let cut = cut(&payload, bits, zeros);
            let (mut whole, mut rest) = (Bits::new(&payload), Bits::new(&cut));
            for _ in 0..bits {
                prop_assert_eq!(whole.flag(), rest.flag());
            }
            prop_assert!((0..zeros).all(|_| rest.flag() == Ok(false)));
            prop_assert_eq!(Some(rest.position()), last_one(&cut));
        }

        #[test]
        fn no_payload_panics(payload: Vec<u8>, steps: Vec<(u8, u8)>) {
            let mut bits = Bits::new(&payload);
            for (what, much) in steps {
                let _ = match what % 5 {
                    0 => bits.flag().map(drop),
                    1 => bits.read(u32::from(much % 33)).map(drop),
                    2 => bits.skip(usize::from(much)),
                    3 => bits.unsigned().map(drop),
                    _ => bits.signed().map(drop),
                };
            }
            prop_assert!(bits.position() <= payload.len() * 8);
        }
    }
}
