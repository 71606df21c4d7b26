//! The packets of one access unit, packed for sending.

use std::ops::Range;

use bytes::Bytes;

use crate::packet::{INTERLEAVED_HEADER_LEN, RTP_HEADER_LEN};

/// The RTP packets of one access unit in one allocation.
///
/// The bytes are framed for an RTSP connection (RFC 2326 §10.12): before each packet stand `$`,
/// channel 0 and the packet's length. One write of [`framed`](Self::framed) serves a reader over
/// TCP; a reader over UDP is sent each of [`packets`](Self::packets) as a datagram. Clones share
/// the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketizedUnit {
    framed: Bytes,
    packets: Box<[Range<usize>]>,
}

impl PacketizedUnit {
    pub(crate) const fn new(framed: Bytes, packets: Box<[Range<usize>]>) -> Self {
        Self { framed, packets }
    }

    /// Every packet, framed for interleaved channel 0.
    #[must_use]
    pub const fn framed(&self) -> &Bytes {
        &self.framed
    }

    /// Every packet, framed for interleaved `channel`. Copies, except for channel 0.
    #[must_use]
    pub fn framed_for(&self, channel: u8) -> Bytes {
        if channel == 0 {
            return self.framed.clone();
        }
        let mut framed = self.framed.to_vec();
        for packet in &self.packets {
            framed[packet.start - INTERLEAVED_HEADER_LEN + 1] = channel;
        }
        framed.into()
    }

    /// How many packets there are.
    #[must_use]
    pub const fn packet_count(&self) -> usize {
        self.packets.len()
    }

    /// Each packet, from its RTP header on, in order.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.packets.iter().map(|packet| &self.framed[packet.clone()])
    }

    /// Bytes of payload in all packets: what a sender report counts (RFC 3550 §6.4.1).
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.packets.iter().map(|packet| packet.len() - RTP_HEADER_LEN).sum()
    }

    /// The packets as runs in which all are of one size and only the last may be smaller: what one
    /// call with UDP segmentation offload can send. Each run is a range of packet numbers, at most
    /// `most` long (at least 1 is taken).
    pub fn runs(&self, most: usize) -> impl Iterator<Item = Range<usize>> {
        let most = most.max(1);
        let mut start = 0;
        std::iter::from_fn(move || {
            let size = self.packets.get(start)?.len();
            let mut end = start + 1;
            while end - start < most {
                let Some(next) = self.packets.get(end) else { break };
                if next.len() > size {
                    break;
                }
                end += 1;
                if next.len() < size {
                    break;
                }
            }
            let run = start..end;
            start = end;
            Some(run)
        })
    }

    /// The packets one after the other, without framing.
    #[must_use]
    pub fn unframed(&self) -> Vec<u8> {
        let mut unframed = Vec::with_capacity(self.framed.len());
        self.packets().for_each(|packet| unframed.extend_from_slice(packet));
        unframed
    }

    /// Where in [`unframed`](Self::unframed) the packets of a run stand, and how long the first is.
    /// Numbers past the last packet are passed over.
    #[must_use]
    pub fn unframed_run(&self, run: Range<usize>) -> (Range<usize>, usize) {
        let offset = |number: usize| match self.packets.get(number) {
            Some(packet) => packet.start - (number + 1) * INTERLEAVED_HEADER_LEN,
            None => self.framed.len() - self.packets.len() * INTERLEAVED_HEADER_LEN,
        };
        let range = offset(run.start)..offset(run.end.max(run.start));
        (range, self.packets.get(run.start).map_or(0, Range::len))
    }
}
