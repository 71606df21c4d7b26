//! Attacks on what reads RTSP answers.

use cofferdam_picture_ring::Fault::{
    ConnectionLost, ProtocolViolation, ResponseTimeout, RtspStatus, TooMuchData, WorkerWedged,
};

use super::Family;
use crate::act::{Act, CSEQ};
use crate::rtsp::{FILLER, after_description, after_setup, answer, described, set_up_by};
use crate::scenario::{Scenario, Threat};
use crate::{Limit, Path, Row, media::description};

const OF: Family = Family(Threat::Answers);

pub(super) fn all() -> Vec<Scenario> {
    vec![
        OF.fault(
            "body-without-end",
            "claims a description of 99,999,999,999 bytes and sends them",
            &[ProtocolViolation],
            Limit::FirstAnswer.at(Path::DescribeBody, &[Row::T1, Row::H1, Row::L3]),
            || {
                let head = "Content-Type: application/sdp\r\nContent-Length: 99999999999\r\n";
                vec![Act::Hear, answer("200 OK", head, ""), filler()]
            },
        ),
        OF.fault(
            "headers-without-end",
            "sends headers to its description without end",
            &[ProtocolViolation],
            Limit::FirstAnswer.at(Path::DescribeHeaders, &[Row::T1, Row::H2]),
            || vec![Act::Hear, begun(), Act::Repeat(b"X-More: of the same\r\n".repeat(800))],
        ),
        OF.fault(
            "setup-body-without-end",
            "claims a body of 400,000,000 bytes for its answer to SETUP and sends them",
            &[TooMuchData],
            Limit::Answers.at(Path::SetupBody, &[Row::T1, Row::H1, Row::L3]).before(Limit::Memory),
            || {
                let head = "Session: 1\r\nContent-Length: 400000000\r\n";
                after_description([set_up_by(head), filler()])
            },
        ),
        OF.fault(
            "setup-headers-without-end",
            "sends headers to its answer to SETUP without end",
            &[TooMuchData],
            Limit::Answers.at(Path::SetupHeaders, &[Row::T1, Row::H2]),
            || after_description([begun(), Act::Repeat(b"X-More: of the same\r\n".repeat(800))]),
        ),
        OF.fault(
            "header-line-without-end",
            "sends one header line without end in its answer to SETUP",
            &[TooMuchData],
            Limit::Answers.at(Path::SetupHeaders, &[Row::T1, Row::H2, Row::L5]),
            || after_description([begun(), Act::Say(b"X-Long: ".to_vec()), filler()]),
        ),
        OF.fault(
            "reason-without-end",
            "sends a reason phrase without end in its answer to PLAY",
            &[TooMuchData],
            Limit::Unit.at(Path::PlayStatus, &[Row::T1, Row::L5]),
            || after_setup([Act::Say(b"RTSP/1.0 200 ".to_vec()), filler()]),
        ),
        OF.fault(
            "body-that-never-comes",
            "claims a body of 2^63-1 bytes for its answer to SETUP, and sends none",
            &[ResponseTimeout],
            Limit::AnswerTime.at(Path::SetupBody, &[Row::T1, Row::H1]),
            || {
                let head = "Session: 1\r\nContent-Length: 9223372036854775807\r\n";
                after_description([set_up_by(head)])
            },
        ),
        OF.fault(
            "negative-length",
            "claims a description of -1 bytes",
            &[ProtocolViolation],
            Limit::Process.at(Path::BodyLength, &[Row::T1, Row::H1]),
            || vec![Act::Hear, answer("200 OK", "Content-Length: -1\r\n", "")],
        ),
        OF.fault(
            "two-lengths",
            "claims two lengths of its description",
            &[ProtocolViolation],
            Limit::Process.at(Path::BodyLength, &[Row::T1, Row::H1]),
            || {
                let head = "Content-Type: application/sdp\r\nContent-Length: 3\r\n";
                vec![Act::Hear, answer("200 OK", head, &description::h264())]
            },
        ),
        OF.fault(
            "not-rtsp",
            "answers with bytes that are no text",
            &[ProtocolViolation],
            Limit::Process.at(Path::StatusLine, &[Row::T1]),
            || {
                vec![
                    Act::Hear,
                    Act::Say(b"\x00\xff\xfe\x7fELF\x01\xc0\xaf\r\r\r\n\0\r\n\r\n".to_vec()),
                ]
            },
        ),
        OF.fault(
            "http",
            "answers as an HTTP server",
            &[ProtocolViolation],
            Limit::Process.at(Path::StatusLine, &[Row::T1]),
            || vec![Act::Hear, Act::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec())],
        ),
        OF.fault(
            "status-of-five-digits",
            "answers with status 20000",
            &[ProtocolViolation],
            Limit::Process.at(Path::StatusLine, &[Row::T1]),
            || vec![Act::Hear, answer("20000 OK", "", "")],
        ),
        OF.fault(
            "zeros-in-headers",
            "puts NUL and bytes above 127 into header names",
            &[ProtocolViolation],
            Limit::Process.at(Path::Headers, &[Row::T1]),
            || {
                let head = format!("Conte\0nt\u{ff}\u{fe}: 1\r\n : \r\n{CSEQ}\r\n");
                vec![Act::Hear, answer("200 OK", &head, "")]
            },
        ),
        OF.fault(
            "answer-to-another",
            "answers DESCRIBE with the number of a request nobody made",
            &[ProtocolViolation],
            Limit::Process.at(Path::AnswerNumber, &[Row::T1]),
            || vec![Act::Hear, Act::Say(b"RTSP/1.0 200 OK\r\nCSeq: 4242\r\n\r\n".to_vec())],
        ),
        OF.fault(
            "answers-before-questions",
            "answers every request of a session before the first",
            &[ProtocolViolation, ConnectionLost],
            Limit::Process.at(Path::AnswerNumber, &[Row::T1]),
            || {
                let answer = |n| format!("RTSP/1.0 200 OK\r\nCSeq: {n}\r\n\r\n");
                let all: String = (1..100).map(answer).collect();
                vec![Act::Say(all.into_bytes())]
            },
        ),
        OF.fault(
            "continue-for-ever",
            "answers 100 Continue, again and again",
            &[RtspStatus],
            Limit::Wait.at(Path::StatusCode, &[Row::T1, Row::T7]),
            || {
                let more = format!("RTSP/1.0 100 Continue\r\nCSeq: {CSEQ}\r\n\r\n").repeat(20);
                vec![Act::Hear, Act::Answer(more, String::new())]
            },
        ),
        OF.fault(
            "requests-without-end",
            "sends requests of its own instead of an answer to SETUP",
            &[ProtocolViolation],
            Limit::Process.at(Path::SetupRequests, &[Row::T1]),
            || {
                let request = b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 9\r\n\r\n".repeat(400);
                after_description([Act::Repeat(request)])
            },
        ),
        // The client library (retina 0.4.21) spins on a connection that ends within a line.
        OF.fault(
            "half-a-line",
            "ends within the status line",
            &[WorkerWedged, ConnectionLost, ProtocolViolation],
            Limit::SignOfLife.at(Path::StatusLine, &[Row::T1]),
            || vec![Act::Hear, Act::Say(b"RTSP/1.0 20".to_vec()), Act::Close],
        ),
        OF.fault(
            "session-without-time",
            "gives its session a time-out of 0",
            &[ProtocolViolation],
            Limit::Process.at(Path::Session, &[Row::T1]),
            || after_description([set_up_by("Session: 1;timeout=0\r\nTransport: x\r\n")]),
        ),
        OF.fault(
            "no-session",
            "answers SETUP without a session",
            &[ProtocolViolation],
            Limit::Process.at(Path::Session, &[Row::T1]),
            || after_description([set_up_by("Transport: RTP/AVP/TCP;interleaved=0-1\r\n")]),
        ),
        OF.fault(
            "channel-256",
            "wants its packets on channels 255 and 256",
            &[ProtocolViolation],
            Limit::Process.at(Path::Transport, &[Row::T1]),
            || {
                let head = "Session: 1\r\nTransport: RTP/AVP/TCP;interleaved=255-256\r\n";
                after_description([set_up_by(head)])
            },
        ),
        OF.fault(
            "odd-start-of-play",
            "answers PLAY with a start that is no number",
            &[ProtocolViolation],
            Limit::Process.at(Path::PlayInfo, &[Row::T1]),
            || {
                let head = "Session: 1\r\nRTP-Info: url=track1;seq=99999;rtptime=-1\r\n";
                after_setup([answer("200 OK", head, "")])
            },
        ),
        OF.fault(
            "second-description",
            "answers SETUP with another description",
            &[ProtocolViolation],
            Limit::Process.at(Path::Session, &[Row::T1]),
            || after_description([described(&description::h265())]),
        ),
    ]
}

/// An answer that has begun.
fn begun() -> Act {
    Act::Answer(format!("RTSP/1.0 200 OK\r\nCSeq: {CSEQ}\r\n"), String::new())
}

fn filler() -> Act {
    Act::Repeat(vec![b'x'; FILLER])
}
