//! H.265 over RTP (RFC 7798): single NAL units and fragmentation units.

use bytes::Bytes;

use super::annexb::nal_units;
use super::{MAX_PAYLOAD, Packets};

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
const ACCESS_UNIT_DELIMITER: u8 = 35;
const FRAGMENTATION_UNIT: u8 = 49;

const fn kind(nal: &[u8]) -> u8 {
    match nal {
        [header, ..] => *header >> 1 & 0x3F,
        [] => 0,
    }
}

/// The first VPS, SPS and PPS of an access unit.
pub(crate) fn parameter_sets(unit: &[u8]) -> Option<[Bytes; 3]> {
    let find = |wanted| nal_units(unit).find(|nal| kind(nal) == wanted);
    Some([find(VPS)?, find(SPS)?, find(PPS)?].map(Bytes::copy_from_slice))
}

/// Whether a packet may hold this NAL unit as it is: types 48 to 63 mean something else in RTP (§4.4),
/// and travel as fragments.
const fn travels_whole(nal: &[u8]) -> bool {
    nal.len() <= MAX_PAYLOAD && kind(nal) < 48
}

/// Whether this is a delimiter that says nothing but what the marker says.
const fn is_delimiter(nal: &[u8]) -> bool {
    kind(nal) == ACCESS_UNIT_DELIMITER && nal.len() <= 3
}

/// Packets of an access unit in Annex B form. Delimiters are left out: the marker says the same.
pub(super) fn packetize(unit: &[u8], packets: &mut Packets<'_>) {
    for nal in nal_units(unit).filter(|nal| !is_delimiter(nal)) {
        let [first, second, body @ ..] = nal else { continue };
        if travels_whole(nal) {
            packets.packet(&[nal]);
            continue;
        }
        // §4.4.3: the type moves from the payload header into the FU header.
        let head = [first & 0x81 | FRAGMENTATION_UNIT << 1, *second];
        // At least two: none may be both the first and the last.
        let size = body.len().div_ceil(2).clamp(1, MAX_PAYLOAD - 3);
        let mut fragments = body.chunks(size).peekable();
        let mut start = 0x80;
        while let Some(fragment) = fragments.next() {
            let end = if fragments.peek().is_none() { 0x40 } else { 0 };
            packets.packet(&[&head, &[start | end | kind(nal)], fragment]);
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
    fn finds_parameter_sets_and_leaves_delimiters_out() {
        let unit = [
            0, 0, 1, 70, 1, 80, 0, 0, 1, 64, 1, 9, 0, 0, 1, 66, 1, 8, 0, 0, 1, 68, 1, 7, 0, 0, 1,
            38, 1, 6,
        ];
        let sets = parameter_sets(&unit).unwrap();
        assert_eq!(sets.map(|set| set[2]), [9, 8, 7]);
        let packets = sent(Codec::H265, &unit);
        assert_eq!(packets.len(), 4);
        assert_eq!(packets[3].payload, [38, 1, 6]);
        assert_eq!(parameter_sets(&unit[..12]), None);
    }

    #[test]
    fn fragments_put_together_are_the_unit() {
        // Type 19 (IDR_W_RADL), layer 0, temporal id 1.
        let nal: Vec<u8> = [38, 1].into_iter().chain((1..=251).cycle().take(5000)).collect();
        let packets = sent(Codec::H265, &[&[0, 0, 1], nal.as_slice()].concat());
        let last = packets.len() - 1;
        let mut whole = vec![packets[0].payload[2] << 1 & 0x7E, 1];
        for (index, packet) in packets.iter().enumerate() {
            assert_eq!(packet.payload[..2], [98, 1]);
            assert_eq!(packet.payload[2] & 0x80 != 0, index == 0);
            assert_eq!(packet.payload[2] & 0x40 != 0, index == last);
            whole.extend_from_slice(&packet.payload[3..]);
        }
        assert_eq!(whole, nal);
    }
}
