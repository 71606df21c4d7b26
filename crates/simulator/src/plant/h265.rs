//! Places in an H.265 stream (ITU-T H.265, 7.3 and annexes D and E).

use crate::packetize::annexb::nal_units;

use super::Plant;
use super::bits::{Bits, escape, unescape};
use super::place::{Form, Place};
use super::sei;
use super::timing::{Vui, replace};

const fn place(name: &'static str, form: Form) -> Place {
    Place { name, layer: "H.265", form }
}

pub(super) const PLACES: &[Place] = &[
    place("h265/vui-timing", Form::Timing),
    place("h265/vui-hrd", Form::Hrd),
    place("h265/vps-extension", Form::Bytes),
    place("h265/sps-extension", Form::Bytes),
    place("h265/pps-extension", Form::Bytes),
    place("h265/vps-trailing", Form::Bytes),
    place("h265/sps-trailing", Form::Bytes),
    place("h265/pps-trailing", Form::Bytes),
    place("h265/delimiter-trailing", Form::Bytes),
    place("h265/sei-captions", Form::Bytes),
    place("h265/sei-registered", Form::Bytes),
    place("h265/sei-uuid", Form::Bytes),
    place("h265/sei-unregistered", Form::Bytes),
    place("h265/sei-mastering-display", Form::Bytes),
    place("h265/sei-unknown", Form::Bytes),
    place("h265/sei-filler", Form::Bytes),
    place("h265/sei-suffix", Form::Bytes),
    place("h265/slice-trailing", Form::Bytes),
    place("h265/nal-10", Form::Bytes),
    place("h265/nal-11", Form::Bytes),
    place("h265/nal-15", Form::Bytes),
    place("h265/nal-22", Form::Bytes),
    place("h265/nal-23", Form::Bytes),
    place("h265/nal-24", Form::Bytes),
    place("h265/nal-31", Form::Bytes),
    place("h265/nal-38-filler", Form::Bytes),
    place("h265/nal-41", Form::Bytes),
    place("h265/nal-42", Form::Bytes),
    place("h265/nal-43", Form::Bytes),
    place("h265/nal-44", Form::Bytes),
    place("h265/nal-45", Form::Bytes),
    place("h265/nal-46", Form::Bytes),
    place("h265/nal-47", Form::Bytes),
    place("h265/nal-48", Form::Bytes),
    place("h265/nal-49", Form::Bytes),
    place("h265/nal-50", Form::Bytes),
    place("h265/nal-51", Form::Bytes),
    place("h265/nal-52", Form::Bytes),
    place("h265/nal-53", Form::Bytes),
    place("h265/nal-54", Form::Bytes),
    place("h265/nal-55", Form::Bytes),
    place("h265/nal-56", Form::Bytes),
    place("h265/nal-57", Form::Bytes),
    place("h265/nal-58", Form::Bytes),
    place("h265/nal-59", Form::Bytes),
    place("h265/nal-60", Form::Bytes),
    place("h265/nal-61", Form::Bytes),
    place("h265/nal-62", Form::Bytes),
    place("h265/nal-63", Form::Bytes),
    place("h265/nal-1-layer-1", Form::Bytes),
];

/// Types that may come before a picture's slices (7.4.2.4.4).
const BEFORE: &[(u8, &str)] = &[
    (41, "h265/nal-41"),
    (42, "h265/nal-42"),
    (43, "h265/nal-43"),
    (44, "h265/nal-44"),
    (48, "h265/nal-48"),
    (49, "h265/nal-49"),
    (50, "h265/nal-50"),
    (51, "h265/nal-51"),
    (52, "h265/nal-52"),
    (53, "h265/nal-53"),
    (54, "h265/nal-54"),
    (55, "h265/nal-55"),
];

/// Types that may come after them.
const AFTER: &[(u8, &str)] = &[
    (38, "h265/nal-38-filler"),
    (45, "h265/nal-45"),
    (46, "h265/nal-46"),
    (47, "h265/nal-47"),
    (56, "h265/nal-56"),
    (57, "h265/nal-57"),
    (58, "h265/nal-58"),
    (59, "h265/nal-59"),
    (60, "h265/nal-60"),
    (61, "h265/nal-61"),
    (62, "h265/nal-62"),
    (63, "h265/nal-63"),
];

/// Slices of reserved types. Not with a key frame: a receiver could take it for none.
const RESERVED_SLICES: &[(u8, &str)] = &[
    (10, "h265/nal-10"),
    (11, "h265/nal-11"),
    (15, "h265/nal-15"),
    (22, "h265/nal-22"),
    (23, "h265/nal-23"),
    (24, "h265/nal-24"),
    (31, "h265/nal-31"),
];

const START: [u8; 4] = [0, 0, 0, 1];
/// `cabac_zero_word`s (7.3.2.10) with their emulation prevention.
const ZERO_WORDS: [u8; 6] = [0, 0, 3, 0, 0, 3];
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

const fn kind(nal: &[u8]) -> u8 {
    match nal {
        [header, ..] => *header >> 1 & 0x3F,
        [] => 0,
    }
}

/// A VPS, SPS or PPS with what a camera can add to it and still be understood by everyone.
pub(super) fn parameter_set(plant: &Plant, nal: &[u8]) -> Vec<u8> {
    let [first, second, payload @ ..] = nal else { return nal.to_vec() };
    let rbsp = unescape(payload);
    let (rbsp, mark) = match kind(nal) {
        VPS => {
            let mut vps = Bits::of(&rbsp).without_trailing();
            // vps_extension_flag is the last bit, and data may follow.
            vps.set_last();
            vps.bytes(plant.bytes("h265/vps-extension"));
            vps.trailing();
            (vps.to_bytes(), plant.bytes("h265/vps-trailing"))
        }
        SPS => {
            let hrd = plant.marks.get("h265/vui-hrd").and_then(|drawn| drawn.forms.get(1));
            let hrd = hrd.map_or(&[][..], Vec::as_slice);
            let timing = plant.bytes("h265/vui-timing");
            let sps = Bits::of(&rbsp).without_trailing();
            let mut sps = replace(Vui::H265, &sps, plant.rate, timing, hrd);
            sps.trailing();
            (sps.to_bytes(), plant.bytes("h265/sps-trailing"))
        }
        PPS => (rbsp, plant.bytes("h265/pps-trailing")),
        _ => return nal.to_vec(),
    };
    [&[*first, *second], escape(&rbsp).as_slice(), mark].concat()
}

/// A set with extension data (7.3.2.2.1, 7.3.2.3.1), which decoders should pass over and the gateway's
/// depacketizer refuses. So it comes in an access unit of its own, which may be lost.
fn extended(plant: &Plant, nal: &[u8]) -> Option<Vec<u8>> {
    let place = match kind(nal) {
        SPS => "h265/sps-extension",
        PPS => "h265/pps-extension",
        _ => return None,
    };
    let [first, second, payload @ ..] = nal else { return None };
    let mut set = Bits::of(&unescape(payload)).without_trailing();
    // The last bit says that extensions follow; none of the known ones, and data of the others.
    set.set_last();
    set.put(8, 0x0F);
    set.bytes(plant.bytes(place));
    set.trailing();
    Some([&[*first, *second], escape(&set.to_bytes()).as_slice()].concat())
}

/// An access unit with everything a camera can add to one, and before a key frame one that makes no
/// picture.
pub(super) fn access_units(plant: &Plant, unit: &[u8], key: bool) -> Vec<Vec<u8>> {
    let sets: Vec<Vec<u8>> = nal_units(unit).filter_map(|nal| extended(plant, nal)).collect();
    let planted = access_unit(plant, unit, key);
    if sets.is_empty() {
        return vec![planted];
    }
    // Ended by a unit that may end one.
    let mut refused = Vec::new();
    for nal in sets.iter().chain([&odd(plant, 63, "h265/nal-63")]) {
        refused.extend_from_slice(&START);
        refused.extend_from_slice(nal);
    }
    vec![refused, planted]
}

fn access_unit(plant: &Plant, unit: &[u8], key: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len() + 4096);
    let mut push = |nal: &[u8]| {
        out.extend_from_slice(&START);
        out.extend_from_slice(nal);
    };
    push(&[&[35 << 1, 1, 0x50], plant.bytes("h265/delimiter-trailing")].concat());
    let mut before_slices = true;
    for nal in nal_units(unit) {
        let is_slice = kind(nal) < VPS;
        if is_slice && before_slices {
            before_slices = false;
            let messages = sei::rbsp(&sei::messages(plant, "h265"));
            push(&[&[39 << 1, 1][..], &escape(&messages)].concat());
            BEFORE.iter().for_each(|(kind, place)| push(&odd(plant, *kind, place)));
        }
        match kind(nal) {
            VPS | SPS | PPS => push(&parameter_set(plant, nal)),
            _ if is_slice => {
                push(&[nal, &ZERO_WORDS, plant.bytes("h265/slice-trailing")].concat());
            }
            _ => push(nal),
        }
    }
    if !key {
        RESERVED_SLICES.iter().for_each(|(kind, place)| push(&odd(plant, *kind, place)));
        // A slice of a layer that is not decoded: the lowest bit of the layer is in the second byte.
        push(&[&[1 << 1, 1 << 3 | 1], plant.bytes("h265/nal-1-layer-1"), &[0x80]].concat());
    }
    let suffix = sei::rbsp(&[sei::unknown(plant.bytes("h265/sei-suffix"))]);
    push(&[&[40 << 1, 1][..], &escape(&suffix)].concat());
    AFTER.iter().for_each(|(kind, place)| push(&odd(plant, *kind, place)));
    out
}

/// A NAL unit of a type that decoders pass over.
fn odd(plant: &Plant, kind: u8, place: &str) -> Vec<u8> {
    [&[kind << 1, 1], plant.bytes(place), &[0x80]].concat()
}
