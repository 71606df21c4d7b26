//! Cameras that are slow, silent, or come and go.

use std::time::Duration;

use cofferdam_picture_ring::Fault::{
    ConnectionLost, NoPictures, ProtocolViolation, ResponseTimeout, StreamEnded, WorkerWedged,
};

use super::{Family, honest};
use crate::Limit;
use crate::act::Act;
use crate::media::{h264, rtp};
use crate::rtsp::{after_description, after_setup, playing};
use crate::scenario::{Scenario, Threat};

const OF: Family = Family(Threat::Pace);
const SECOND: Duration = Duration::from_secs(1);

pub(super) fn all() -> Vec<Scenario> {
    vec![
        OF.fault(
            "silent",
            "takes the connection and says nothing",
            &[ResponseTimeout],
            Limit::AnswerTime,
            || vec![Act::Hear],
        ),
        OF.fault(
            "byte-a-second",
            "answers DESCRIBE with a byte a second",
            &[ResponseTimeout],
            Limit::AnswerTime,
            || vec![Act::Hear, Act::Dribble(vec![b'R'; 60], SECOND)],
        ),
        OF.fault(
            "silent-at-setup",
            "says nothing to SETUP",
            &[ResponseTimeout],
            Limit::AnswerTime,
            || after_description([]),
        ),
        OF.fault(
            "byte-a-second-at-play",
            "answers PLAY with a byte a second",
            &[ResponseTimeout],
            Limit::AnswerTime,
            || after_setup([Act::Dribble(b"RTSP/1.0 200 OK\r\n".repeat(4), SECOND)]),
        ),
        OF.fault(
            "no-packets",
            "plays, and sends nothing",
            &[NoPictures],
            Limit::PictureTime,
            || playing([]),
        ),
        OF.fault(
            "stalls",
            "sends five pictures, and nothing more",
            &[NoPictures],
            Limit::UnitTime,
            || playing([honest(5)]),
        ),
        // The client library (retina 0.4.21) keeps what follows a camera's own request in its buffer.
        OF.fault(
            "request-then-stall",
            "sends a request of its own and a picture in one breath, and nothing more",
            &[NoPictures],
            Limit::UnitTime,
            || {
                let request = b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
                let picture = rtp::picture(9, &h264::key());
                playing([honest(3), Act::Say([&request[..], &picture].concat())])
            },
        ),
        OF.fault(
            "half-a-frame",
            "announces a packet of 65,535 bytes and sends half of it",
            &[NoPictures],
            Limit::UnitTime,
            || {
                let half = [&[b'$', 0, 0xff, 0xff][..], &[0x80; 30_000]].concat();
                playing([honest(3), Act::Say(half)])
            },
        ),
        OF.fault(
            "closes-at-once",
            "closes each connection as it comes",
            &[ConnectionLost, ProtocolViolation, WorkerWedged],
            Limit::Wait,
            || vec![Act::Close],
        ),
        OF.fault(
            "resets",
            "resets each connection after three pictures",
            &[ConnectionLost],
            Limit::Wait,
            || playing([honest(3), Act::Reset]),
        ),
        OF.fault(
            "ends",
            "ends its stream after three pictures, each time",
            &[StreamEnded, ConnectionLost],
            Limit::Wait,
            || playing([honest(3), Act::Close]),
        ),
        OF.fault(
            "half-closed",
            "says that it will send no more, and keeps the connection",
            &[StreamEnded, ConnectionLost],
            Limit::Wait,
            || playing([honest(3), Act::HalfClose]),
        ),
    ]
}
