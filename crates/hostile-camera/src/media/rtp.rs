//! RTP packets, interleaved (RFC 2326, 10.12; RFC 3550).

/// Of every honest packet.
pub(crate) const SSRC: u32 = 7;
/// Ticks between two pictures: 90 kHz, ten a second.
const TICKS: u32 = 9000;

/// A packet's header, and what can be wrong about it.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) channel: u8,
    /// Version, padding, extension and CSRC count.
    pub(crate) first: u8,
    pub(crate) kind: u8,
    pub(crate) sequence: u16,
    pub(crate) time: u32,
    pub(crate) ssrc: u32,
    pub(crate) marker: bool,
}

impl Packet {
    /// The packet `sequence` of picture `number`.
    pub(crate) const fn of(number: u32, sequence: u16, marker: bool) -> Self {
        let time = number.wrapping_mul(TICKS);
        Self { channel: 0, first: 0x80, kind: 96, sequence, time, ssrc: SSRC, marker }
    }

    /// Its bytes, framed.
    pub(crate) fn with(self, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![self.first, self.kind | u8::from(self.marker) << 7];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.time.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        framed(self.channel, &packet)
    }
}

/// Bytes on an interleaved channel; at most 65,535.
pub(crate) fn framed(channel: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&[b'$', channel][..], &length.to_be_bytes(), bytes].concat()
}

/// Picture `number` in one packet for each of `units`, the first of them with sequence number
/// `number * units.len()`.
pub(crate) fn picture(number: u32, units: &[Vec<u8>]) -> Vec<u8> {
    let first = number.wrapping_mul(u32::try_from(units.len()).unwrap_or(1));
    let mut bytes = Vec::new();
    for (unit, index) in units.iter().zip(0_u32..) {
        let sequence = low(first.wrapping_add(index));
        let last = index as usize + 1 == units.len();
        bytes.extend(Packet::of(number, sequence, last).with(unit));
    }
    bytes
}

/// The payloads of framed packets, each as a NAL unit in Annex B, or a part of one; `None` where there are none.
pub(crate) fn annex_b(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut unit = Vec::new();
    while let [b'$', _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        match rest.get(12..length)? {
            // Fragments (FU-A, RFC 6184, 5.8).
            [0x7c, head, body @ ..] => {
                if head >> 7 == 1 {
                    unit.extend([0, 0, 0, 1, 0x60 | head & 0x1f]);
                }
                unit.extend(body);
            }
            whole => {
                unit.extend([0, 0, 0, 1]);
                unit.extend(whole);
            }
        }
        bytes = rest.get(length..)?;
    }
    (!unit.is_empty()).then_some(unit)
}

/// The low 16 bits, as sequence numbers wrap.
pub(crate) const fn low(number: u32) -> u16 {
    let bytes = number.to_be_bytes();
    u16::from_be_bytes([bytes[2], bytes[3]])
}
