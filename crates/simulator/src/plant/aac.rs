//! Places in an audio track: AAC-hbr (RFC 3640) of silent AAC-LC (ISO/IEC 14496-3, 4.4.2).
//!
//! The gateway sets no audio up; a camera that sends it all the same is one more place to write.

use super::Plant;
use super::bits::Bits;
use super::place::{Form, Place};

const fn place(name: &'static str, form: Form) -> Place {
    Place { name, layer: "AAC", form }
}

pub(super) const PLACES: &[Place] = &[
    place("aac/fill-element", Form::Bytes),
    place("aac/data-stream-element", Form::Bytes),
    place("aac/configuration", Form::Bytes),
];

/// The control URL of the audio.
pub(crate) const AUDIO_TRACK: &str = "trackID=1";
/// Its payload type.
pub(super) const PAYLOAD_TYPE: u8 = 98;
/// Its clock, in hertz.
pub(super) const CLOCK: u32 = 16_000;

/// `AudioSpecificConfig` (1.6.2.1): AAC-LC, 16 kHz, mono; and bytes behind it.
pub(super) fn configuration(plant: &Plant) -> String {
    let bytes = [&[0x14, 0x08], plant.bytes("aac/configuration")].concat();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The payload of one packet: one access unit behind its header.
pub(super) fn payload(plant: &Plant) -> Vec<u8> {
    let unit = access_unit(plant);
    // §3.3.6: 13 bits of size, 3 of index.
    let header = u16::try_from(unit.len() << 3).unwrap_or(0).to_be_bytes();
    [&[0, 16], &header[..], &unit].concat()
}

/// `raw_data_block()` (4.4.2.1): a channel without a single band, data, fill, and the end.
fn access_unit(plant: &Plant) -> Vec<u8> {
    let mut bits = Bits::default();
    // Single channel element, tag 0, gain 0.
    bits.put(3 + 4 + 8, 0);
    // One long window, no bands; no prediction, pulses, noise shaping or gain control.
    bits.put(1 + 2 + 1 + 6 + 1 + 3, 0);
    let data = plant.bytes("aac/data-stream-element");
    // Data stream element, tag 0, byte-aligned.
    bits.put(3, 4);
    bits.put(4, 0);
    bits.put(1, 1);
    bits.put(8, data.len() as u64);
    bits.align();
    bits.bytes(data);
    // Fill element: a count of 15 is continued by a byte, which counts from 14 on.
    let fill = plant.bytes("aac/fill-element");
    bits.put(3, 6);
    bits.put(4, 15);
    bits.put(8, (fill.len() + 1 - 14) as u64);
    // Of type EXT_FILL: a half byte of nothing before whole ones of anything.
    bits.put(8, 0);
    bits.bytes(fill);
    bits.put(3, 7);
    bits.align();
    bits.to_bytes()
}
