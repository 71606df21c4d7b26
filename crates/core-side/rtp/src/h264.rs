//! H.264 over RTP (RFC 6184), packetization mode 1.

use crate::{
    INTERLEAVED_HEADER_LEN, PacketLimit, PacketWriter, PacketizedUnit, RTP_HEADER_LEN,
    RtpTimestamp, SequenceNumber, Stream,
};

const TYPE_MASK: u8 = 0x1f;
const NRI_MASK: u8 = 0x60;
const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_HEADERS_LEN: usize = 2;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Packs access units of one stream into packets, and numbers them.
///
/// A NAL unit goes as a packet of its own or, when it is too long, as fragments (FU-A, §5.8) of
/// which all but the last are of equal size. Parameter sets at the start of an access unit share
/// one packet (STAP-A, §5.7.1) where they fit.
#[derive(Debug)]
pub struct H264Packetizer {
    stream: Stream,
    sequence: SequenceNumber,
    limit: PacketLimit,
}

impl H264Packetizer {
    /// A packetizer whose first packet has the number `first`.
    #[must_use]
    pub const fn new(stream: Stream, first: SequenceNumber, limit: PacketLimit) -> Self {
        Self { stream, sequence: first, limit }
    }

    /// The number of the next packet.
    #[must_use]
    pub const fn next_sequence(&self) -> SequenceNumber {
        self.sequence
    }

    /// The packets of one access unit. `nal_units` come without start codes, in decoding order;
    /// empty ones are passed over, and of no NAL unit comes no packet.
    pub fn packetize(&mut self, timestamp: RtpTimestamp, nal_units: &[&[u8]]) -> PacketizedUnit {
        let mut writer =
            PacketWriter::new(self.stream, self.sequence, timestamp, self.framed_len(nal_units));
        let mut rest = nal_units;
        while let Some((first, after)) = rest.split_first() {
            let aggregated = self.aggregated(rest);
            if aggregated > 1 {
                self.push_aggregate(&mut writer, &rest[..aggregated]);
                rest = &rest[aggregated..];
            } else {
                self.push_nal_unit(&mut writer, first);
                rest = after;
            }
        }
        let (unit, next) = writer.finish();
        self.sequence = next;
        unit
    }

    /// An upper bound of the framed length, so that one allocation does.
    fn framed_len(&self, nal_units: &[&[u8]]) -> usize {
        let headers = INTERLEAVED_HEADER_LEN + RTP_HEADER_LEN + FU_HEADERS_LEN;
        nal_units
            .iter()
            .map(|nal| nal.len() + headers * (1 + nal.len() / self.fragment_len()))
            .sum()
    }

    const fn fragment_len(&self) -> usize {
        self.limit.payload() - FU_HEADERS_LEN
    }

    /// How many NAL units at the front are parameter sets that fit into one packet.
    fn aggregated(&self, nal_units: &[&[u8]]) -> usize {
        let mut length = 1;
        let fits = |nal: &&&[u8]| {
            let is_parameter_set =
                nal.first().is_some_and(|head| matches!(head & TYPE_MASK, SPS | PPS));
            length += 2 + nal.len();
            is_parameter_set && length <= self.limit.payload()
        };
        nal_units.iter().take_while(fits).count()
    }

    fn push_aggregate(&self, writer: &mut PacketWriter, nal_units: &[&[u8]]) {
        let importance =
            nal_units.iter().filter_map(|nal| nal.first()).map(|head| head & NRI_MASK).max();
        let mut payload = Vec::with_capacity(self.limit.payload());
        payload.push(importance.unwrap_or(0) | STAP_A);
        for nal in nal_units {
            // They fit into a packet, so their lengths fit into 16 bits.
            payload.extend_from_slice(&u16::try_from(nal.len()).unwrap_or(u16::MAX).to_be_bytes());
            payload.extend_from_slice(nal);
        }
        writer.push_within(self.limit, &[&payload]);
    }

    fn push_nal_unit(&self, writer: &mut PacketWriter, nal: &[u8]) {
        let Some((head, body)) = nal.split_first() else { return };
        if nal.len() <= self.limit.payload() {
            writer.push_within(self.limit, &[nal]);
            return;
        }
        let indicator = head & !TYPE_MASK | FU_A;
        let mut fragments = body.chunks(self.fragment_len()).peekable();
        let mut start = FU_START;
        while let Some(fragment) = fragments.next() {
            let end = if fragments.peek().is_none() { FU_END } else { 0 };
            let header = start | end | head & TYPE_MASK;
            writer.push_within(self.limit, &[&[indicator, header], fragment]);
            start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{PayloadType, Ssrc};

    const STREAM: Stream = Stream { ssrc: Ssrc::new(5), payload_type: PayloadType::DYNAMIC };

    fn packetizer(limit: usize) -> H264Packetizer {
        H264Packetizer::new(STREAM, SequenceNumber::new(65_530), PacketLimit::new(limit).unwrap())
    }

    fn nal(head: u8, length: usize) -> Vec<u8> {
        let mut nal: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
        nal[0] = head;
        nal
    }

    /// What a receiver makes of the packets, written from the RFC and strict about it.
    fn depacketize(unit: &PacketizedUnit, timestamp: u32, mut sequence: u16) -> Vec<Vec<u8>> {
        let mut nal_units: Vec<Vec<u8>> = Vec::new();
        let mut fragmented = false;
        let count = unit.packet_count();
        for (i, packet) in unit.packets().enumerate() {
            let (header, payload) = packet.split_at(12);
            assert_eq!(header[0], 0x80);
            assert_eq!(header[1] & 0x7f, 96);
            assert_eq!(header[1] & 0x80 != 0, i + 1 == count, "marker on the last packet only");
            assert_eq!(header[2..4], sequence.to_be_bytes());
            assert_eq!(header[4..8], timestamp.to_be_bytes());
            assert_eq!(header[8..], 5u32.to_be_bytes());
            sequence = sequence.wrapping_add(1);
            match payload[0] & 0x1f {
                24 => {
                    assert!(!fragmented);
                    let mut rest = &payload[1..];
                    while let Some((length, after)) = rest.split_first_chunk::<2>() {
                        let (nal, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
                        nal_units.push(nal.to_vec());
                        rest = after;
                    }
                    assert!(rest.is_empty());
                }
                28 => {
                    let (start, end) = (payload[1] & 0x80 != 0, payload[1] & 0x40 != 0);
                    assert!(!(start && end));
                    assert_eq!(start, !fragmented);
                    if start {
                        nal_units.push(vec![payload[0] & 0xe0 | payload[1] & 0x1f]);
                    }
                    nal_units.last_mut().unwrap().extend_from_slice(&payload[2..]);
                    fragmented = !end;
                }
                1..=23 => {
                    assert!(!fragmented);
                    nal_units.push(payload.to_vec());
                }
                other => panic!("type {other}"),
            }
        }
        assert!(!fragmented);
        nal_units
    }

    #[test]
    fn parameter_sets_share_a_packet_and_a_long_slice_is_cut() {
        let units = [nal(0x67, 20), nal(0x68, 5), nal(0x65, 5000)];
        let slices: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let mut packetizer = packetizer(1400);
        let unit = packetizer.packetize(RtpTimestamp::new(77), &slices);
        let sizes: Vec<usize> = unit.packets().map(<[u8]>::len).collect();
        assert_eq!(sizes, [12 + 1 + 2 + 20 + 2 + 5, 1400, 1400, 1400, 12 + 2 + 4999 - 3 * 1386]);
        assert_eq!(unit.packets().next().unwrap()[12], 0x60 | 24);
        assert_eq!(depacketize(&unit, 77, 65_530), units);
        assert_eq!(packetizer.next_sequence().get(), 65_535);
    }

    #[test]
    fn a_lone_parameter_set_and_a_short_slice_go_as_they_are() {
        let units = [nal(0x67, 20), nal(0x41, 1388), nal(0x41, 1389)];
        let slices: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let unit = packetizer(1400).packetize(RtpTimestamp::new(0), &slices);
        let types: Vec<u8> = unit.packets().map(|packet| packet[12] & 0x1f).collect();
        assert_eq!(types, [7, 1, 28, 28]);
    }

    #[test]
    fn nothing_makes_no_packet() {
        let mut packetizer = packetizer(1400);
        assert_eq!(packetizer.packetize(RtpTimestamp::new(0), &[&[]]).packet_count(), 0);
        assert_eq!(packetizer.next_sequence().get(), 65_530);
    }

    proptest! {
        #[test]
        fn whatever_goes_in_comes_out(
            shapes in prop::collection::vec((0u8..4, 1usize..6000), 1..12),
            limit in 64usize..3000,
        ) {
            let heads = [0x67, 0x68, 0x65, 0x41];
            let units: Vec<Vec<u8>> =
                shapes.iter().map(|(kind, len)| nal(heads[usize::from(*kind)], *len)).collect();
            let slices: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
            let mut packetizer = packetizer(limit);
            let unit = packetizer.packetize(RtpTimestamp::new(9), &slices);
            prop_assert_eq!(depacketize(&unit, 9, 65_530), units);
            prop_assert!(unit.packets().all(|packet| packet.len() <= limit));
            let fragments: Vec<&[u8]> =
                unit.packets().filter(|packet| packet[12] & 0x1f == 28).collect();
            prop_assert!(fragments.iter().all(|p| p[13] & 0x40 != 0 || p.len() == limit));
        }
    }
}
