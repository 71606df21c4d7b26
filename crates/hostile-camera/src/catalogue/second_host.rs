//! Cameras that name another host.

use cofferdam_picture_ring::Fault::{ProtocolViolation, RtspStatus};

use super::{Family, TENTH, pictures};
use crate::act::{Act, ELSEWHERE};
use crate::media::{description, h264, rtp};
use crate::rtsp::{after_description, answer, played, playing_as, set_up, set_up_by};
use crate::scenario::{Expected, Scenario, Threat};
use crate::{Limit, Path, Row};

const OF: Family = Family(Threat::SecondHost);

pub(super) fn all() -> Vec<Scenario> {
    vec![
        OF.fault(
            "redirect",
            "answers DESCRIBE with a redirection to another host",
            &[RtspStatus],
            Limit::OneConnection.at(Path::Location, &[Row::T1, Row::H4]),
            || {
                let head = format!("Location: rtsp://{ELSEWHERE}/stream\r\n");
                vec![Act::Hear, answer("302 Moved", &head, "")]
            },
        ),
        OF.scenario(
            "base-elsewhere",
            "names another host as the base of its description",
            Expected::Plays,
            Limit::OneConnection.at(Path::ContentBase, &[Row::T1, Row::H5, Row::L7]),
            || {
                let head = format!(
                    "Content-Base: rtsp://{ELSEWHERE}/\r\nContent-Type: application/sdp\r\n"
                );
                let sdp = answer("200 OK", &head, &description::h264());
                vec![
                    Act::Hear,
                    sdp,
                    Act::Hear,
                    set_up(),
                    Act::Hear,
                    played(),
                    pictures(TENTH, h264::key()),
                ]
            },
        ),
        OF.scenario(
            "control-elsewhere",
            "names another host as the place of its stream",
            Expected::Plays,
            Limit::OneConnection.at(Path::Control, &[Row::T1, Row::H5]),
            || {
                let media = format!(
                    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
                     a=control:rtsp://{ELSEWHERE}/track1\r\n"
                );
                playing_as(&description::of(&media), [pictures(TENTH, h264::key())])
            },
        ),
        OF.fault(
            "packets-from-elsewhere",
            "answers SETUP with datagrams from another host",
            &[ProtocolViolation],
            Limit::OneConnection.at(Path::Transport, &[Row::T8, Row::L8]),
            || {
                let head = "Session: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001;\
                            source=127.0.0.2;server_port=6000-6001\r\n";
                after_description([set_up_by(head)])
            },
        ),
        OF.scenario(
            "datagrams-beside",
            "plays, and sends packets of the same stream in datagrams with every picture",
            Expected::Plays,
            Limit::OneConnection.at(Path::Datagrams, &[Row::T8]),
            || {
                let acts = (0..3000).flat_map(|number| {
                    let other = rtp::Packet::of(number, rtp::low(number * 997), true);
                    let datagram = other.with(h264::IDR).split_off(4);
                    let picture = super::made(move |_| rtp::picture(number, &h264::key()));
                    [Act::Datagram(datagram), Act::Times(1, TENTH, picture)]
                });
                crate::rtsp::playing(acts.collect::<Vec<_>>())
            },
        ),
        OF.scenario(
            "told-to-go-elsewhere",
            "plays, and sends a REDIRECT to another host with every picture",
            Expected::Plays,
            Limit::OneConnection.at(Path::Requests, &[Row::T1, Row::H4]),
            || {
                let request = format!(
                    "REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://{ELSEWHERE}/\r\n\r\n"
                );
                let picture = |number| rtp::picture(number, &h264::key());
                let acts = (0..3000).flat_map(|number| {
                    let wait = Act::Times(1, TENTH, super::made(|_| Vec::new()));
                    [Act::Answer(request.clone(), String::new()), Act::Say(picture(number)), wait]
                });
                crate::rtsp::playing(acts.collect::<Vec<_>>())
            },
        ),
    ]
}
