//! Places in RTCP (RFC 3550 §6).

use crate::packetize::RtpStream;

use super::Plant;
use super::place::{Form, Place};
use super::rtp::frame;

const fn place(name: &'static str, form: Form) -> Place {
    Place { name, layer: "RTCP", form }
}

pub(super) const PLACES: &[Place] = &[
    place("rtcp/sender-clock", Form::Word),
    place("rtcp/sender-counts", Form::Word),
    place("rtcp/sender-extension", Form::Bytes),
    place("rtcp/sdes-cname", Form::Text),
    place("rtcp/sdes-name", Form::Text),
    place("rtcp/sdes-email", Form::Text),
    place("rtcp/sdes-phone", Form::Text),
    place("rtcp/sdes-location", Form::Text),
    place("rtcp/sdes-tool", Form::Text),
    place("rtcp/sdes-note", Form::Text),
    place("rtcp/sdes-private-prefix", Form::Text),
    place("rtcp/sdes-private", Form::Bytes),
    place("rtcp/application", Form::Bytes),
    place("rtcp/extended-report", Form::Bytes),
    place("rtcp/unknown-type", Form::Bytes),
    place("rtcp/bye-reason", Form::Text),
];

/// Items of a source description by number (§6.5).
const ITEMS: &[(u8, &str)] = &[
    (1, "rtcp/sdes-cname"),
    (2, "rtcp/sdes-name"),
    (3, "rtcp/sdes-email"),
    (4, "rtcp/sdes-phone"),
    (5, "rtcp/sdes-location"),
    (6, "rtcp/sdes-tool"),
    (7, "rtcp/sdes-note"),
];

/// What a report ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// Nothing: the stream goes on.
    Regular,
    /// A goodbye.
    Goodbye,
}

impl Plant {
    /// Appends a compound packet with every kind of report, framed for the channel after the
    /// stream's.
    pub(crate) fn report(
        &self,
        stream: &RtpStream,
        timestamp: u32,
        end: Report,
        out: &mut Vec<u8>,
    ) {
        let ssrc = stream.ssrc.to_be_bytes();
        let mut compound = Vec::new();
        // §6.4.1: what follows the last report block is the profile's.
        let sender = [
            self.bytes("rtcp/sender-clock"),
            &timestamp.to_be_bytes(),
            self.bytes("rtcp/sender-counts"),
            self.bytes("rtcp/sender-extension"),
        ];
        packet(&mut compound, 0, 200, &[&ssrc, &sender.concat()]);

        let mut chunk = ssrc.to_vec();
        let mut item = |kind: u8, text: &[u8]| {
            // Items are far shorter than 255 bytes.
            chunk.extend([kind, u8::try_from(text.len()).unwrap_or(0)]);
            chunk.extend(text);
        };
        ITEMS.iter().for_each(|(kind, place)| item(*kind, self.bytes(place)));
        let prefix = self.bytes("rtcp/sdes-private-prefix");
        let length = u8::try_from(prefix.len()).unwrap_or(0);
        item(8, &[&[length], prefix, self.bytes("rtcp/sdes-private")].concat());
        // Ended by at least one zero.
        chunk.push(0);
        packet(&mut compound, 1, 202, &[&chunk]);

        packet(&mut compound, 0, 204, &[&ssrc, b"MARK", self.bytes("rtcp/application")]);
        // A block of a type that nobody has defined (RFC 3611 §3), and a packet of such a type.
        let block = self.bytes("rtcp/extended-report");
        let words = u16::try_from(block.len() / 4).unwrap_or(0).to_be_bytes();
        packet(&mut compound, 0, 207, &[&ssrc, &[200, 0], &words, block]);
        packet(&mut compound, 0, 211, &[&ssrc, self.bytes("rtcp/unknown-type")]);
        if end == Report::Goodbye {
            let reason = self.bytes("rtcp/bye-reason");
            let length = u8::try_from(reason.len()).unwrap_or(0);
            packet(&mut compound, 1, 203, &[&ssrc, &[length], reason]);
        }
        frame(stream.channel.wrapping_add(1), &compound, out);
    }
}

/// Appends one packet; zeros fill its last word.
fn packet(compound: &mut Vec<u8>, count: u8, kind: u8, parts: &[&[u8]]) {
    let mut body = parts.concat();
    while !body.len().is_multiple_of(4) {
        body.push(0);
    }
    compound.extend([0x80 | count, kind]);
    compound.extend(u16::try_from(body.len() / 4).unwrap_or(0).to_be_bytes());
    compound.extend(body);
}
