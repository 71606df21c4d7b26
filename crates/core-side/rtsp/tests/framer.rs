//! Whatever is sent, in whatever pieces, becomes the same bounded frames.

use cofferdam_rtsp::{Frame, FrameError, Framer, MAX_BODY, MAX_HEAD, Malformed};
use proptest::prelude::*;
use rtsp_types::{Method, StatusCode};

fn frames(bytes: &[u8], step: usize) -> Result<Vec<Frame>, FrameError> {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    for piece in bytes.chunks(step) {
        framer.push(piece);
        while let Some(frame) = framer.next_frame()? {
            found.push(frame);
        }
    }
    Ok(found)
}

/// The only frame of `bytes`, if it is a malformed request.
fn malformed(bytes: &[u8]) -> Option<Malformed> {
    match frames(bytes, 1000).ok()?.as_slice() {
        [Frame::Malformed(malformed)] => Some(*malformed),
        _ => None,
    }
}

#[test]
fn requests_and_interleaved_frames_survive_any_cut() {
    let stream = b"\r\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n\
        $\x01\x00\x03abc\
        SET_PARAMETER rtsp://h/lobby/main RTSP/1.0\r\ncseq:2\r\nContent-Length: 5\r\n\r\n$\r\n\r\n\
        \r\n\r\n$\x00\x00\x00\
        RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n\
        PLAY rtsp://h/ RTSP/1.0\r\nCSeq: 3\r\nUser-Agent: a\r\nUser-Agent: b\r\n\r\n";
    for step in 1..stream.len() {
        let found = frames(stream, step).unwrap();
        let [
            Frame::Request(options),
            Frame::Interleaved { channel: 1, payload },
            Frame::Request(set),
            Frame::Interleaved { channel: 0, payload: empty },
            Frame::Request(play),
        ] = found.as_slice()
        else {
            panic!("in pieces of {step}: {found:?}");
        };
        assert_eq!(options.method(), Method::Options);
        assert_eq!(&payload[..], b"abc");
        assert_eq!((set.method(), &set.body()[..]), (&Method::SetParameter, &b"$\r\n\r\n"[..]));
        assert!(empty.is_empty());
        assert_eq!(play.method(), Method::Play);
    }
}

#[test]
fn a_line_feed_alone_ends_a_line() {
    let stream = b"\nOPTIONS * RTSP/1.0\nCSeq: 1\n\n\
        SET_PARAMETER rtsp://h/ RTSP/1.0\r\nCSeq: 2\nContent-Length: 3\n\r\na\nb\
        garbage\nCSeq: 3\n\n";
    for step in 1..stream.len() {
        let found = frames(stream, step).unwrap();
        let [Frame::Request(options), Frame::Request(set), Frame::Malformed(malformed)] =
            found.as_slice()
        else {
            panic!("in pieces of {step}: {found:?}");
        };
        assert_eq!(options.method(), Method::Options);
        assert_eq!((set.method(), &set.body()[..]), (&Method::SetParameter, &b"a\nb"[..]));
        assert_eq!(malformed.cseq, Some(3));
    }
}

#[test]
fn what_is_framed_but_no_request_is_told_apart_and_skipped() {
    let bad = StatusCode::BadRequest;
    let cases: [(&[u8], Option<u32>, StatusCode); 8] = [
        (b"PLAY /relative RTSP/1.0\r\nCSeq: 4\r\n\r\n", Some(4), bad),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None, bad),
        (
            b"PLAY rtsp://h RTSP/3.0\r\nCSeq: 5\r\n\r\n",
            Some(5),
            StatusCode::RTSPVersionNotSupported,
        ),
        (b"PLAY rtsp://h RTSP/1.0 \r\nCSeq: 6\r\n\r\n", Some(6), bad),
        (b"PLAY rtsp://h/\xe9 RTSP/1.0\r\nCSeq: 7\r\n\r\n", Some(7), bad),
        (b"x\r\n\r\n", None, bad),
        (b"PLAY rtsp://h RTSP/1.0\r\nCSeq: -1\r\nno colon\r\n\r\n", None, bad),
        (b"PLAY rtsp://h RTSP/1.0\r\nCSeq: 99999999999\r\nno colon\r\n\r\n", None, bad),
    ];
    for (bytes, cseq, status) in cases {
        assert_eq!(malformed(bytes), Some(Malformed { cseq, status }), "{}", bytes.escape_ascii());
        let two = [bytes, b"OPTIONS * RTSP/1.0\r\n\r\n"].concat();
        assert!(matches!(frames(&two, 7).unwrap().as_slice(), [_, Frame::Request(_)]));
    }
}

#[test]
fn what_cannot_be_framed_ends_the_connection() {
    let length = |value: &str| {
        format!("PLAY rtsp://h RTSP/1.0\r\nContent-Length: {value}\r\n\r\n").into_bytes()
    };
    let long_head = |bytes: usize| {
        let mut head = b"PLAY rtsp://h RTSP/1.0\r\nX: ".to_vec();
        head.resize(bytes - 4, b'x');
        head.extend_from_slice(b"\r\n\r\n");
        head
    };
    let cases = [
        (b"\x16\x03\x01\x02\x00".to_vec(), Some(FrameError::NotRtsp)),
        (b" OPTIONS".to_vec(), Some(FrameError::NotRtsp)),
        (vec![b'a'; MAX_HEAD + 1], Some(FrameError::HeadTooLong)),
        (long_head(MAX_HEAD), None),
        (long_head(MAX_HEAD + 1), Some(FrameError::HeadTooLong)),
        (length(&MAX_BODY.to_string()), None),
        (length(&(MAX_BODY + 1).to_string()), Some(FrameError::BodyTooLong)),
        (length("4294967295"), Some(FrameError::BodyTooLong)),
        (length("99999999999999999999"), Some(FrameError::ContentLength)),
        (length("+1"), Some(FrameError::ContentLength)),
        (length(""), Some(FrameError::ContentLength)),
        (length("0\r\ncontent-length: 0"), Some(FrameError::ContentLength)),
    ];
    for (bytes, expected) in cases {
        for step in [5, bytes.len()] {
            let text = &bytes[..bytes.len().min(60)];
            assert_eq!(frames(&bytes, step).err(), expected, "{}", text.escape_ascii());
        }
    }
}

#[test]
fn says_whether_a_frame_has_begun() {
    let mut framer = Framer::new();
    for (bytes, mid_frame) in
        [(&b"\r\n"[..], false), (b"OPT", true), (b"IONS * RTSP/1.0\r\n", true), (b"\r\n", false)]
    {
        framer.push(bytes);
        while framer.next_frame().unwrap().is_some() {}
        assert_eq!(framer.is_mid_frame(), mid_frame);
    }
}

/// Bytes that get further than noise would.
fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"OPTIONS rtsp://h/lobby/main RTSP/1.0\r\n".to_vec()),
        Just(b"\r\n\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"CSeq: 1".to_vec()),
        Just(b"Content-Length: 3".to_vec()),
        Just(b"Transport: RTP/AVP/TCP;mode=\"".to_vec()),
        Just(b"$\x00\x00\x04".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_frames_in_any_pieces(bytes in likely_bytes(), step in 1usize..50) {
        let whole = frames(&bytes, bytes.len().max(1));
        prop_assert_eq!(frames(&bytes, step), whole);
    }
}
