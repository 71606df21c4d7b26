//! RTP packets (RFC 3550) of access units, framed for interleaving in RTSP (RFC 2326 §10.12).

pub(crate) mod annexb;
pub(crate) mod h264;
pub(crate) mod h265;
pub(crate) mod jpeg;

use std::sync::Arc;

use crate::plant::{JpegMarks, PacketMarks};
use crate::settings::Codec;

/// The most payload in a packet, in bytes: what cameras send, so that it would fit UDP as well.
const MAX_PAYLOAD: usize = 1400;
/// `$`, channel, length.
const FRAME_HEADER: usize = 4;
/// An RTP header without contributing sources and extension.
const RTP_HEADER: usize = 12;
const MARKER: u8 = 0x80;

/// Why RTP cannot carry an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketizeError {
    /// The JPEG picture is one that RFC 2435 has no type for, or none at all.
    #[error("RFC 2435 cannot carry this picture: {0}")]
    Jpeg(&'static str),
}

/// One reader's RTP stream: counts its packets.
#[derive(Clone, Debug)]
pub(crate) struct RtpStream {
    /// The interleaved channel of its RTP packets.
    pub(crate) channel: u8,
    pub(crate) payload_type: u8,
    pub(crate) ssrc: u32,
    /// The sequence number of the next packet.
    pub(crate) sequence: u16,
    /// Packets and payload bytes so far, modulo 2^32, as sender reports want them.
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    /// What a planted camera's packets carry.
    pub(crate) marks: Option<Arc<Marks>>,
}

/// What a planted camera's packets carry beside what they must.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    pub(crate) packet: PacketMarks,
    pub(crate) jpeg: Option<JpegMarks>,
}

/// The RTP payload type of a codec: static for JPEG (RFC 3551), dynamic for the others.
pub(crate) const fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::H264 => 96,
        Codec::H265 => 97,
        Codec::Mjpeg => 26,
    }
}

impl RtpStream {
    /// Appends the packets of `unit` to `out`, all with `timestamp`, the last with the marker.
    pub(crate) fn access_unit(
        &mut self,
        codec: Codec,
        unit: &[u8],
        timestamp: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), PacketizeError> {
        let mut packets = Packets { stream: self, timestamp, out, last: None };
        match codec {
            Codec::H264 => h264::packetize(unit, &mut packets),
            Codec::H265 => h265::packetize(unit, &mut packets),
            Codec::Mjpeg => {
                let marks = packets.stream.marks.clone();
                let marks = marks.as_ref().and_then(|marks| marks.jpeg.as_ref());
                jpeg::packetize(&jpeg::parse(unit)?, marks, &mut packets);
            }
        }
        packets.finish();
        Ok(())
    }
}

/// Takes the packets of one access unit.
pub(crate) struct Packets<'a> {
    stream: &'a mut RtpStream,
    timestamp: u32,
    out: &'a mut Vec<u8>,
    last: Option<usize>,
}

impl Packets<'_> {
    /// Appends a packet whose payload is `parts`, one after the other.
    fn packet(&mut self, parts: &[&[u8]]) {
        let payload = parts.iter().map(|part| part.len()).sum::<usize>();
        let marks = self.stream.marks.clone();
        let marks = marks.as_ref().map(|marks| &marks.packet);
        let (sources, extension, padding) = marks.map_or((&[][..], &[][..], &[][..]), |marks| {
            (&marks.sources[..], &marks.extension[..], &marks.padding[..])
        });
        let beside = sources.len() + extension.len() + padding.len();
        let Ok(length) = u16::try_from(RTP_HEADER + payload + beside) else {
            debug_assert!(false, "payloads have at most MAX_PAYLOAD bytes");
            return;
        };
        self.last = Some(self.out.len());
        self.out.extend_from_slice(&[b'$', self.stream.channel]);
        self.out.extend_from_slice(&length.to_be_bytes());
        // RFC 3550 §5.1: version 2, padding, extension, number of contributing sources.
        let count = u8::try_from(sources.len() / 4).unwrap_or(0) & 0x0F;
        let flags = 0x80
            | if padding.is_empty() { 0 } else { 0x20 }
            | if extension.is_empty() { 0 } else { 0x10 }
            | count;
        self.out.extend_from_slice(&[flags, self.stream.payload_type]);
        self.out.extend_from_slice(&self.stream.sequence.to_be_bytes());
        self.out.extend_from_slice(&self.timestamp.to_be_bytes());
        self.out.extend_from_slice(&self.stream.ssrc.to_be_bytes());
        self.out.extend_from_slice(sources);
        self.out.extend_from_slice(extension);
        parts.iter().for_each(|part| self.out.extend_from_slice(part));
        self.out.extend_from_slice(padding);
        self.stream.sequence = self.stream.sequence.wrapping_add(1);
        self.stream.packets = self.stream.packets.wrapping_add(1);
        // Without header and padding (RFC 3550 §6.4.1).
        let octets = u32::try_from(payload).unwrap_or(u32::MAX);
        self.stream.octets = self.stream.octets.wrapping_add(octets);
    }

    fn finish(self) {
        if let Some(last) = self.last {
            self.out[last + FRAME_HEADER + 1] |= MARKER;
        }
    }
}

#[cfg(test)]
mod testing {
    //! What the packetizers' tests have in common.

    use super::*;

    /// A packet as a receiver sees it.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Received {
        pub(super) sequence: u16,
        pub(super) marker: bool,
        pub(super) payload: Vec<u8>,
    }

    /// The packets of `unit`, unframed again.
    pub(super) fn sent(codec: Codec, unit: &[u8]) -> Vec<Received> {
        let mut stream = RtpStream {
            channel: 2,
            payload_type: payload_type(codec),
            ssrc: 0x0102_0304,
            sequence: 0xFFFE,
            packets: 0,
            octets: 0,
            marks: None,
        };
        let mut out = Vec::new();
        stream.access_unit(codec, unit, 0xA1B2_C3D4, &mut out).unwrap();

        let mut received = Vec::new();
        let mut rest = out.as_slice();
        while let [b'$', 2, high, low, after @ ..] = rest {
            let (packet, others) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            assert_eq!(packet[0], 0x80);
            assert_eq!(packet[1] & 0x7F, payload_type(codec));
            assert_eq!(packet[4..12], [0xA1, 0xB2, 0xC3, 0xD4, 1, 2, 3, 4]);
            assert!(packet.len() <= RTP_HEADER + MAX_PAYLOAD);
            received.push(Received {
                sequence: u16::from_be_bytes([packet[2], packet[3]]),
                marker: packet[1] & MARKER != 0,
                payload: packet[12..].to_vec(),
            });
            rest = others;
        }
        assert!(rest.is_empty());
        let payload: usize = received.iter().map(|r| r.payload.len()).sum();
        assert_eq!(usize::try_from(stream.octets).unwrap(), payload);
        assert_eq!(usize::try_from(stream.packets).unwrap(), received.len());
        received
    }

    #[test]
    fn sequence_numbers_wrap_and_only_the_last_packet_is_marked() {
        let unit = [&[0, 0, 0, 1, 0x65][..], &[7; 4000]].concat();
        let packets = sent(Codec::H264, &unit);
        let numbers: Vec<u16> = packets.iter().map(|p| p.sequence).collect();
        assert_eq!(numbers, [0xFFFE, 0xFFFF, 0]);
        assert_eq!(packets.iter().map(|p| p.marker).collect::<Vec<_>>(), [false, false, true]);
    }
}
