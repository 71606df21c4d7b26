//! Supplemental enhancement information (H.264 and H.265, annex D): the same messages in both.

use super::Plant;

/// A message's type and payload.
pub(super) struct Message {
    kind: u8,
    payload: Vec<u8>,
}

/// ITU-T T.35 country and provider codes of the ATSC: `user_identifier` and type of A/53 captions.
const CAPTIONS: [u8; 8] = [0xB5, 0x00, 0x31, b'G', b'A', b'9', b'4', 3];
/// Says that this pair is valid, of the first field.
const PAIR: u8 = 0xFC;
/// Types that no standard defines.
const UNKNOWN: u8 = 254;

/// The messages whose places begin with `prefix`, which is `h264` or `h265`.
pub(super) fn messages(plant: &Plant, prefix: &str) -> Vec<Message> {
    let mark = |what: &str| plant.bytes(&format!("{prefix}/{what}"));
    let message = |kind, parts: &[&[u8]]| Message { kind, payload: parts.concat() };
    let captions = mark("sei-captions");
    let triplets: Vec<u8> = captions
        .chunks(2)
        .flat_map(|pair| [PAIR, pair[0], pair.get(1).copied().unwrap_or(0)])
        .collect();
    // Flags (both kinds of data are to be processed) and the number of pairs; em_data; the pairs; marker bits.
    let count = u8::try_from(triplets.len() / 3).unwrap_or(0) & 0x1F;
    vec![
        message(4, &[&CAPTIONS, &[0xC0 | count, 0xFF], &triplets, &[0xFF]]),
        // Another country and provider.
        message(4, &[&[0x26, 0x00, 0x04], mark("sei-registered")]),
        message(5, &[mark("sei-uuid"), mark("sei-unregistered")]),
        // Primaries, white point and luminance of a mastering display.
        message(137, &[mark("sei-mastering-display"), &[0, 0, 0, 9, 0, 0, 0, 1]]),
        message(UNKNOWN, &[mark("sei-unknown")]),
        message(3, &[mark("sei-filler")]),
    ]
}

/// One message alone, of a type that no standard defines.
pub(super) fn unknown(payload: &[u8]) -> Message {
    Message { kind: UNKNOWN, payload: payload.to_vec() }
}

/// `sei_rbsp()` (7.3.2.3.1).
pub(super) fn rbsp(messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        // Payloads are all shorter than 255 bytes.
        let size = u8::try_from(message.payload.len()).unwrap_or(u8::MAX);
        out.extend([message.kind, size]);
        out.extend(&message.payload);
    }
    out.push(0x80);
    out
}
