//! Places in an H.264 stream (ITU-T H.264, 7.3 and annexes D and E).

use crate::packetize::annexb::nal_units;

use super::Plant;
use super::bits::{Bits, escape, unescape};
use super::place::{Form, Place};
use super::sei;
use super::timing::{Vui, replace};

const fn place(name: &'static str, form: Form) -> Place {
    Place { name, layer: "H.264", form }
}

pub(super) const PLACES: &[Place] = &[
    place("h264/vui-timing", Form::Timing),
    place("h264/vui-hrd", Form::Hrd),
    place("h264/sps-trailing", Form::Bytes),
    place("h264/pps-trailing", Form::Bytes),
    place("h264/delimiter-trailing", Form::Bytes),
    place("h264/sei-captions", Form::Bytes),
    place("h264/sei-registered", Form::Bytes),
    place("h264/sei-uuid", Form::Bytes),
    place("h264/sei-unregistered", Form::Bytes),
    place("h264/sei-mastering-display", Form::Bytes),
    place("h264/sei-unknown", Form::Bytes),
    place("h264/sei-filler", Form::Bytes),
    place("h264/slice-trailing", Form::Bytes),
    place("h264/nal-0", Form::Bytes),
    place("h264/nal-12-filler", Form::Bytes),
    place("h264/nal-13-sps-extension", Form::Bytes),
    place("h264/nal-14-prefix", Form::Bytes),
    place("h264/nal-16", Form::Bytes),
    place("h264/nal-17", Form::Bytes),
    place("h264/nal-18", Form::Bytes),
    place("h264/nal-19-auxiliary", Form::Bytes),
    place("h264/nal-20-extension", Form::Bytes),
    place("h264/nal-21-depth", Form::Bytes),
    place("h264/nal-22", Form::Bytes),
    place("h264/nal-23", Form::Bytes),
    place("h264/nal-24", Form::Bytes),
    place("h264/nal-25", Form::Bytes),
    place("h264/nal-26", Form::Bytes),
    place("h264/nal-27", Form::Bytes),
    place("h264/nal-28", Form::Bytes),
    place("h264/nal-29", Form::Bytes),
    place("h264/nal-30", Form::Bytes),
    place("h264/nal-31", Form::Bytes),
];

/// Types that may come before a picture's slices (7.4.1.2.3).
const BEFORE: &[(u8, &str)] =
    &[(14, "h264/nal-14-prefix"), (16, "h264/nal-16"), (17, "h264/nal-17"), (18, "h264/nal-18")];

/// Types that may come after them.
const AFTER: &[(u8, &str)] = &[
    (12, "h264/nal-12-filler"),
    (19, "h264/nal-19-auxiliary"),
    (20, "h264/nal-20-extension"),
    (21, "h264/nal-21-depth"),
    (22, "h264/nal-22"),
    (23, "h264/nal-23"),
    (0, "h264/nal-0"),
    (24, "h264/nal-24"),
    (25, "h264/nal-25"),
    (26, "h264/nal-26"),
    (27, "h264/nal-27"),
    (28, "h264/nal-28"),
    (29, "h264/nal-29"),
    (30, "h264/nal-30"),
    (31, "h264/nal-31"),
];

const START: [u8; 4] = [0, 0, 0, 1];
/// `cabac_zero_word`s (7.3.2.10) with their emulation prevention.
const ZERO_WORDS: [u8; 6] = [0, 0, 3, 0, 0, 3];

/// An SPS or PPS with what a camera can add to it.
pub(super) fn parameter_set(plant: &Plant, nal: &[u8]) -> Vec<u8> {
    let Some((header, payload)) = nal.split_first() else { return Vec::new() };
    let (rbsp, mark) = match header & 0x1F {
        7 => {
            let sps = Bits::of(&unescape(payload));
            let hrd = plant.marks.get("h264/vui-hrd").and_then(|drawn| drawn.forms.get(1));
            let hrd = hrd.map_or(&[][..], Vec::as_slice);
            let timing = plant.bytes("h264/vui-timing");
            let mut sps = replace(Vui::H264, &sps.without_trailing(), plant.rate, timing, hrd);
            sps.trailing();
            (sps.to_bytes(), plant.bytes("h264/sps-trailing"))
        }
        8 => {
            // A reader would take what follows for the fields that High profiles have there
            // (7.3.2.2): so those come first, and say nothing.
            let mut pps = Bits::of(&unescape(payload)).without_trailing();
            pps.put(3, 0b001);
            pps.trailing();
            (pps.to_bytes(), plant.bytes("h264/pps-trailing"))
        }
        _ => return nal.to_vec(),
    };
    [&[*header], escape(&rbsp).as_slice(), mark].concat()
}

/// An access unit with everything a camera can add to one.
pub(super) fn access_unit(plant: &Plant, unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len() + 2048);
    let mut push = |nal: &[u8]| {
        out.extend_from_slice(&START);
        out.extend_from_slice(nal);
    };
    push(&[&[9, 0xF0], plant.bytes("h264/delimiter-trailing")].concat());
    let (mut sent_sps, mut before_slices) = (false, true);
    for nal in nal_units(unit) {
        let kind = nal[0] & 0x1F;
        if matches!(kind, 1 | 5) && before_slices {
            before_slices = false;
            push(&[&[6][..], &escape(&sei::rbsp(&sei::messages(plant, "h264")))].concat());
            BEFORE.iter().for_each(|(kind, place)| push(&odd(plant, *kind, place)));
        }
        match kind {
            7 | 8 => push(&parameter_set(plant, nal)),
            1 | 5 => push(&[nal, &ZERO_WORDS, plant.bytes("h264/slice-trailing")].concat()),
            _ => push(nal),
        }
        if kind == 7 && !sent_sps {
            sent_sps = true;
            push(&odd(plant, 13, "h264/nal-13-sps-extension"));
        }
    }
    AFTER.iter().for_each(|(kind, place)| push(&odd(plant, *kind, place)));
    out
}

/// A NAL unit of a type that decoders pass over.
fn odd(plant: &Plant, kind: u8, place: &str) -> Vec<u8> {
    // Types 14, 20 and 21 have a header of three bytes more (7.3.1).
    let extension: &[u8] = if matches!(kind, 14 | 20 | 21) { &[0x80, 0x10, 0x07] } else { &[] };
    [&[kind], extension, plant.bytes(place), &[0x80]].concat()
}
