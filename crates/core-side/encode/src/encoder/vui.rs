//! What a stream says of its pictures (H.264 annex E), for an encoder that leaves it out.
//!
//! OpenH264's element has no way to be told colours and rate. Players then guess the matrix, by the
//! size of the picture or not at all, and small pictures come out tinted.

use cofferdam_picture::FrameRate;

const SPS: u8 = 7;

/// Rewrites the sequence parameter sets in access units so that they say what the one picture form
/// is: BT.709, limited range, square pixels, a fixed rate.
#[derive(Debug)]
pub(super) struct Describer {
    rate: FrameRate,
    /// The last parameter set and what became of it: it is always the same.
    known: Option<(Vec<u8>, Vec<u8>)>,
}

impl Describer {
    pub(super) const fn new(rate: FrameRate) -> Self {
        Self { rate, known: None }
    }

    /// `unit`, an Annex B access unit, with its parameter set described. `None` when it has none
    /// that is understood: it is good as it is then.
    pub(super) fn describe(&mut self, unit: &[u8]) -> Option<Vec<u8>> {
        let (start, end) = find_sps(unit)?;
        let sps = &unit[start..end];
        let described = match &self.known {
            Some((plain, described)) if plain == sps => described,
            _ => {
                let described = described(sps, self.rate)?;
                &self.known.insert((sps.to_vec(), described)).1
            }
        };
        Some([&unit[..start], described, &unit[end..]].concat())
    }
}

/// Where the sequence parameter set of a unit is, without start code.
fn find_sps(unit: &[u8]) -> Option<(usize, usize)> {
    let start = unit.windows(4).position(|four| four[..3] == [0, 0, 1] && four[3] & 0x1f == SPS)?;
    let start = start + 3;
    let rest = &unit[start..];
    // A parameter set ends in a byte that is not zero; zeros belong to the next start code.
    let end = rest.windows(3).position(|three| three[..2] == [0, 0] && three[2] <= 1);
    Some((start, start + end.unwrap_or(rest.len())))
}

/// A sequence parameter set (7.3.2.1.1) with our own VUI in place of its own.
fn described(sps: &[u8], rate: FrameRate) -> Option<Vec<u8>> {
    let plain = unescaped(sps);
    let mut bits = Bits { bytes: &plain, at: 8 };
    let profile = bits.take(8)?;
    // The High profiles have more fields here.
    if !matches!(profile, 66 | 77 | 88) {
        return None;
    }
    bits.take(16)?;
    bits.exp_golomb()?;
    bits.exp_golomb()?;
    match bits.exp_golomb()? {
        0 => drop(bits.exp_golomb()?),
        2 => {}
        _ => return None,
    }
    let reference_frames = bits.exp_golomb()?;
    bits.take(1)?;
    bits.exp_golomb()?;
    bits.exp_golomb()?;
    if bits.take(1)? == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    if bits.take(1)? == 1 {
        for _ in 0..4 {
            bits.exp_golomb()?;
        }
    }

    let mut out = Writer::default();
    let mut copied = Bits { bytes: &plain, at: 0 };
    while copied.at < bits.at {
        out.put(copied.take(1)?, 1);
    }
    vui(&mut out, rate, reference_frames);
    Some(escaped(&out.finish()))
}

/// E.1.1, behind its flag.
fn vui(out: &mut Writer, rate: FrameRate, reference_frames: u32) {
    out.put(1, 1);
    // Square pixels; nothing on overscan.
    out.put(1, 1);
    out.put(1, 8);
    out.put(0, 1);
    // No particular video format, limited range, BT.709 throughout.
    out.put(1, 1);
    out.put(5, 3);
    out.put(0, 1);
    out.put(1, 1);
    for _ in 0..3 {
        out.put(1, 8);
    }
    out.put(0, 1);
    // A tick is a field's time: two to a picture, always.
    out.put(1, 1);
    out.put(1, 32);
    out.put(rate.per_second() * 2, 32);
    out.put(1, 1);
    // Neither buffering parameters nor picture structure.
    out.put(0, 3);
    // Nothing is reordered, so a player need not wait.
    out.put(1, 1);
    out.put(1, 1);
    for value in [0, 0, 16, 16, 0, reference_frames] {
        out.put_exp_golomb(value);
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// ue(v), 9.1.
    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 16 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    used: usize,
}

impl Writer {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> bit & 1 == 1) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    fn put_exp_golomb(&mut self, value: u32) {
        let length = (value + 1).ilog2();
        self.put(0, length);
        self.put(value + 1, length + 1);
    }

    /// With the stop bit behind it.
    fn finish(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.bytes
    }
}

/// Without the bytes that keep start codes from appearing (7.4.1).
fn unescaped(nal: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for byte in nal {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        plain.push(*byte);
    }
    plain
}

fn escaped(plain: &[u8]) -> Vec<u8> {
    let mut nal = Vec::with_capacity(plain.len() + 4);
    let mut zeros = 0;
    for byte in plain {
        if zeros == 2 && *byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        nal.push(*byte);
    }
    nal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenH264's for 640x360.
    const PLAIN: [u8; 15] =
        [0x67, 0x42, 0xc0, 0x1e, 0x8c, 0x8d, 0x40, 0x50, 0x17, 0xfc, 0xb0, 0x0f, 0x08, 0x84, 0x6a];

    fn describer() -> Describer {
        Describer::new(FrameRate::new(25).unwrap())
    }

    #[test]
    fn only_the_parameter_set_of_a_unit_changes() {
        let slice = [0x65, 0xb8, 0, 0, 3, 0, 7];
        let pps = [0x68, 0xce, 0x3c, 0x80];
        let start = [0, 0, 0, 1];
        let unit = [&start[..], &PLAIN, &start, &pps, &start, &slice].concat();
        let mut describer = describer();
        let described = describer.describe(&unit).unwrap();
        assert_eq!(described[..12], unit[..12], "profile, level and what follows them");
        let tail = &unit[start.len() + PLAIN.len()..];
        assert!(described.ends_with(tail));
        assert!(described.len() > unit.len());
        assert_eq!(describer.describe(&unit).unwrap(), described);
        // What is described already is described the same way.
        assert_eq!(describer.describe(&described).unwrap(), described);
    }

    #[test]
    fn it_says_colours_pixels_and_rate() {
        let sps = described(&PLAIN, FrameRate::new(25).unwrap()).unwrap();
        let plain = unescaped(&sps);
        let find = |what: &[(u32, u32)]| {
            let mut wanted = Writer::default();
            what.iter().for_each(|(value, count)| wanted.put(*value, *count));
            let bits = |bytes: &[u8], count| {
                let mut bits = Bits { bytes, at: 0 };
                (0..count).map(|_| bits.take(1).unwrap()).collect::<Vec<_>>()
            };
            let wanted = bits(&wanted.bytes, wanted.used);
            bits(&plain, plain.len() * 8).windows(wanted.len()).any(|window| window == wanted)
        };
        assert!(find(&[(1, 1), (1, 1), (1, 8), (0, 1), (1, 1), (5, 3), (0, 1), (1, 1)]));
        assert!(find(&[(1, 8), (1, 8), (1, 8), (0, 1), (1, 1), (1, 32), (50, 32), (1, 1)]));
        assert!(!sps.windows(3).any(|three| three[..2] == [0, 0] && three[2] < 3));
    }

    #[test]
    fn what_is_not_understood_stays_as_it_is() {
        let mut describer = describer();
        assert_eq!(describer.describe(&[0, 0, 1, 0x41, 1, 2]), None);
        assert_eq!(describer.describe(&[0, 0, 1, 0x67]), None);
        for cut in 1..PLAIN.len() - 4 {
            assert_eq!(describer.describe(&[&[0, 0, 1], &PLAIN[..cut]].concat()), None, "{cut}");
        }
        let mut high = PLAIN;
        high[1] = 100;
        assert_eq!(describer.describe(&[&[0, 0, 1], &high[..]].concat()), None);
    }
}
