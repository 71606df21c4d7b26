//! RTP packets (RFC 3550 §5.1), written one after the other into an interleaved frame each.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{PacketizedUnit, PayloadType, RtpTimestamp, SequenceNumber, Ssrc};

/// Bytes of an RTP header without contributing sources or extension.
pub const RTP_HEADER_LEN: usize = 12;

/// Bytes of the frame in front of interleaved data (RFC 2326 §10.12).
pub const INTERLEAVED_HEADER_LEN: usize = 4;

const VERSION: u8 = 2 << 6;
const MARKER: u8 = 0x80;

/// What is the same in every packet of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The stream's source.
    pub ssrc: Ssrc,
    /// The format of its payload.
    pub payload_type: PayloadType,
}

/// The most bytes of a packet, RTP header included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketLimit(u16);

/// A number of bytes that is no [`PacketLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packet limit: expected {least} to {most} bytes, found {0}", least = PacketLimit::MIN, most = u16::MAX)]
pub struct PacketLimitError(pub usize);

impl PacketLimit {
    /// The least limit: leaves room for any payload format's own header.
    pub const MIN: usize = 64;

    /// A limit of `bytes`.
    ///
    /// # Errors
    /// When it is below [`MIN`](Self::MIN) or above what an interleaved frame can hold.
    pub fn new(bytes: usize) -> Result<Self, PacketLimitError> {
        match u16::try_from(bytes) {
            Ok(limit) if bytes >= Self::MIN => Ok(Self(limit)),
            _ => Err(PacketLimitError(bytes)),
        }
    }

    /// The most bytes of a packet.
    #[must_use]
    pub const fn packet(self) -> usize {
        self.0 as usize
    }

    /// The most bytes of a packet's payload.
    #[must_use]
    pub const fn payload(self) -> usize {
        self.packet() - RTP_HEADER_LEN
    }
}

/// 1400 bytes: passes an Ethernet path with IPv6, UDP and a tunnel's headers in front.
impl Default for PacketLimit {
    fn default() -> Self {
        Self(1400)
    }
}

/// A payload that makes a packet longer than an interleaved frame can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packet: expected at most {most} bytes, found {0}", most = u16::MAX)]
pub struct PacketTooLarge(pub usize);

/// Writes the packets of one access unit: what a payload format builds on.
///
/// ```
/// use cofferdam_rtp::{PacketWriter, PayloadType, RtpTimestamp, SequenceNumber, Ssrc, Stream};
///
/// let stream = Stream { ssrc: Ssrc::new(7), payload_type: PayloadType::JPEG };
/// let mut writer = PacketWriter::new(stream, SequenceNumber::new(1), RtpTimestamp::new(0), 100);
/// writer.push(&[b"payload header", b"payload"])?;
/// let (unit, next) = writer.finish();
/// assert_eq!((unit.packet_count(), next.get()), (1, 2));
/// # Ok::<(), cofferdam_rtp::PacketTooLarge>(())
/// ```
#[derive(Debug)]
pub struct PacketWriter {
    stream: Stream,
    sequence: SequenceNumber,
    timestamp: RtpTimestamp,
    framed: BytesMut,
    packets: Vec<Range<usize>>,
}

impl PacketWriter {
    /// A writer of packets from `sequence` on, all of `timestamp`. `capacity` is how many bytes
    /// they will likely need, framing included; it only saves copying.
    #[must_use]
    pub fn new(
        stream: Stream,
        sequence: SequenceNumber,
        timestamp: RtpTimestamp,
        capacity: usize,
    ) -> Self {
        let framed = BytesMut::with_capacity(capacity);
        Self { stream, sequence, timestamp, framed, packets: Vec::new() }
    }

    /// Writes one packet whose payload is `parts`, one after the other.
    ///
    /// # Errors
    /// When the packet would be longer than an interleaved frame can hold; nothing is written then.
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), PacketTooLarge> {
        let length = parts.iter().fold(RTP_HEADER_LEN, |sum, part| sum.saturating_add(part.len()));
        let length = u16::try_from(length).map_err(|_| PacketTooLarge(length))?;
        self.append(length, parts);
        Ok(())
    }

    /// Writes one packet of `limit` bytes at most; what goes beyond is the caller's bug.
    pub(crate) fn push_within(&mut self, limit: PacketLimit, parts: &[&[u8]]) {
        let length = RTP_HEADER_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
        debug_assert!(length <= limit.packet(), "{length} bytes in a packet of {limit:?}");
        self.append(u16::try_from(length).unwrap_or(limit.0), parts);
    }

    fn append(&mut self, length: u16, parts: &[&[u8]]) {
        self.framed.put_u8(b'$');
        self.framed.put_u8(0);
        self.framed.put_u16(length);
        let start = self.framed.len();
        self.framed.put_u8(VERSION);
        self.framed.put_u8(self.stream.payload_type.get());
        self.framed.put_u16(self.sequence.get());
        self.framed.put_u32(self.timestamp.get());
        self.framed.put_u32(self.stream.ssrc.get());
        for part in parts {
            self.framed.put_slice(part);
        }
        self.packets.push(start..self.framed.len());
        self.sequence = self.sequence.next();
    }

    /// The packets, the last one with the marker that ends an access unit, and the sequence number
    /// that comes after them.
    #[must_use]
    pub fn finish(mut self) -> (PacketizedUnit, SequenceNumber) {
        if let Some(last) = self.packets.last() {
            self.framed[last.start + 1] |= MARKER;
        }
        self.finish_without_marker()
    }

    /// As [`finish`](Self::finish), but with no marker set: for more packets of the same access
    /// unit, or to be the camera that forgets it.
    #[must_use]
    pub fn finish_without_marker(self) -> (PacketizedUnit, SequenceNumber) {
        let unit = PacketizedUnit::new(self.framed.freeze(), self.packets.into());
        (unit, self.sequence)
    }
}

/// `packet` framed for interleaved `channel`: for RTCP over an RTSP connection.
///
/// # Errors
/// When the packet is longer than a frame can hold.
pub fn interleave(channel: u8, packet: &[u8]) -> Result<Bytes, PacketTooLarge> {
    let length = u16::try_from(packet.len()).map_err(|_| PacketTooLarge(packet.len()))?;
    let mut framed = BytesMut::with_capacity(INTERLEAVED_HEADER_LEN + packet.len());
    framed.put_u8(b'$');
    framed.put_u8(channel);
    framed.put_u16(length);
    framed.put_slice(packet);
    Ok(framed.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream = Stream { ssrc: Ssrc::new(0x0102_0304), payload_type: PayloadType::JPEG };

    fn unit(payloads: &[&[u8]]) -> PacketizedUnit {
        let mut writer = PacketWriter::new(STREAM, SequenceNumber::new(65_535), stamp(), 0);
        for payload in payloads {
            writer.push(&[payload]).unwrap();
        }
        writer.finish().0
    }

    const fn stamp() -> RtpTimestamp {
        RtpTimestamp::new(0x0a0b_0c0d)
    }

    #[test]
    fn packets_are_laid_out_as_the_rfcs_say() {
        let expected: &[u8] = &[
            b'$',
            0,
            0,
            14,
            0x80,
            26,
            0xff,
            0xff,
            0xa,
            0xb,
            0xc,
            0xd,
            1,
            2,
            3,
            4,
            b'h',
            b'i', //
            b'$',
            0,
            0,
            13,
            0x80,
            0x80 | 26,
            0,
            0,
            0xa,
            0xb,
            0xc,
            0xd,
            1,
            2,
            3,
            4,
            b'!',
        ];
        let unit = unit(&[b"hi", b"!"]);
        assert_eq!(unit.framed(), expected);
        assert_eq!(unit.packets().collect::<Vec<_>>(), [&expected[4..18], &expected[22..]]);
        assert_eq!(unit.payload_len(), 3);
    }

    #[test]
    fn another_channel_changes_the_frames_and_nothing_else() {
        let unit = unit(&[b"$\0\0\0", b"$"]);
        let other = unit.framed_for(6);
        assert_eq!((other[1], other[4 + 12 + 4 + 1]), (6, 6));
        let changed = unit.framed().iter().zip(&other).filter(|(a, b)| a != b).count();
        assert_eq!(changed, 2);
        assert_eq!(unit.framed_for(0).as_ptr(), unit.framed().as_ptr());
    }

    #[test]
    fn runs_hold_packets_of_one_size() {
        let sizes = [5, 9, 9, 9, 4, 4, 6];
        let payload = [0; 9];
        let payloads: Vec<&[u8]> = sizes.iter().map(|size| &payload[..*size]).collect();
        let unit = unit(&payloads);
        assert_eq!(unit.runs(64).collect::<Vec<_>>(), [0..1, 1..5, 5..6, 6..7]);
        assert_eq!(unit.runs(2).collect::<Vec<_>>(), [0..1, 1..3, 3..5, 5..6, 6..7]);
        let (range, size) = unit.unframed_run(1..5);
        assert_eq!((range.len(), size), (4 * RTP_HEADER_LEN + 9 * 3 + 4, RTP_HEADER_LEN + 9));
        let unframed = unit.unframed();
        assert_eq!(unframed[range].chunks(21).nth(3), unit.packets().nth(4));
        assert_eq!(unit.unframed_run(0..7).0, 0..unframed.len());
        assert_eq!(unit.unframed_run(7..9), (unframed.len()..unframed.len(), 0));
    }

    #[test]
    fn a_packet_must_fit_an_interleaved_frame() {
        let mut writer = PacketWriter::new(STREAM, SequenceNumber::new(0), stamp(), 0);
        let payload = vec![0; 65_535 - RTP_HEADER_LEN];
        assert_eq!(writer.push(&[&payload, b"x"]), Err(PacketTooLarge(65_536)));
        assert_eq!(writer.push(&[&payload]), Ok(()));
        assert_eq!(writer.finish().0.packet_count(), 1);
        assert_eq!(interleave(1, &[0; 65_536]), Err(PacketTooLarge(65_536)));
        assert_eq!(interleave(1, b"ab").unwrap(), &b"$\x01\0\x02ab"[..]);
    }

    #[test]
    fn limits_are_bounded() {
        for bytes in [0, 63, 65_536, usize::MAX] {
            assert_eq!(PacketLimit::new(bytes), Err(PacketLimitError(bytes)));
        }
        assert_eq!(PacketLimit::new(64).unwrap().payload(), 52);
        assert_eq!(PacketLimit::default().packet(), 1400);
    }
}
