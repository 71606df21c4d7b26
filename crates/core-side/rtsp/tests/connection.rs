//! Requests in, outputs out: one case table for each thing a reader may do.

mod support;

use std::time::Duration;

use cofferdam_rtsp::{
    Access, CloseReason, FirstPacket, FrameError, IDLE_TIMEOUT, LOGIN_DEADLINE, Malformed,
    MalformedReason, MethodName, Output, PLAY_DEADLINE, PortPair, SESSION_TIMEOUT, SessionEnd,
    State, Transport,
};
use rtsp_types::StatusCode;
use support::{Mounts, Reader, closed, status_of, text_of};

const MAIN: &str = "rtsp://gw:8554/lobby/main";
const TRACK: &str = "rtsp://gw:8554/lobby/main/trackID=0";
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const FIRST: FirstPacket = FirstPacket { sequence: 17, timestamp: 90_000 };

#[test]
fn options_lists_the_methods_to_anyone() {
    for access in [Access::Anonymous, closed()] {
        let mut reader = Reader::new(access);
        let answer = reader.answer("OPTIONS", "*", &[]);
        assert!(answer.starts_with("RTSP/1.0 200 OK\r\n"));
        assert!(answer.contains(
            "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN\r\n"
        ));
    }
}

#[test]
fn closed_means_one_challenge_for_all_else() {
    let mut reader = Reader::new(closed());
    let mut challenges = Vec::new();
    for method in ["DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN", "RECORD"] {
        let answer = reader.answer(method, MAIN, &[TCP]);
        assert!(answer.starts_with("RTSP/1.0 401 "), "{method}: {answer}");
        let challenge: Vec<_> =
            answer.lines().filter(|l| l.starts_with("WWW-Authenticate: ")).collect();
        assert_eq!(challenge.len(), 1);
        challenges.push(challenge[0].to_owned());
    }
    challenges.dedup();
    assert_eq!(
        challenges,
        ["WWW-Authenticate: Digest realm=\"Cofferdam\", \
          nonce=\"01010101010101010101010101010101\", algorithm=MD5"]
    );
    assert_eq!(reader.connection.state(), State::Init);
}

#[test]
fn describe_answers_with_the_session_description() {
    let cases = [
        (MAIN, "rtsp://gw:8554/lobby/main/"),
        ("rtsp://gw:8554/lobby/main/", "rtsp://gw:8554/lobby/main/"),
        ("rtsp://u:p@other/lobby/main?x=y", "rtsp://other/lobby/main/"),
        (TRACK, "rtsp://gw:8554/lobby/main/"),
    ];
    for (url, base) in cases {
        let mut reader = Reader::new(Access::Anonymous);
        // Twice on one connection, as some recorders do.
        for _ in 0..2 {
            let answer = reader.answer("DESCRIBE", url, &["Accept: application/sdp"]);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("RTSP/1.0 200 OK"), "{url}: {head}");
            assert!(head.contains(&format!("Content-Base: {base}\r\n")), "{url}: {head}");
            assert!(head.contains("Content-Type: application/sdp\r\n"));
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
            assert!(body.starts_with("v=0\r\n") && body.contains("a=control:trackID=0\r\n"));
        }
    }
}

#[test]
fn a_mount_that_cannot_be_played_is_told_apart() {
    let cases = [
        ("rtsp://gw/nowhere/main", "404 "),
        ("rtsp://gw/", "404 "),
        ("rtsp://gw/lobby/main/trackID=1", "404 "),
        ("rtsp://gw/early/main", "503 "),
        ("rtsp://gw/lost/main", "503 "),
    ];
    for (url, status) in cases {
        for method in ["DESCRIBE", "SETUP"] {
            let mut reader = Reader::new(Access::Anonymous);
            let answer = reader.answer(method, url, &[TCP]);
            assert!(answer.starts_with(&format!("RTSP/1.0 {status}")), "{url}: {answer}");
            assert_eq!(answer.contains("Retry-After: 2\r\n"), status == "503 ");
            assert_eq!(reader.connection.state(), State::Init);
        }
    }
}

#[test]
fn setup_names_transport_source_and_session() {
    let mut reader = Reader::new(Access::Anonymous);
    let answer = reader.answer("SETUP", TRACK, &[TCP]);
    assert!(answer.starts_with("RTSP/1.0 200 OK"));
    assert!(answer.contains(
        "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000BEEF;mode=\"PLAY\"\r\n"
    ));
    assert!(answer.contains("Session: 00000000000000070001;timeout=60\r\n"), "{answer}");

    let mut reader = Reader::new(Access::Anonymous);
    let udp = "Transport: RTP/AVP;unicast;client_port=6000-6001";
    let answer = reader.answer("SETUP", TRACK, &[udp]);
    assert!(answer.contains("client_port=6000-6001;server_port=50000-50001;ssrc=0000BEEF"));

    for refused in ["Transport: RTP/AVP;multicast", "Transport: ,;=", "X: y"] {
        let mut reader = Reader::new(Access::Anonymous);
        assert!(reader.answer("SETUP", TRACK, &[refused]).starts_with("RTSP/1.0 461 "));
        assert_eq!(reader.connection.state(), State::Init);
    }
}

#[test]
fn play_is_answered_with_the_first_packet() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.set_up(TRACK, TCP);
    let outputs = reader.send("PLAY", "rtsp://gw:8554/lobby/main/", &["Range: npt=0.000-"]);
    assert_eq!(
        outputs,
        [Output::StartPlaying {
            mount: "lobby/main".into(),
            transport: Transport::Interleaved { rtp: 0, rtcp: 1 }
        }]
    );
    let play_cseq = reader.cseq;
    assert_eq!(reader.connection.state(), State::Starting);
    let outputs = reader.connection.first_unit(reader.now, FIRST);
    let answer = text_of(&outputs);
    assert!(answer.starts_with("RTSP/1.0 200 OK"));
    assert!(answer.contains(&format!("CSeq: {play_cseq}\r\n")));
    assert!(answer.contains(&format!("RTP-Info: url={TRACK};seq=17;rtptime=90000\r\n")));
    assert!(answer.contains("Range: npt=now-\r\n"));
    assert_eq!(reader.connection.state(), State::Playing);
    // Known already: nothing more to say.
    assert_eq!(reader.connection.first_unit(reader.now, FIRST), []);
}

#[test]
fn play_does_not_wait_for_ever() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.set_up(TRACK, TCP);
    reader.send("PLAY", MAIN, &[]);
    assert_eq!(reader.connection.deadline(), reader.now + PLAY_DEADLINE);
    assert_eq!(reader.connection.handle_deadline(reader.now + PLAY_DEADLINE / 2, &Mounts), []);
    let answer = text_of(&reader.connection.handle_deadline(reader.now + PLAY_DEADLINE, &Mounts));
    assert!(answer.starts_with("RTSP/1.0 200 OK") && !answer.contains("RTP-Info"));
    assert_eq!(reader.connection.state(), State::Playing);
}

#[test]
fn a_request_behind_a_waiting_play_is_answered_after_it() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.set_up(TRACK, TCP);
    reader.send("PLAY", MAIN, &[]);
    let outputs = reader.send("PAUSE", MAIN, &[]);
    let [Output::Answer(play), Output::StopPlaying, Output::Answer(pause)] = outputs.as_slice()
    else {
        panic!("{outputs:?}");
    };
    assert_eq!((play.method, play.status), (MethodName::Play, 200));
    assert_eq!((pause.method, pause.status), (MethodName::Pause, 200));
    assert_eq!(reader.connection.state(), State::Ready);
}

#[test]
fn a_mount_that_ends_before_its_first_packet_refuses_play() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.set_up(TRACK, TCP);
    assert_eq!(reader.connection.refuse_play(), []);
    reader.send("PLAY", MAIN, &[]);
    assert_eq!(status_of(&reader.connection.refuse_play()), 503);
    assert_eq!(reader.connection.state(), State::Ready);
}

#[test]
fn a_session_plays_pauses_and_plays_again() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.play(TRACK, TCP);
    // A second PLAY keeps alive and starts nothing.
    let outputs = reader.send("PLAY", MAIN, &[]);
    assert_eq!((outputs.len(), status_of(&outputs)), (1, 200));
    let outputs = reader.send("PAUSE", MAIN, &[]);
    assert!(
        matches!(outputs.as_slice(), [Output::StopPlaying, Output::Answer(a)] if a.status == 200)
    );
    assert!(matches!(reader.send("PLAY", MAIN, &[]).as_slice(), [Output::StartPlaying { .. }]));
    reader.connection.first_unit(reader.now, FIRST);
    let outputs = reader.send("TEARDOWN", MAIN, &[]);
    assert!(matches!(
        outputs.as_slice(),
        [Output::EndSession(SessionEnd::Teardown), Output::Answer(a)] if a.status == 200
    ));
    assert_eq!(reader.connection.state(), State::Init);
    // The connection goes on, with another session.
    let first = reader.session.take();
    reader.set_up(TRACK, TCP);
    assert_ne!(reader.session, first);
}

#[test]
fn wrong_states_and_sessions_are_refused() {
    type Prepare = fn(&mut Reader);
    const OTHER: &str = "rtsp://gw/lobby/sub";
    const UNKNOWN: &str = "Session: 0123";
    let init: Prepare = |_| {};
    let ready: Prepare = |reader| reader.set_up(TRACK, TCP);
    let playing: Prepare = |reader| reader.play(TRACK, TCP);
    let cases: [(Prepare, &str, &str, &[&str], u16); 24] = [
        (init, "PLAY", MAIN, &[], 454),
        (init, "PLAY", MAIN, &[UNKNOWN], 454),
        (init, "PAUSE", MAIN, &[], 454),
        (init, "TEARDOWN", MAIN, &[], 454),
        (init, "GET_PARAMETER", MAIN, &[], 200),
        (init, "GET_PARAMETER", MAIN, &[UNKNOWN], 454),
        (init, "SET_PARAMETER", MAIN, &[UNKNOWN], 454),
        (init, "SETUP", TRACK, &[TCP, UNKNOWN], 454),
        (init, "DESCRIBE", "*", &[], 400),
        (ready, "GET_PARAMETER", MAIN, &[], 200),
        (ready, "SET_PARAMETER", "*", &[], 200),
        (ready, "PAUSE", MAIN, &[], 455),
        (ready, "PLAY", MAIN, &[UNKNOWN], 454),
        (ready, "PLAY", OTHER, &[], 459),
        (ready, "PLAY", "rtsp://gw/nowhere", &[], 404),
        (ready, "PLAY", "*", &[], 400),
        (ready, "SETUP", OTHER, &[TCP], 459),
        (ready, "SETUP", TRACK, &[TCP], 200),
        (ready, "SETUP", TRACK, &["Transport: RTP/AVP;multicast"], 461),
        (playing, "SETUP", TRACK, &[TCP], 455),
        (playing, "SETUP", OTHER, &[TCP], 459),
        (playing, "PAUSE", OTHER, &[], 459),
        (playing, "TEARDOWN", MAIN, &[UNKNOWN], 454),
        (playing, "RECORD", MAIN, &[], 501),
    ];
    for (prepare, method, url, headers, status) in cases {
        let mut reader = Reader::new(Access::Anonymous);
        prepare(&mut reader);
        let before = reader.connection.state();
        let outputs = reader.send(method, url, headers);
        assert_eq!(status_of(&outputs), status, "{method} {url} {headers:?} in {before:?}");
        // What makes no sense is counted as well.
        let expected = if status == 400 { 2 } else { 1 };
        assert_eq!((outputs.len(), reader.connection.state()), (expected, before));
    }
}

#[test]
fn a_second_session_beside_one_that_plays_is_refused() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.play(TRACK, TCP);
    reader.session = None;
    assert_eq!(status_of(&reader.send("SETUP", TRACK, &[TCP])), 455);
    assert_eq!(reader.connection.state(), State::Playing);
}

/// As FFmpeg does when no datagram comes: it pauses, and begins anew over TCP.
#[test]
fn a_session_that_does_not_play_is_replaced_by_another() {
    const UDP: &str = "Transport: RTP/AVP/UDP;unicast;client_port=6000-6001";
    let mut reader = Reader::new(Access::Anonymous);
    reader.play(TRACK, UDP);
    assert_eq!(status_of(&reader.send("PAUSE", MAIN, &[])), 200);
    let earlier = reader.session.take();
    let outputs = reader.send("SETUP", TRACK, &[TCP]);
    assert!(
        matches!(outputs[..], [Output::EndSession(SessionEnd::Replaced), Output::Answer(_)]),
        "{outputs:?}"
    );
    let answer = text_of(&outputs);
    let named = answer.lines().find_map(|line| line.strip_prefix("Session: "));
    reader.session = named.and_then(|named| named.split(';').next()).map(str::to_owned);
    assert!(reader.session.is_some() && reader.session != earlier, "{answer}");
    let outputs = reader.send("PLAY", MAIN, &[]);
    let transport = Transport::Interleaved { rtp: 0, rtcp: 1 };
    assert!(matches!(
        outputs.as_slice(),
        [Output::StartPlaying { transport: found, .. }] if *found == transport
    ));
}

#[test]
fn setting_up_again_changes_the_transport_and_keeps_the_session() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.set_up(TRACK, TCP);
    let session = reader.session.clone();
    reader.set_up(TRACK, "Transport: RTP/AVP;client_port=6000-6001");
    assert_eq!(reader.session, session);
    let outputs = reader.send("PLAY", MAIN, &[]);
    let client = PortPair { rtp: 6000, rtcp: 6001 };
    assert!(matches!(
        outputs.as_slice(),
        [Output::StartPlaying { transport: Transport::Udp { client: found, .. }, .. }] if *found == client
    ));
}

#[test]
fn what_every_request_must_have() {
    let onvif = "Require: www.onvif.org/ver20/backchannel";
    let cases: [(&str, u16, Option<&str>); 8] = [
        ("DESCRIBE rtsp://gw/lobby/main RTSP/1.0\r\n\r\n", 400, None),
        ("DESCRIBE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: x\r\n\r\n", 400, None),
        ("DESCRIBE rtsp://gw/lobby/main RTSP/2.0\r\nCSeq: 4\r\n\r\n", 505, Some("4")),
        ("DESCRIBE rtsp://gw/lobby/main RTSP/3.0\r\nCSeq: 4\r\n\r\n", 505, Some("4")),
        ("PLAY_NOTIFY rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 5\r\n\r\n", 501, Some("5")),
        ("FROBNICATE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 6\r\n\r\n", 501, Some("6")),
        ("OPTIONS /lobby/main RTSP/1.0\r\nCSeq: 7\r\n\r\n", 400, Some("7")),
        (
            &format!("DESCRIBE rtsp://gw/lobby/main RTSP/1.0\r\nCSeq: 8\r\n{onvif}\r\n\r\n"),
            551,
            Some("8"),
        ),
    ];
    for (bytes, status, cseq) in cases {
        let mut reader = Reader::new(Access::Anonymous);
        let outputs = reader.send_bytes(bytes.as_bytes());
        assert_eq!(status_of(&outputs), status, "{bytes}");
        let answer = text_of(&outputs);
        assert!(answer.starts_with("RTSP/1.0 "));
        let found = answer.lines().find_map(|line| line.strip_prefix("CSeq: "));
        assert_eq!(found, cseq, "{answer}");
        assert_eq!(
            answer.contains("Unsupported: www.onvif.org/ver20/backchannel\r\n"),
            status == 551
        );
    }
}

#[test]
fn what_is_no_request_is_answered() {
    let mut reader = Reader::new(Access::Anonymous);
    for (cseq, status, expected, reason) in [
        (Some(3), StatusCode::BadRequest, 400, MalformedReason::Syntax),
        (Some(3), StatusCode::RTSPVersionNotSupported, 505, MalformedReason::Version),
        (None, StatusCode::RTSPVersionNotSupported, 400, MalformedReason::Version),
    ] {
        let outputs = reader.connection.handle_malformed(reader.now, &Malformed { cseq, status });
        assert_eq!(status_of(&outputs), expected);
        assert!(outputs.contains(&Output::Malformed(reason)));
    }
    let outputs = reader.send_bytes(b"OPTIONS * RTSP/1.0\r\n\r\n");
    assert_eq!(status_of(&outputs), 400);
    assert!(outputs.contains(&Output::Malformed(MalformedReason::Cseq)));
    let outputs = reader.send_bytes(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n");
    assert_eq!(status_of(&outputs), 505);
    assert!(outputs.contains(&Output::Malformed(MalformedReason::Version)));
    let outputs = reader.send("SETUP", MAIN, &["Transport: nonsense"]);
    assert_eq!(status_of(&outputs), 461);
    assert!(outputs.contains(&Output::Malformed(MalformedReason::Transport)));
    // What is understood and not to be had is no mistake.
    let outputs = reader.send("SETUP", MAIN, &["Transport: RTP/AVP;multicast"]);
    assert_eq!(status_of(&outputs), 461);
    assert_eq!(outputs.len(), 1);
}

#[test]
fn what_cannot_be_framed_closes_the_connection() {
    for (error, status, reason) in [
        (FrameError::NotRtsp, None, MalformedReason::NotRtsp),
        (FrameError::HeadTooLong, Some(400), MalformedReason::HeadTooLong),
        (FrameError::BodyTooLong, Some(413), MalformedReason::BodyTooLong),
        (FrameError::ContentLength, Some(400), MalformedReason::ContentLength),
    ] {
        let mut reader = Reader::new(Access::Anonymous);
        let mut outputs = reader.connection.handle_frame_error(reader.now, error);
        assert_eq!(outputs.pop(), Some(Output::Close(CloseReason::Unframed)));
        assert_eq!(outputs.remove(0), Output::Malformed(reason));
        assert_eq!((!outputs.is_empty()).then(|| status_of(&outputs)), status);
    }
}

#[test]
fn a_session_that_is_not_renewed_ends() {
    let second = Duration::from_secs(1);
    type Renew = fn(&mut Reader);
    let by_request: Renew = |reader| {
        reader.send("GET_PARAMETER", MAIN, &[]);
    };
    let by_options: Renew = |reader| {
        reader.send("OPTIONS", MAIN, &[]);
    };
    let by_packets: Renew = |reader| reader.connection.keep_alive(reader.now);
    let without_name: Renew = |reader| {
        reader.session = None;
        reader.send("OPTIONS", "*", &[]);
    };
    for renew in [by_request, by_options, by_packets, without_name] {
        let mut reader = Reader::new(Access::Anonymous);
        reader.play(TRACK, TCP);
        reader.now += SESSION_TIMEOUT - second;
        renew(&mut reader);
        assert_eq!(reader.connection.deadline(), reader.now + SESSION_TIMEOUT);
        reader.now += SESSION_TIMEOUT - second;
        assert_eq!(reader.deadline(), []);
        // A request for another session renews nothing.
        reader.send("OPTIONS", MAIN, &["Session: another"]);
        reader.now += second;
        assert_eq!(
            reader.deadline(),
            [Output::EndSession(SessionEnd::TimedOut), Output::Close(CloseReason::SessionTimedOut)]
        );
        assert_eq!(reader.connection.state(), State::Init);
    }
}

#[test]
fn a_connection_that_asks_for_nothing_is_closed() {
    let mut reader = Reader::new(Access::Anonymous);
    assert_eq!(reader.connection.deadline(), reader.now + IDLE_TIMEOUT);
    reader.now += IDLE_TIMEOUT;
    assert_eq!(reader.deadline(), [Output::Close(CloseReason::Idle)]);
}

#[test]
fn a_connection_that_never_logs_in_is_closed_however_often_it_asks() {
    let mut reader = Reader::new(closed());
    let begun = reader.now;
    for _ in 0..3 {
        reader.now += Duration::from_secs(9);
        reader.send("OPTIONS", "*", &[]);
        reader.send("DESCRIBE", MAIN, &[]);
        assert_eq!(reader.connection.deadline(), begun + LOGIN_DEADLINE);
        assert_eq!(reader.deadline(), []);
    }
    reader.now = begun + LOGIN_DEADLINE;
    assert_eq!(reader.deadline(), [Output::Close(CloseReason::NoLogin)]);
}

/// Paths of other cameras, whose query is part of them: the answers lead back without it.
#[test]
fn a_path_with_a_query_may_be_another_name_of_a_mount() {
    let mut reader = Reader::new(Access::Anonymous);
    let url = "rtsp://gw/cam/realmonitor?channel=1&subtype=1";
    let answer = reader.answer("DESCRIBE", url, &[]);
    assert!(answer.contains("Content-Base: rtsp://gw/lobby/sub/\r\n"), "{answer}");
    for track in [format!("{url}/trackID=0"), "rtsp://gw/lobby/sub/trackID=0".into()] {
        let mut reader = Reader::new(Access::Anonymous);
        reader.set_up(&track, TCP);
        reader.send("PLAY", url, &[]);
        let text = text_of(&reader.connection.first_unit(reader.now, FIRST));
        assert!(text.contains("url=rtsp://gw/lobby/sub/trackID=0;"), "{text}");
    }
    let other = "rtsp://gw/cam/realmonitor?channel=1&subtype=0";
    assert_eq!(status_of(&reader.send("DESCRIBE", other, &[])), 404);
    assert_eq!(status_of(&reader.send("DESCRIBE", "rtsp://gw/cam/realmonitor", &[])), 404);
}

#[test]
fn a_request_that_is_never_finished_closes_the_connection() {
    let mut reader = Reader::new(Access::Anonymous);
    let begun = reader.now;
    reader.connection.set_mid_frame(reader.now, true);
    reader.now += Duration::from_secs(9);
    reader.connection.set_mid_frame(reader.now, true);
    assert_eq!(reader.connection.deadline(), begun + Duration::from_secs(10));
    assert_eq!(reader.deadline(), []);
    reader.now += Duration::from_secs(1);
    assert_eq!(reader.deadline(), [Output::Close(CloseReason::SlowRequest)]);
    reader.connection.set_mid_frame(reader.now, false);
    assert_eq!(reader.deadline(), []);
}
