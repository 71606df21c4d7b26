//! Compound packets of a sender (RFC 3550 §6.1): a report and its canonical name, always both.

use bytes::{BufMut, Bytes, BytesMut};

use super::{GOODBYE, SENDER_REPORT, SOURCE_DESCRIPTION, VERSION};
use crate::{NtpTimestamp, RtpTimestamp, Ssrc};

const CNAME_ITEM: u8 = 1;

/// The canonical name of a sender (RFC 3550 §6.5.1): 1 to 255 bytes of printable ASCII.
///
/// Best drawn at random for each session (RFC 7022 §4.2), so that it tells nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cname(String);

/// Why a text is no [`Cname`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("canonical name: expected 1 to 255 printable ASCII characters")]
pub struct CnameError;

impl Cname {
    /// The name `text`.
    ///
    /// # Errors
    /// When it is empty, too long, or not printable ASCII.
    pub fn new(text: impl Into<String>) -> Result<Self, CnameError> {
        let text = text.into();
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.len() > 255 || !printable {
            return Err(CnameError);
        }
        Ok(Self(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sender's account of its stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// The stream's source.
    pub ssrc: Ssrc,
    /// Wall-clock time of the report.
    pub ntp: NtpTimestamp,
    /// The same instant by the stream's RTP clock.
    pub rtp: RtpTimestamp,
    /// Packets sent so far, modulo 2³².
    pub packets: u32,
    /// Bytes of payload sent so far, modulo 2³².
    pub octets: u32,
}

impl SenderReport {
    /// The report with its source description, as one compound packet.
    #[must_use]
    pub fn compound(&self, cname: &Cname) -> Bytes {
        self.build(cname).freeze()
    }

    /// The last compound packet of a stream: the report, its source description and a goodbye
    /// (RFC 3550 §6.6).
    #[must_use]
    pub fn goodbye(&self, cname: &Cname) -> Bytes {
        let mut packet = self.build(cname);
        header(&mut packet, GOODBYE, 4);
        packet.put_u32(self.ssrc.get());
        packet.freeze()
    }

    fn build(&self, cname: &Cname) -> BytesMut {
        let mut packet = BytesMut::with_capacity(64 + cname.0.len());
        // Without reception blocks: this sender receives nothing.
        put_head(&mut packet, 0, SENDER_REPORT, 24);
        packet.put_u32(self.ssrc.get());
        packet.put_u64(self.ntp.to_bits());
        packet.put_u32(self.rtp.get());
        packet.put_u32(self.packets);
        packet.put_u32(self.octets);

        // The list of items ends with at least one zero and is padded to a whole word.
        let items = 2 + cname.0.len();
        let padding = 4 - items % 4;
        header(&mut packet, SOURCE_DESCRIPTION, 4 + items + padding);
        packet.put_u32(self.ssrc.get());
        packet.put_u8(CNAME_ITEM);
        packet.put_u8(u8::try_from(cname.0.len()).unwrap_or(u8::MAX));
        packet.put_slice(cname.0.as_bytes());
        packet.put_bytes(0, padding);
        packet
    }
}

/// The head of a packet that is about one source, with `body` bytes to come.
fn header(packet: &mut BytesMut, kind: u8, body: usize) {
    put_head(packet, 1, kind, body);
}

fn put_head(packet: &mut BytesMut, count: u8, kind: u8, body: usize) {
    packet.put_u8(VERSION << 6 | count);
    packet.put_u8(kind);
    packet.put_u16(u16::try_from(body / 4).unwrap_or(u16::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::parse;

    fn report() -> SenderReport {
        SenderReport {
            ssrc: Ssrc::new(0x0102_0304),
            ntp: NtpTimestamp::from_bits(0x1122_3344_5566_7788),
            rtp: RtpTimestamp::new(0xa1a2_a3a4),
            packets: 7,
            octets: 9000,
        }
    }

    #[test]
    fn a_report_is_laid_out_as_the_rfc_says() {
        let packet = report().compound(&Cname::new("ab").unwrap());
        let expected: &[u8] = &[
            0x80, 200, 0, 6, 1, 2, 3, 4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, //
            0xa1, 0xa2, 0xa3, 0xa4, 0, 0, 0, 7, 0, 0, 0x23, 0x28, //
            0x81, 202, 0, 3, 1, 2, 3, 4, 1, 2, b'a', b'b', 0, 0, 0, 0,
        ];
        assert_eq!(packet, expected);
    }

    #[test]
    fn a_goodbye_follows_a_whole_report() {
        let cname = Cname::new("abc").unwrap();
        let packet = report().goodbye(&cname);
        let (before, bye) = packet.split_at(report().compound(&cname).len());
        assert_eq!(before, report().compound(&cname));
        assert_eq!(bye, [0x81, 203, 0, 1, 1, 2, 3, 4]);
        assert!(parse(&packet).unwrap().goodbye);
    }

    #[test]
    fn names_of_every_length_are_padded_to_whole_words() {
        for length in 1..=255 {
            let packet = report().compound(&Cname::new("x".repeat(length)).unwrap());
            assert_eq!(packet.len() % 4, 0);
            assert_eq!(packet.last(), Some(&0));
            assert!(parse(&packet).is_ok());
        }
    }

    #[test]
    fn names_are_short_and_printable() {
        for text in [String::new(), "x".repeat(256), "a\0".into(), "é".into(), "\n".into()] {
            assert_eq!(Cname::new(text), Err(CnameError));
        }
        assert_eq!(Cname::new("a b~").unwrap().as_str(), "a b~");
    }
}
