//! Places in an RTP packet (RFC 3550 §5).

use super::place::{Form, Place};
use super::{Plant, aac};

const fn place(name: &'static str, form: Form) -> Place {
    Place { name, layer: "RTP", form }
}

pub(super) const PLACES: &[Place] = &[
    place("rtp/contributing-sources", Form::Bytes),
    place("rtp/extension", Form::Bytes),
    place("rtp/padding", Form::Bytes),
    place("rtp/unassigned-channel", Form::Bytes),
];

/// What every packet of a planted stream carries beside its payload.
#[derive(Clone, Debug)]
pub(crate) struct PacketMarks {
    /// Contributing sources, as many as fill four words.
    pub(crate) sources: Vec<u8>,
    /// The header extension with its own header (§5.3.1), whole words.
    pub(crate) extension: Vec<u8>,
    /// The padding with its count at the end.
    pub(crate) padding: Vec<u8>,
}

impl Plant {
    /// What every packet carries.
    pub(crate) fn packet_marks(&self) -> PacketMarks {
        let extension = self.bytes("rtp/extension");
        let words = u16::try_from(extension.len() / 4).unwrap_or(0).to_be_bytes();
        let padding = self.bytes("rtp/padding");
        let count = u8::try_from(padding.len() + 1).unwrap_or(1);
        PacketMarks {
            sources: self.bytes("rtp/contributing-sources").to_vec(),
            // A vendor's own extension: RFC 8285 has numbers that readers would look into.
            extension: [&[0xAB, 0xCD], &words[..], extension].concat(),
            padding: [padding, &[count]].concat(),
        }
    }

    /// Bytes for an interleaved channel that was never set up, framed.
    pub(crate) fn unassigned(&self, out: &mut Vec<u8>) {
        const CHANNEL: u8 = 77;
        frame(CHANNEL, self.bytes("rtp/unassigned-channel"), out);
    }

    /// A packet of audio, framed: `sequence` is its number, `nanos` its media time.
    pub(crate) fn audio(
        &self,
        channel: u8,
        ssrc: u32,
        sequence: u16,
        nanos: u128,
        out: &mut Vec<u8>,
    ) {
        let ticks = nanos * u128::from(aac::CLOCK) / 1_000_000_000;
        let timestamp = u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or_default();
        let mut packet = vec![0x80, 0x80 | aac::PAYLOAD_TYPE];
        packet.extend(sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(aac::payload(self));
        frame(channel, &packet, out);
    }
}

/// Frames a packet for a channel (RFC 2326 §10.12).
pub(super) fn frame(channel: u8, packet: &[u8], out: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(packet.len()) else { return };
    out.extend_from_slice(&[b'$', channel]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(packet);
}
