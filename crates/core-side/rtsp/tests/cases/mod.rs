//! What readers send and what is to come of it: for the tests of the protocol, for those against the running
//! gateway, and for the fuzzer to begin with. lobby/main is a mount that can be played.
// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub)]

/// Bytes that make no sense; the status of the answer, 0 for none; whether more may follow; the reason.
pub const NONSENSE: &[(&[u8], u16, bool, &str)] = &[
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0, false, "not_rtsp"),
    (b" OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 0, false, "not_rtsp"),
    (
        b"DESCRIBE rtsp://gw/ RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 65537\r\n\r\n",
        413,
        false,
        "body_too_long",
    ),
    (
        b"DESCRIBE rtsp://gw/ RTSP/1.0\r\nCSeq: 1\r\nContent-Length: x\r\n\r\n",
        400,
        false,
        "content_length",
    ),
    (
        b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        400,
        false,
        "content_length",
    ),
    (b"DESCRIBE rtsp://gw/ RTSP/9.9\r\nCSeq: 1\r\n\r\n", 505, true, "version"),
    (b"DESCRIBE rtsp://gw/lobby/main RTSP/2.0\r\nCSeq: 1\r\n\r\n", 505, true, "version"),
    (b"DESCRIBE rtsp://gw/ RTSP/1.0\r\n\r\n", 400, true, "cseq"),
    (b"DESCRIBE rtsp://gw/ RTSP/1.0\r\nCSeq: +1\r\n\r\n", 400, true, "cseq"),
    (b"DESCRIBE relative RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400, true, "syntax"),
    (b"DESCRIBE /lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400, true, "syntax"),
    (b"DESCRIBE rtsp://gw/lobby/m\xe4in RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400, true, "syntax"),
    (b"DESCRIBE rtsp://gw/ RTSP/1.0\r\nCSeq: 1\r\nno colon\r\n\r\n", 400, true, "syntax"),
    (b"DESCRIBE\r\n\r\n", 400, true, "syntax"),
    (b"DESCRIBE * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400, true, "url"),
    (b"SETUP * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 400, true, "url"),
    (
        b"SETUP rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nTransport: x\r\n\r\n",
        461,
        true,
        "transport",
    ),
    (b"SETUP rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 461, true, "transport"),
    (b"$\x00\x00\x01xOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200, true, "channel"),
];

/// What clients send that is odd and does make sense; the status of the answer.
pub const ODD: &[(&[u8], u16)] = &[
    (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"OPTIONS rtsp://gw RTSP/1.0\nCSeq:1\n\n", 200),
    // GStreamer's rtspsrc.
    (b"OPTIONS rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: a\r\nUser-Agent: b\r\n\r\n", 200),
    // A name in Latin-1, as software of before UTF-8 writes it.
    (b"DESCRIBE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: K\xfcche\r\n\r\n", 200),
    (b"DESCRIBE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: K\xc3\xbcche\r\n\r\n", 200),
    (b"DESCRIBE rtsp://gw:8554/lobby/main/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"DESCRIBE rtsp://gw//lobby/main// RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"DESCRIBE rtsp://gw/lobby/main?transportmode=unicast RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"DESCRIBE rtsp://gw/lobby/main/?a=b&c=d/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"DESCRIBE rtsp://[::1]:8554/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"DESCRIBE rtsp://user:password@gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"DESCRIBE rtspt://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"DESCRIBE rtsp://gw/nowhere RTSP/1.0\r\nCSeq: 1\r\n\r\n", 404),
    (b"SETUP rtsp://gw/lobby/main/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;interleaved=3-8\r\n\r\n", 200),
    (b"SETUP rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n", 200),
    (b"SETUP rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=6001-6000\r\n\r\n", 200),
    (b"SETUP rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/SAVP;unicast;client_port=6000-6001\r\n\r\n", 461),
    (b"SETUP rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nSession: 12345678\r\nTransport: RTP/AVP/TCP\r\n\r\n", 454),
    (b"DESCRIBE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nRequire: www.onvif.org/ver20/backchannel\r\n\r\n", 551),
    (b"DESCRIBE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nProxy-Require: x\r\n\r\n", 551),
    (b"GET_PARAMETER rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 10\r\n\r\nposition\r\n", 200),
    (b"SET_PARAMETER rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 200),
    (b"PLAY rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 454),
    (b"PAUSE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 454),
    (b"TEARDOWN rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 454),
    (b"ANNOUNCE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 501),
    (b"RECORD rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 501),
    (b"REDIRECT rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 501),
    (b"FROBNICATE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 1\r\n\r\n", 501),
];
