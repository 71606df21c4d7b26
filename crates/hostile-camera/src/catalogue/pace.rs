//! Cameras that are slow, silent, or come and go.

use std::time::Duration;

use cofferdam_picture_ring::Fault::{
    ConnectionLost, NoPictures, ProtocolViolation, ResponseTimeout, StreamEnded, WorkerWedged,
};

use super::{Family, TENTH, honest, stream};
use crate::act::Act;
use crate::media::{h264, rtp};
use crate::rtsp::{after_description, after_setup, playing};
use crate::scenario::{Expected, Scenario, Threat};
use crate::{Limit, Path, Row};

const OF: Family = Family(Threat::Pace);
const SECOND: Duration = Duration::from_secs(1);

pub(super) fn all() -> Vec<Scenario> {
    vec![
        OF.fault(
            "silent",
            "takes the connection and says nothing",
            &[ResponseTimeout],
            Limit::AnswerTime.at(Path::DescribeWait, &[Row::T7, Row::H20]),
            || vec![Act::Hear],
        ),
        OF.fault(
            "byte-a-second",
            "answers DESCRIBE with a byte a second",
            &[ResponseTimeout],
            Limit::AnswerTime.at(Path::DescribeWait, &[Row::T1, Row::T7]),
            || vec![Act::Hear, Act::Dribble(vec![b'R'; 60], SECOND)],
        ),
        OF.fault(
            "silent-at-setup",
            "says nothing to SETUP",
            &[ResponseTimeout],
            Limit::AnswerTime.at(Path::SetupWait, &[Row::T7, Row::H20]),
            || after_description([]),
        ),
        OF.fault(
            "byte-a-second-at-play",
            "answers PLAY with a byte a second",
            &[ResponseTimeout],
            Limit::AnswerTime.at(Path::PlayWait, &[Row::T1, Row::T7]),
            || after_setup([Act::Dribble(b"RTSP/1.0 200 OK\r\n".repeat(4), SECOND)]),
        ),
        OF.fault(
            "no-packets",
            "plays, and sends nothing",
            &[NoPictures],
            Limit::PictureTime.at(Path::Playing, &[Row::T7, Row::H20]),
            || playing([]),
        ),
        OF.fault(
            "stalls",
            "sends five pictures, and nothing more",
            &[NoPictures],
            Limit::UnitTime.at(Path::Playing, &[Row::T7, Row::H20]),
            || playing([honest(5)]),
        ),
        // The client library (retina 0.4.21) keeps what follows a camera's own request in its buffer.
        OF.scenario(
            "requests-among-pictures",
            "sends a request of its own and a picture in one breath, time and again",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::Requests, &[Row::T1, Row::L6]),
            || {
                let request = b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
                playing([stream(TENTH, move |n| {
                    let picture = rtp::picture(n, &h264::key());
                    if n % 3 == 2 { [&request[..], &picture].concat() } else { picture }
                })])
            },
        ),
        OF.fault(
            "half-a-frame",
            "announces a packet of 65,535 bytes and sends half of it",
            &[NoPictures],
            Limit::UnitTime.at(Path::Frames, &[Row::T3, Row::T7]),
            || {
                let half = [&[b'$', 0, 0xff, 0xff][..], &[0x80; 30_000]].concat();
                playing([honest(3), Act::Say(half)])
            },
        ),
        OF.fault(
            "closes-at-once",
            "closes each connection as it comes",
            &[ConnectionLost, ProtocolViolation, WorkerWedged],
            Limit::Wait.at(Path::Connection, &[Row::T7]),
            || vec![Act::Close],
        ),
        OF.fault(
            "resets",
            "resets each connection after three pictures",
            &[ConnectionLost],
            Limit::Wait.at(Path::Playing, &[Row::T7, Row::H21]),
            || playing([honest(3), Act::Reset]),
        ),
        OF.fault(
            "ends",
            "ends its stream after three pictures, each time",
            &[StreamEnded, ConnectionLost],
            Limit::Wait.at(Path::Playing, &[Row::T7]),
            || playing([honest(3), Act::Close]),
        ),
        OF.fault(
            "half-closed",
            "says that it will send no more, and keeps the connection",
            &[StreamEnded, ConnectionLost],
            Limit::Wait.at(Path::Playing, &[Row::T7]),
            || playing([honest(3), Act::HalfClose]),
        ),
    ]
}
