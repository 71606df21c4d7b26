//! Attacks on RTP, RTCP, their framing, and on what joins packets to access units.

use std::time::Duration;

use cofferdam_picture_ring::Fault::{
    ConnectionLost, DecodeFailed, NoPictures, ProtocolViolation, StreamEnded, StreamRefused,
    TooMuchData, WorkerCrashed,
};

use super::{Family, SOON, TENTH, made, stream};
use crate::act::Act;
use crate::media::rtp::{Packet, framed, low, picture};
use crate::media::{description, h264, h265, jpeg};
use crate::rtsp::{playing, playing_as};
use crate::scenario::{Expected, Scenario, Threat};
use crate::{Limit, Path, Row};

const OF: Family = Family(Threat::Packets);
/// What a fragment carries.
const BODY: [u8; 1400] = [7; 1400];
/// As fast as it is taken.
const AT_ONCE: Duration = Duration::ZERO;

pub(super) fn all() -> Vec<Scenario> {
    [bytes_without_end(), broken_packets(), odd_streams()].concat()
}

fn bytes_without_end() -> Vec<Scenario> {
    vec![
        OF.fault(
            "unit-without-end",
            "sends fragments of one H.264 access unit without end",
            &[TooMuchData],
            Limit::Unit.at(Path::H264Fragments, &[Row::T3, Row::H8, Row::L4]),
            || {
                playing([stream(AT_ONCE, |n| {
                    Packet::of(0, low(n), false).with(&h264::fragment(5, n == 0, false, &BODY))
                })])
            },
        ),
        OF.fault(
            "h265-unit-without-end",
            "sends fragments of one H.265 access unit without end",
            &[TooMuchData],
            Limit::Unit.at(Path::H265Fragments, &[Row::T3, Row::H8, Row::L4]),
            || {
                playing_as(
                    &description::h265(),
                    [stream(AT_ONCE, |n| {
                        let fragment = h265::fragment(20, n == 0, false, &BODY);
                        Packet::of(0, low(n), false).with(&fragment)
                    })],
                )
            },
        ),
        OF.fault(
            "jpeg-without-end",
            "sends one JPEG image without end",
            &[TooMuchData, DecodeFailed],
            Limit::Unit.at(Path::JpegFragments, &[Row::T3, Row::H8]),
            || {
                playing_as(
                    &description::jpeg(),
                    [stream(AT_ONCE, |n| {
                        let offset = n.wrapping_mul(1400) & 0x00ff_ffff;
                        let payload = jpeg::payload(1, 80, (8, 8), offset, &BODY);
                        Packet { kind: 26, ..Packet::of(0, low(n), false) }.with(&payload)
                    })],
                )
            },
        ),
        OF.fault(
            "units-without-end",
            "sends small NAL units of one access unit without end",
            &[TooMuchData],
            Limit::Unit.at(Path::H264Payload, &[Row::T3]),
            || playing([stream(AT_ONCE, |n| Packet::of(0, low(n), false).with(&[0x06; 1400]))]),
        ),
        OF.fault(
            "channel-nobody-asked-for",
            "sends on a channel that was not agreed on, without end",
            &[TooMuchData],
            Limit::Unit.at(Path::Channels, &[Row::T3, Row::H6]),
            || playing([Act::Repeat(framed(9, &[7; 60_000]))]),
        ),
        OF.fault(
            "reports-without-end",
            "sends sender reports without end",
            &[TooMuchData],
            Limit::Unit.at(Path::Reports, &[Row::T3]),
            || playing([Act::Repeat(framed(1, &report(200)).repeat(500))]),
        ),
        OF.fault(
            "flood",
            "sends access units as fast as they are taken",
            &[TooMuchData],
            Limit::Rate.at(Path::Playing, &[Row::T3]),
            || playing([stream(AT_ONCE, |n| Packet::of(n, low(n), true).with(&[0x41; 1400]))]),
        ),
    ]
}

fn broken_packets() -> Vec<Scenario> {
    vec![
        OF.fault(
            "packets-of-three-bytes",
            "sends packets shorter than their header",
            &[DecodeFailed],
            Limit::Failures.at(Path::RtpHeader, &[Row::T3]),
            || playing([stream(SOON, |_| framed(0, &[0x80, 96, 0]))]),
        ),
        OF.fault(
            "empty-frames",
            "sends interleaved frames of no bytes",
            &[DecodeFailed],
            Limit::Failures.at(Path::RtpHeader, &[Row::T3]),
            || playing([stream(SOON, |_| framed(0, &[]))]),
        ),
        OF.fault(
            "rtp-version-0",
            "sends packets of RTP version 0",
            &[DecodeFailed],
            Limit::Failures.at(Path::RtpHeader, &[Row::T3]),
            || changed(|packet| Packet { first: 0, ..packet }),
        ),
        OF.fault(
            "padding-beyond-the-packet",
            "claims more padding than its packets have bytes",
            &[DecodeFailed],
            Limit::Failures.at(Path::RtpPadding, &[Row::T3]),
            || {
                playing([stream(SOON, |n| {
                    let payload = [h264::IDR, &[0xff]].concat();
                    Packet { first: 0xa0, ..Packet::of(n, low(n), true) }.with(&payload)
                })])
            },
        ),
        OF.fault(
            "sources-beyond-the-packet",
            "claims fifteen contributing sources in packets too short for them",
            &[DecodeFailed],
            Limit::Failures.at(Path::RtpSources, &[Row::T3]),
            || changed(|packet| Packet { first: 0x8f, ..packet }),
        ),
        OF.fault(
            "extension-beyond-the-packet",
            "claims header extensions longer than its packets",
            &[DecodeFailed],
            Limit::Failures.at(Path::RtpExtension, &[Row::T3]),
            || {
                playing([stream(SOON, |n| {
                    Packet { first: 0x90, ..Packet::of(n, low(n), true) }
                        .with(&[1, 2, 0xff, 0xff, 7])
                })])
            },
        ),
        OF.fault(
            "aggregate-of-nothing",
            "sends aggregation packets with units of no bytes",
            &[DecodeFailed],
            Limit::Failures.at(Path::H264Aggregates, &[Row::T3, Row::H9]),
            || payloads(&[0x78, 0, 0, 0, 0, 0, 0]),
        ),
        OF.fault(
            "aggregate-beyond-the-packet",
            "sends aggregation packets with units longer than the packet",
            &[DecodeFailed],
            Limit::Failures.at(Path::H264Aggregates, &[Row::T3]),
            || payloads(&[0x78, 0xff, 0xff, 0x65, 1, 2]),
        ),
        OF.fault(
            "aggregate-of-another-kind",
            "sends multi-time aggregation packets",
            &[DecodeFailed],
            Limit::Failures.at(Path::H264Payload, &[Row::T3]),
            || payloads(&[0x7a, 0, 0, 0, 8, 0, 0, 0, 0x65, 1, 2]),
        ),
        OF.fault(
            "fragments-without-start",
            "sends the ends of fragmented units, and no start",
            &[DecodeFailed],
            Limit::Failures.at(Path::H264Fragments, &[Row::T3]),
            || {
                playing([stream(SOON, |n| {
                    Packet::of(n, low(n), true).with(&h264::fragment(5, false, true, &BODY))
                })])
            },
        ),
        OF.fault(
            "fragment-of-start-and-end",
            "sends fragments that are start and end at once",
            &[StreamRefused],
            Limit::Failures.at(Path::H264Fragments, &[Row::T3]),
            || {
                playing([stream(SOON, |n| {
                    Packet::of(n, low(n), true).with(&h264::fragment(5, true, true, &BODY))
                })])
            },
        ),
        OF.fault(
            "empty-payloads",
            "sends packets without payload",
            &[DecodeFailed],
            Limit::Failures.at(Path::H264Payload, &[Row::T3]),
            || payloads(&[]),
        ),
        OF.fault(
            "jpeg-of-unknown-type",
            "sends JPEG of a type that RFC 2435 leaves open",
            &[DecodeFailed],
            Limit::Failures.at(Path::JpegHeader, &[Row::T3]),
            || {
                playing_as(
                    &description::jpeg(),
                    [stream(SOON, |n| {
                        let payload = jpeg::payload(200, 255, (0, 0), 0, &BODY);
                        Packet { kind: 26, ..Packet::of(n, low(n), true) }.with(&payload)
                    })],
                )
            },
        ),
    ]
}

fn odd_streams() -> Vec<Scenario> {
    vec![
        OF.fault(
            "source-of-its-own",
            "sends packets of another source than it said",
            &[DecodeFailed],
            Limit::Failures.at(Path::Source, &[Row::T3, Row::H7]),
            || changed(|packet| Packet { ssrc: packet.time, ..packet }),
        ),
        OF.scenario(
            "payload-of-another-type",
            "sends packets of a payload type that it did not describe",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::PayloadType, &[Row::T3]),
            || {
                playing([stream(TENTH, |n| {
                    key_changed(n, |packet| Packet { kind: 111, ..packet })
                })])
            },
        ),
        // In a build that checks for overflow, as that of tests does, this panics in the client library
        // (retina 0.4.21). In a release build the sum wraps, and the unit never ends.
        OF.fault(
            "sequence-jumps-twice-in-a-unit",
            "lets its sequence numbers jump by half their range, twice within one access unit",
            &[WorkerCrashed, NoPictures],
            Limit::Process.at(Path::Sequence, &[Row::T3, Row::H7, Row::L2]),
            || {
                playing([
                    super::honest(2),
                    stream(SOON, |n| {
                        let sequence = low(n.wrapping_mul(32_769));
                        Packet::of(3, sequence, false).with(h264::IDR)
                    }),
                ])
            },
        ),
        OF.scenario(
            "sequence-gaps",
            "leaves out a hundred sequence numbers between pictures",
            Expected::Lost,
            Limit::NoneNeeded.at(Path::Sequence, &[Row::T3, Row::H7]),
            || {
                playing([stream(TENTH, |n| {
                    let mut bytes = Vec::new();
                    for (unit, index) in h264::key().iter().zip(0..) {
                        let sequence = low(n.wrapping_mul(100).wrapping_add(index));
                        bytes.extend(Packet::of(n, sequence, index == 2).with(unit));
                    }
                    bytes
                })])
            },
        ),
        OF.scenario(
            "time-jumps",
            "lets its clock jump back and forth by hours",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::Clock, &[Row::T3, Row::H7]),
            || {
                playing([stream(TENTH, |n| {
                    let time = n.wrapping_mul(0x9e37_79b9);
                    key_changed(n, |packet| Packet { time, ..packet })
                })])
            },
        ),
        OF.scenario(
            "audio-of-two-kinds",
            "describes AAC of two configurations, and sends both beside its pictures",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::Audio, &[Row::T16, Row::H18]),
            || {
                let audio = |config: &str| {
                    format!(
                        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\n\
                         a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;config={config}\r\n\
                         a=control:track2\r\n"
                    )
                };
                let sdp = [description::h264(), audio("1190"), audio("1588")].concat();
                playing_as(
                    &sdp,
                    [stream(TENTH, |n| {
                        let head = [0, 16, 0, 32];
                        let packet = Packet { channel: 2, kind: 97, ..Packet::of(n, low(n), true) };
                        let audio = packet.with(&[&head[..], &[0x21, 0x10, 5, 0]].concat());
                        [audio, picture(n, &h264::key())].concat()
                    })],
                )
            },
        ),
        OF.scenario(
            "noise-between-pictures",
            "sends packets on unknown channels and broken reports between pictures",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::Channels, &[Row::T3, Row::H6]),
            || {
                playing([stream(TENTH, |n| {
                    let noise = [framed(200, &[7; 500]), framed(1, &[0x80, 200, 0xff, 0xff, 1])];
                    [noise.concat(), picture(n, &h264::key())].concat()
                })])
            },
        ),
        OF.fault(
            "goodbye",
            "says goodbye with every picture",
            &[StreamEnded, ConnectionLost],
            Limit::Wait.at(Path::Reports, &[Row::T3, Row::T7]),
            || {
                let goodbye = || Act::Say(framed(1, &[report(200), bye()].concat()));
                playing([super::honest(2), goodbye(), super::honest(2), goodbye()])
            },
        ),
        OF.fault(
            "not-frames",
            "sends bytes that are neither frames nor answers, among pictures",
            &[ProtocolViolation],
            Limit::Process.at(Path::Frames, &[Row::T3]),
            || playing([super::honest(2), Act::Say(vec![0xff; 4096])]),
        ),
        OF.fault(
            "size-without-picture",
            "sends parameter sets, and never a slice",
            &[NoPictures],
            Limit::PictureTime.at(Path::H264Units, &[Row::T4]),
            || {
                let sets = [h264::SPS.to_vec(), h264::PPS.to_vec()];
                playing([Act::Times(u32::MAX, TENTH, made(move |n| picture(n, &sets)))])
            },
        ),
    ]
}

/// A stream whose packets are all changed.
fn changed(change: fn(Packet) -> Packet) -> Vec<Act> {
    playing([stream(SOON, move |n| change(Packet::of(n, low(n), true)).with(h264::IDR))])
}

/// An honest key picture in packets that are all changed.
fn key_changed(number: u32, change: impl Fn(Packet) -> Packet) -> Vec<u8> {
    let packets = h264::key().into_iter().zip(0..).map(|(unit, index)| {
        let sequence = low(number.wrapping_mul(3).wrapping_add(index));
        change(Packet::of(number, sequence, index == 2)).with(&unit)
    });
    packets.flatten().collect()
}

/// A stream of packets with this payload.
fn payloads(payload: &'static [u8]) -> Vec<Act> {
    playing([stream(SOON, move |n| Packet::of(n, low(n), true).with(payload))])
}

/// A sender report, by its packet type.
fn report(kind: u8) -> Vec<u8> {
    [&[0x80, kind, 0, 6, 0, 0, 0, 7][..], &[0; 20]].concat()
}

/// A source's goodbye.
fn bye() -> Vec<u8> {
    vec![0x81, 203, 0, 1, 0, 0, 0, 7]
}
