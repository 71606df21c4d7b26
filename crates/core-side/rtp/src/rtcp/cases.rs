//! Compound packets and what is to come of each: for the tests of the parser, and for the fuzzer to begin with.

/// A receiver report as ffmpeg sends it, with its source description.
pub(crate) const RECEIVER_REPORT: [u8; 44] = [
    0x81, 201, 0, 7, 0, 0, 0, 1, // from source 1, one block
    0, 0, 0, 5, 64, 0xff, 0xff, 0xfe, 0, 1, 0, 9, 0, 0, 3, 0xe8, //
    0x7e, 0x81, 0x80, 0, 0, 0, 0x80, 0, //
    0x81, 202, 0, 2, 0, 0, 0, 1, 1, 1, b'x', 0,
];

/// How many reports there are and whether somebody leaves, or what is wrong: the beginning of the error's text
/// behind "RTCP: expected ".
pub(crate) type Expected = Result<(usize, bool), &'static str>;

/// What it is, the bytes, and what is to come of them.
pub(crate) const CASES: &[(&str, &[u8], Expected)] = &[
    ("a receiver report", &RECEIVER_REPORT, Ok((1, false))),
    ("without a source description", RECEIVER_REPORT.split_at(32).0, Ok((1, false))),
    ("a report of nothing", &[0x80, 201, 0, 1, 0, 0, 0, 1], Ok((0, false))),
    (
        "a sender report",
        &[0x80, 200, 0, 6, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        Ok((0, false)),
    ),
    ("goodbye", &[0x81, 203, 0, 1, 0, 0, 0, 1], Ok((0, true))),
    ("goodbye of nobody", &[0x80, 203, 0, 0], Ok((0, true))),
    (
        "an application packet",
        &[0x80, 204, 0, 2, 0, 0, 0, 1, b'a', b'b', b'c', b'd'],
        Ok((0, false)),
    ),
    ("a payload-specific feedback", &[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 5], Ok((0, false))),
    ("an unknown type", &[0x80, 255, 0, 0], Ok((0, false))),
    ("nothing", &[], Err("a whole packet header")),
    ("part of a header", &[0x80, 201, 0], Err("a whole packet header")),
    ("part of a second header", &[0x80, 203, 0, 0, 0x80], Err("a whole packet header")),
    ("version 1", &[0x41, 201, 0, 0], Err("version 2")),
    ("RTP in its place", &[0x80, 96, 0, 1, 0, 0, 0, 1], Ok((0, false))),
    ("a STUN request", &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], Err("version 2")),
    ("a length past the end", &[0x80, 201, 0, 2, 0, 0, 0, 1], Err("a length that fits")),
    ("the longest length", &[0x80, 201, 0xff, 0xff, 0, 0, 0, 1], Err("a length that fits")),
    ("a report without its source", &[0x80, 201, 0, 0], Err("a length that fits")),
    ("more blocks than there are", &[0x9f, 201, 0, 1, 0, 0, 0, 1], Err("a length that fits")),
    ("a sender report that is short", &[0x80, 200, 0, 1, 0, 0, 0, 1], Err("a length that fits")),
];
