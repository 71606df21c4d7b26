//! As much of RTP (RFC 3550, RFC 6184) as tells where a picture ends and whether it is whole.

use crate::stamp::{self, Stamp};

const HEADER: usize = 12;

/// What a picture's last packet tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    /// It holds an IDR slice or parameter sets.
    pub(crate) key: bool,
    /// No packet is missing.
    pub(crate) whole: bool,
    pub(crate) stamp: Option<Stamp>,
}

/// One stream's packets, as they come.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    last: Option<u16>,
    key: bool,
    damaged: bool,
    /// The picture's last bytes so far: a stamp may be spread over two packets.
    tail: Vec<u8>,
}

impl Assembly {
    /// Takes the next packet; a picture when it was the last of one.
    pub(crate) fn take(&mut self, packet: &[u8]) -> Option<Picture> {
        let header = packet.first_chunk::<HEADER>()?;
        let sequence = u16::from_be_bytes([header[2], header[3]]);
        self.damaged |= self.last.is_some_and(|last| last.wrapping_add(1) != sequence);
        self.last = Some(sequence);
        let contributors = 4 * usize::from(header[0] & 0x0F);
        let payload = packet.get(HEADER + contributors..)?;
        self.key |= is_key(payload);
        self.keep_tail(without_header(payload));
        (header[1] & 0x80 != 0).then(|| {
            let picture = Picture {
                key: std::mem::take(&mut self.key),
                whole: !std::mem::take(&mut self.damaged),
                stamp: Stamp::read(&self.tail),
            };
            self.tail.clear();
            picture
        })
    }

    fn keep_tail(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(stamp::LEN)..]);
        let more = self.tail.len().saturating_sub(stamp::LEN);
        self.tail.drain(..more);
    }
}

/// A fragment without what tells that it is one (RFC 6184 §5.8), or any other payload.
fn without_header(payload: &[u8]) -> &[u8] {
    match payload {
        [first, _, fragment @ ..] if first & 0x1F == 28 => fragment,
        whole => whole,
    }
}

/// Whether a payload begins an IDR slice or an SPS, by itself or in front of a fragment or an
/// aggregate (RFC 6184 §5.6 to §5.8).
fn is_key(payload: &[u8]) -> bool {
    let kind = |at: usize| payload.get(at).map_or(0, |byte| byte & 0x1F);
    let kind = match kind(0) {
        28 => kind(1),
        24 => kind(3),
        single => single,
    };
    matches!(kind, 5 | 7)
}
