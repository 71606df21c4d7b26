//! RTP packets (RFC 3550) of H.264 (RFC 6184) put together to access units.

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const RTP_HEADER: usize = 12;
const MARKER: u8 = 0x80;

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// One encoded picture, in Annex B form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AccessUnit {
    pub(crate) bytes: Vec<u8>,
    /// Whether it is an IDR picture.
    pub(crate) key: bool,
    /// Whether it carries parameter sets.
    pub(crate) parameters: bool,
}

/// Puts access units together. The marker ends one.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    unit: AccessUnit,
    next_sequence: Option<u16>,
    lost: u64,
}

impl Assembler {
    /// Takes a packet; gives the access unit that it ends. What is no RTP packet is passed over.
    pub(crate) fn push(&mut self, packet: &[u8]) -> Option<AccessUnit> {
        let payload = self.payload(packet)?;
        match payload.first()? & 0x1F {
            STAP_A => self.aggregate(&payload[1..]),
            FU_A => self.fragment(payload),
            1..=23 => self.nal_unit(payload),
            _ => {}
        }
        (packet[1] & MARKER != 0).then(|| std::mem::take(&mut self.unit))
    }

    /// Packets that never came.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    fn payload<'a>(&mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        if packet.len() < RTP_HEADER || packet[0] >> 6 != 2 {
            return None;
        }
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let gap = self.next_sequence.map_or(0, |expected| sequence.wrapping_sub(expected));
        self.lost += u64::from(gap);
        self.next_sequence = Some(sequence.wrapping_add(1));
        let sources = usize::from(packet[0] & 0x0F) * 4;
        let mut start = RTP_HEADER + sources;
        if packet[0] & 0x10 != 0 {
            let words = packet.get(start + 2..start + 4)?;
            start += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
        }
        let padding = match packet[0] & 0x20 {
            0 => 0,
            _ => usize::from(*packet.last()?),
        };
        packet.get(start..packet.len().checked_sub(padding)?)
    }

    fn nal_unit(&mut self, nal: &[u8]) {
        self.begin(nal[0]);
        self.unit.bytes.extend_from_slice(&nal[1..]);
    }

    fn begin(&mut self, header: u8) {
        let kind = header & 0x1F;
        self.unit.key |= kind == IDR;
        self.unit.parameters |= matches!(kind, SPS | PPS);
        self.unit.bytes.extend_from_slice(&START_CODE);
        self.unit.bytes.push(header);
    }

    fn aggregate(&mut self, mut rest: &[u8]) {
        while let [high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((nal, others)) = after.split_at_checked(length) else { return };
            if !nal.is_empty() {
                self.nal_unit(nal);
            }
            rest = others;
        }
    }

    fn fragment(&mut self, payload: &[u8]) {
        let [indicator, header, body @ ..] = payload else { return };
        if header & 0x80 != 0 {
            self.begin(indicator & 0xE0 | header & 0x1F);
        }
        self.unit.bytes.extend_from_slice(body);
    }
}
