//! Places in the session description (RFC 8866), every line of it.

use std::net::IpAddr;

use crate::hub::Description;
use crate::rtsp::sdp::VideoFormat;

use super::Plant;
use super::aac::{self, AUDIO_TRACK};
use super::place::{Form, Place};

const fn text(name: &'static str) -> Place {
    Place { name, layer: "SDP", form: Form::Text }
}

const fn number(name: &'static str) -> Place {
    Place { name, layer: "SDP", form: Form::Number }
}

pub(super) const PLACES: &[Place] = &[
    text("sdp/origin-user"),
    number("sdp/origin-session"),
    number("sdp/origin-version"),
    text("sdp/origin-address"),
    text("sdp/session-name"),
    text("sdp/information"),
    text("sdp/uri"),
    text("sdp/email"),
    text("sdp/phone"),
    text("sdp/connection"),
    text("sdp/bandwidth-type"),
    number("sdp/bandwidth"),
    number("sdp/time-start"),
    number("sdp/time-stop"),
    number("sdp/repeat"),
    number("sdp/zone"),
    text("sdp/key"),
    text("sdp/tool"),
    text("sdp/etag"),
    text("sdp/attribute-name"),
    text("sdp/attribute-value"),
    text("sdp/media-format"),
    text("sdp/media-title"),
    text("sdp/media-connection"),
    number("sdp/media-bandwidth"),
    text("sdp/media-key"),
    text("sdp/other-encoding"),
    text("sdp/format-parameter"),
    text("sdp/other-format"),
    text("sdp/control"),
    text("sdp/source-name"),
    text("sdp/extension-map"),
    text("sdp/media-attribute-name"),
    text("sdp/media-attribute-value"),
    text("sdp/application-format"),
    text("sdp/application-attribute"),
];

/// The description of a planted camera at `address`, whose video is at `track`.
pub(crate) fn describe(
    plant: &Plant,
    address: IpAddr,
    description: &Description,
    track: &str,
) -> String {
    let mark = |place: &str| plant.text(place);
    let VideoFormat { payload, map, parameters } = VideoFormat::of(description);
    let separator = if parameters.is_empty() { "" } else { ";" };
    let rate = description.rate.unwrap_or(25);
    // A host of a domain that cannot be (RFC 2606), where nobody looks it up.
    let host = |place: &str| format!("{}.invalid", plant.text(place));
    // Readers look up where media come from: an address, and a mark for its range.
    let range = |place: &str| format!("{address}/{}", plant.text(place));
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    let session = [
        "v=0".to_owned(),
        format!(
            "o={} {} {} IN {family} {}",
            mark("sdp/origin-user"),
            mark("sdp/origin-session"),
            mark("sdp/origin-version"),
            host("sdp/origin-address")
        ),
        format!("s={}", mark("sdp/session-name")),
        format!("i={}", mark("sdp/information")),
        format!("u=http://{}/", host("sdp/uri")),
        format!("e={}@example.invalid", mark("sdp/email")),
        format!("p={}", mark("sdp/phone")),
        format!("c=IN {family} {}", range("sdp/connection")),
        format!("b=X-{}:{}", mark("sdp/bandwidth-type"), mark("sdp/bandwidth")),
        format!("t={} {}", mark("sdp/time-start"), mark("sdp/time-stop")),
        format!("r={} 0 0", mark("sdp/repeat")),
        format!("z={} 0", mark("sdp/zone")),
        format!("k=clear:{}", mark("sdp/key")),
        format!("a=tool:{}", mark("sdp/tool")),
        "a=control:*".to_owned(),
        "a=range:npt=now-".to_owned(),
        format!("a=etag:\"{}\"", mark("sdp/etag")),
        format!("a=x-{}:{}", mark("sdp/attribute-name"), mark("sdp/attribute-value")),
    ];
    let video = [
        format!("m=video 0 RTP/AVP {payload} 127 {}", mark("sdp/media-format")),
        format!("i={}", mark("sdp/media-title")),
        format!("c=IN {family} {}", range("sdp/media-connection")),
        format!("b=AS:{}", mark("sdp/media-bandwidth")),
        format!("k=clear:{}", mark("sdp/media-key")),
        format!("a=rtpmap:127 {}/90000", mark("sdp/other-encoding")),
        map,
        format!(
            "a=fmtp:{payload} {parameters}{separator}x-parameter={}",
            mark("sdp/format-parameter")
        ),
        format!("a=fmtp:127 {}", mark("sdp/other-format")),
        format!("a=framerate:{rate}"),
        format!("a=ssrc:1 cname:{}", mark("sdp/source-name")),
        format!("a=extmap:1 urn:{}", mark("sdp/extension-map")),
        format!("a=x-{}:{}", mark("sdp/media-attribute-name"), mark("sdp/media-attribute-value")),
        format!("a=control:{track}/{}", mark("sdp/control")),
    ];
    let (audio, clock) = (aac::PAYLOAD_TYPE, aac::CLOCK);
    let others = [
        format!("m=audio 0 RTP/AVP {audio}"),
        format!("a=rtpmap:{audio} MPEG4-GENERIC/{clock}/1"),
        format!(
            "a=fmtp:{audio} streamtype=5;profile-level-id=1;mode=AAC-hbr;config={};sizelength=13;\
             indexlength=3;indexdeltalength=3",
            aac::configuration(plant)
        ),
        format!("a=control:{AUDIO_TRACK}"),
        "m=application 0 RTP/AVP 107".to_owned(),
        format!("a=rtpmap:107 X-{}/90000", mark("sdp/application-format")),
        format!("a=x-metadata:{}", mark("sdp/application-attribute")),
        "a=control:trackID=2".to_owned(),
    ];
    let lines = session.iter().chain(&video).chain(&others);
    lines.flat_map(|line| [line.as_str(), "\r\n"]).collect()
}
