//! Attacks on what reads descriptions.

use cofferdam_picture_ring::Fault::{
    DecodeFailed, NoVideo, ProtocolViolation, UnsupportedCodec, WorkerCrashed,
};

use super::{Family, SOON, TENTH, pictures};
use crate::act::Act;
use crate::media::{description, h264};
use crate::rtsp::{described, playing_as};
use crate::scenario::{Expected, Scenario, Threat};
use crate::{Limit, Path, Row};

const OF: Family = Family(Threat::Description);

pub(super) fn all() -> Vec<Scenario> {
    vec![
        // The client library (retina 0.4.21) panics at a blank list of formats.
        OF.fault(
            "blank-formats",
            "describes video in a blank list of formats",
            &[WorkerCrashed],
            Limit::Process.at(Path::MediaLine, &[Row::T1, Row::L1]),
            || describing(&description::of("m=video 0 RTP/AVP  \r\n")),
        ),
        OF.fault(
            "empty-description",
            "describes nothing",
            &[ProtocolViolation],
            Limit::Process.at(Path::DescriptionText, &[Row::T1]),
            || describing(""),
        ),
        OF.fault(
            "only-audio",
            "describes audio alone",
            &[NoVideo],
            Limit::Wait.at(Path::StreamChoice, &[Row::T1, Row::T16]),
            || describing(&description::of("m=audio 0 RTP/AVP 0\r\na=control:a\r\n")),
        ),
        OF.fault(
            "unknown-codec",
            "describes a codec that is not decoded here",
            &[UnsupportedCodec],
            Limit::Formats.at(Path::StreamChoice, &[Row::T1, Row::T4]),
            || {
                let media = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H266/90000\r\na=control:v\r\n";
                describing(&description::of(media))
            },
        ),
        OF.fault(
            "a-thousand-streams",
            "describes a thousand audio streams",
            &[NoVideo],
            Limit::Wait.at(Path::StreamChoice, &[Row::T1]),
            || describing(&description::of(&"m=audio 0 RTP/AVP 0\r\na=control:a\r\n".repeat(1000))),
        ),
        OF.fault(
            "no-clock",
            "describes a clock of 0 Hz",
            &[ProtocolViolation],
            Limit::Process.at(Path::FormatLine, &[Row::T1]),
            || {
                let media = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/0\r\na=control:v\r\n";
                playing_as(&description::of(media), [pictures(TENTH, h264::key())])
            },
        ),
        OF.fault(
            "description-in-no-language",
            "sends a description that is no text",
            &[ProtocolViolation],
            Limit::Process.at(Path::DescriptionText, &[Row::T1]),
            || {
                let head = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n\
                             Content-Length: 8\r\n\r\n\xff\xfe\x00\x01\xc0\xaf\r\n";
                vec![Act::Hear, Act::Say(head.to_vec())]
            },
        ),
        OF.scenario(
            "broken-parameter-sets",
            "describes parameter sets that are none, and sends good ones",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::FormatParameters, &[Row::T1]),
            || {
                let media = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n\
                             a=fmtp:96 packetization-mode=1;sprop-parameter-sets=////,AAAA\r\n";
                playing_as(&description::of(media), [pictures(TENTH, h264::key())])
            },
        ),
        OF.fault(
            "another-codec-than-described",
            "describes H.265 and sends H.264",
            &[DecodeFailed],
            Limit::Failures.at(Path::H265Payload, &[Row::T3]),
            || playing_as(&description::h265(), [pictures(SOON, h264::key())]),
        ),
    ]
}

fn describing(sdp: &str) -> Vec<Act> {
    vec![Act::Hear, described(sdp)]
}
