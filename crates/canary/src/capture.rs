//! What was collected, and the streams that it can be read as.

/// Bytes that were collected somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Where, such as `lobby/main over TCP`.
    pub name: String,
    /// What they are.
    pub kind: Kind,
}

/// The shapes of what is collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One direction of an RTSP connection, RTP and RTCP interleaved (RFC 2326 §10.12).
    Rtsp(Vec<u8>),
    /// RTP or RTCP packets, as they came.
    Packets(Vec<Vec<u8>>),
    /// Anything else.
    Bytes(Vec<u8>),
}

/// Bytes at the front of an RTP payload that fragments do not share with the whole: none, the
/// headers of H.264's and H.265's fragments, and those of JPEG's without and with restart markers.
const FRAGMENT_HEADERS: [usize; 5] = [0, 2, 3, 8, 12];

impl Capture {
    /// A capture called `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }

    /// Bytes collected.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.kind {
            Kind::Rtsp(bytes) | Kind::Bytes(bytes) => bytes.len(),
            Kind::Packets(packets) => packets.iter().map(Vec::len).sum(),
        }
    }

    /// Whether nothing was collected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything this can be read as: the bytes as they came, and for packets what their payloads
    /// are put together, so that a mark across two packets is one piece.
    #[must_use]
    pub fn streams(&self) -> Vec<(String, Vec<u8>)> {
        let whole = |bytes: &Vec<u8>| (self.name.clone(), bytes.clone());
        match &self.kind {
            Kind::Bytes(bytes) => vec![whole(bytes)],
            Kind::Packets(packets) => {
                let mut streams = vec![whole(&packets.concat())];
                streams.extend(self.payloads("", packets));
                streams
            }
            Kind::Rtsp(bytes) => {
                let (text, channels) = deinterleave(bytes);
                let mut streams = vec![whole(bytes), (format!("{}, messages", self.name), text)];
                for (channel, packets) in channels {
                    streams.extend(self.payloads(&format!("channel {channel}, "), &packets));
                }
                streams
            }
        }
    }

    fn payloads(&self, channel: &str, packets: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
        let payloads: Vec<&[u8]> = packets.iter().filter_map(|packet| payload(packet)).collect();
        if payloads.is_empty() {
            return Vec::new();
        }
        FRAGMENT_HEADERS
            .iter()
            .map(|header| {
                let name = format!("{}, {channel}payloads less {header} bytes each", self.name);
                let parts = payloads.iter().filter_map(|payload| payload.get(*header..));
                (name, parts.flatten().copied().collect())
            })
            .collect()
    }
}

/// Packets, each with the channel they came on.
pub type Channels = Vec<(u8, Vec<Vec<u8>>)>;

/// What lies between the packets of an interleaved connection, and its packets.
#[must_use]
pub fn deinterleave(mut bytes: &[u8]) -> (Vec<u8>, Channels) {
    let mut text = Vec::new();
    let mut channels = Channels::new();
    loop {
        match bytes {
            [] => return (text, channels),
            [b'$', channel, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
                let (packet, following) = rest.split_at(length);
                match channels.iter_mut().find(|(number, _)| number == channel) {
                    Some((_, packets)) => packets.push(packet.to_vec()),
                    None => channels.push((*channel, vec![packet.to_vec()])),
                }
                bytes = following;
            }
            _ => {
                let length = message_length(bytes).unwrap_or(1).min(bytes.len());
                let (message, following) = bytes.split_at(length);
                text.extend_from_slice(message);
                bytes = following;
            }
        }
    }
}

/// The length of the RTSP or HTTP message at the front of `bytes`, its body included; `None` where
/// the head is not complete. A body that is cut short counts as long as it says.
#[must_use]
pub fn message_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let body = header(&bytes[..head], "content-length").and_then(|value| value.parse().ok());
    Some(head.saturating_add(body.unwrap_or(0)))
}

/// The value of a header in the head of a message, whatever the case of its name.
#[must_use]
pub fn header(head: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let value = fields.find(|(field, _)| field.trim().eq_ignore_ascii_case(name))?.1;
    Some(value.trim().to_owned())
}

/// The payload of an RTP packet (RFC 3550 §5.1); `None` for RTCP and for what is neither.
#[must_use]
pub fn payload(packet: &[u8]) -> Option<&[u8]> {
    let [flags, kind, ..] = packet else { return None };
    // RTCP's types (RFC 5761 §4).
    if flags >> 6 != 2 || (192..=223).contains(kind) {
        return None;
    }
    let sources = usize::from(flags & 0x0F);
    let mut start = 12 + 4 * sources;
    if flags & 0x10 != 0 {
        let words = packet.get(start + 2..start + 4)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    let padding = if flags & 0x20 != 0 { usize::from(*packet.last()?) } else { 0 };
    packet.get(start..packet.len().checked_sub(padding)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_an_interleaved_connection_apart() {
        let mut bytes = b"RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n$$$".to_vec();
        bytes.extend(b"$\x02\0\x03abc$\x03\0\x02zz$\x02\0\x01dRTSP/1.0 200 OK\r\n\r\n$\x02\0\x09e");
        let (text, channels) = deinterleave(&bytes);
        assert_eq!(text, b"RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n$$$RTSP/1.0 200 OK\r\n\r\n");
        let expected = vec![
            (2, vec![b"abc".to_vec(), b"d".to_vec(), b"e".to_vec()]),
            (3, vec![b"zz".to_vec()]),
        ];
        assert_eq!(channels, expected);
    }

    #[test]
    fn finds_the_payload_behind_sources_and_extension_and_before_padding() {
        let mut packet = vec![0x80 | 0x20 | 0x10 | 1, 96];
        packet.extend([0; 10]);
        packet.extend([1, 1, 1, 1, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9]);
        packet.extend(b"payload");
        packet.extend([0, 0, 3]);
        assert_eq!(payload(&packet), Some(&b"payload"[..]));
        assert_eq!(payload(&[0x80, 200, 0, 6]), None);
        for length in 0..packet.len() {
            let _ = payload(&packet[..length]);
        }
    }

    #[test]
    fn payloads_are_put_together_without_their_headers() {
        let packet = |payload: &[u8]| [&[0x80, 96][..], &[0; 10], payload].concat();
        let packets = vec![packet(b"xyHAL"), packet(b"xyVES")];
        let streams = Capture::new("c", Kind::Packets(packets)).streams();
        assert!(streams.iter().any(|(_, stream)| stream == b"HALVES"));
    }
}
