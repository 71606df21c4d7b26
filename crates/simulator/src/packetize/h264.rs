//! H.264 over RTP (RFC 6184), packetization mode 1: single NAL units and FU-A.

use bytes::Bytes;

use super::annexb::nal_units;
use super::{MAX_PAYLOAD, Packets};

const SPS: u8 = 7;
const PPS: u8 = 8;
const ACCESS_UNIT_DELIMITER: u8 = 9;
const FU_A: u8 = 28;

const fn kind(nal: &[u8]) -> u8 {
    match nal {
        [header, ..] => *header & 0x1F,
        [] => 0,
    }
}

/// The first SPS and PPS of an access unit.
pub(crate) fn parameter_sets(unit: &[u8]) -> Option<[Bytes; 2]> {
    let find = |wanted| nal_units(unit).find(|nal| kind(nal) == wanted);
    Some([find(SPS)?, find(PPS)?].map(Bytes::copy_from_slice))
}

/// Whether a packet may hold this NAL unit as it is: types 0 and 24 to 31 mean something else in RTP
/// (§5.2), and travel as fragments.
const fn travels_whole(nal: &[u8]) -> bool {
    nal.len() <= MAX_PAYLOAD && matches!(kind(nal), 1..=23)
}

/// Whether this is a delimiter that says nothing but what the marker says.
const fn is_delimiter(nal: &[u8]) -> bool {
    kind(nal) == ACCESS_UNIT_DELIMITER && nal.len() <= 2
}

/// Packets of an access unit in Annex B form. Delimiters are left out: the marker says the same.
pub(super) fn packetize(unit: &[u8], packets: &mut Packets<'_>) {
    for nal in nal_units(unit).filter(|nal| !is_delimiter(nal)) {
        if travels_whole(nal) {
            packets.packet(&[nal]);
            continue;
        }
        // §5.8: the header is taken apart into FU indicator and FU header.
        let (header, body) = (nal[0], &nal[1..]);
        let indicator = header & 0xE0 | FU_A;
        // At least two: none may be both the first and the last.
        let size = body.len().div_ceil(2).clamp(1, MAX_PAYLOAD - 2);
        let mut fragments = body.chunks(size).peekable();
        let mut start = 0x80;
        while let Some(fragment) = fragments.next() {
            let end = if fragments.peek().is_none() { 0x40 } else { 0 };
            packets.packet(&[&[indicator, start | end | header & 0x1F], fragment]);
            start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::sent;
    use super::*;
    use crate::settings::Codec;

    #[test]
    fn small_units_travel_whole_and_delimiters_not_at_all() {
        let unit = [0, 0, 0, 1, 9, 16, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 4];
        let packets = sent(Codec::H264, &unit);
        let payloads: Vec<&[u8]> = packets.iter().map(|p| p.payload.as_slice()).collect();
        assert_eq!(payloads, [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 4]]);
        let sets = parameter_sets(&unit).unwrap();
        assert_eq!(sets[0].as_ref(), [0x67, 1, 2]);
        assert_eq!(sets[1].as_ref(), [0x68, 3]);
        assert_eq!(parameter_sets(&unit[..13]), None);
    }

    #[test]
    fn fragments_put_together_are_the_unit() {
        for length in [1400, 1401, 2797, 2798, 9999] {
            let nal: Vec<u8> =
                [0x65].into_iter().chain((1..=251).cycle().take(length - 1)).collect();
            let packets = sent(Codec::H264, &[&[0, 0, 1], nal.as_slice()].concat());
            if length <= 1400 {
                assert_eq!(packets[0].payload, nal);
                continue;
            }
            let last = packets.len() - 1;
            let mut whole = vec![packets[0].payload[0] & 0xE0 | packets[0].payload[1] & 0x1F];
            for (index, packet) in packets.iter().enumerate() {
                assert_eq!(packet.payload[0], 0x7C);
                assert_eq!(packet.payload[1] & 0x80 != 0, index == 0);
                assert_eq!(packet.payload[1] & 0x40 != 0, index == last);
                whole.extend_from_slice(&packet.payload[2..]);
            }
            assert_eq!(whole, nal);
        }
    }
}
