//! The session description (RFC 8866) of a mount.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sdp_types::{Attribute, Media, MediaType, Origin, Session, Time, TransportProto};

use crate::MountView;
use crate::mount::VideoTrack;

/// The RTP payload type of video (RFC 3551 §3: the first dynamic one).
pub const PAYLOAD_TYPE: u8 = 96;
/// The control attribute of the one track.
pub const TRACK: &str = "trackID=0";

/// The description of `mount`, for a reader who connected to `local`.
///
/// Made of the mount's name, its configured rate and the encoder's parameter sets; it stays the
/// same for as long as the mount lives.
pub(crate) fn describe(mount: &MountView, track: &VideoTrack, local: IpAddr) -> Vec<u8> {
    let unspecified: IpAddr = match local {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    // RFC 6184 §8.1: the three bytes after the header of the sequence parameter set.
    let profile_level: String =
        track.sps.iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
    let format = format!(
        "{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={profile_level};\
         sprop-parameter-sets={},{}",
        STANDARD.encode(&track.sps),
        STANDARD.encode(&track.pps)
    );
    let video =
        Media::builder(MediaType::Video, 0, TransportProto::RtpAvp, PAYLOAD_TYPE.to_string())
            .attribute(Attribute::with_value("rtpmap", format!("{PAYLOAD_TYPE} H264/90000")))
            .attribute(Attribute::with_value("fmtp", format))
            .attribute(Attribute::with_value("framerate", track.rate.per_second()))
            .attribute(Attribute::with_value("control", TRACK))
            .build();
    let session = Session::builder(Origin::with_ip_addr(mount.ssrc, 1, local), &mount.path)
        .connection(unspecified)
        .time(Time::new(0, 0))
        .attribute(Attribute::with_value("control", "*"))
        .attribute(Attribute::with_value("range", "npt=now-"))
        .media(video)
        .build();
    let mut text = Vec::new();
    // Writing to a Vec does not fail.
    let _ = session.write(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MountState;
    use cofferdam_picture::FrameRate;

    #[test]
    fn is_made_of_configuration_and_parameter_sets() {
        let track = VideoTrack {
            rate: FrameRate::new(25).unwrap(),
            sps: vec![0x67, 0x4d, 0x40, 0x1f, 0xaa].into(),
            pps: vec![0x68, 0xee].into(),
        };
        let mount = MountView {
            path: "lobby/main".into(),
            ssrc: 7,
            multicast: None,
            state: MountState::Ready(track.clone()),
        };
        let text = describe(&mount, &track, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "v=0\r\n\
             o=- 7 1 IN IP4 127.0.0.1\r\n\
             s=lobby/main\r\n\
             c=IN IP4 0.0.0.0\r\n\
             t=0 0\r\n\
             a=control:*\r\n\
             a=range:npt=now-\r\n\
             m=video 0 RTP/AVP 96\r\n\
             a=rtpmap:96 H264/90000\r\n\
             a=fmtp:96 packetization-mode=1;profile-level-id=4D401F;\
             sprop-parameter-sets=Z01AH6o=,aO4=\r\n\
             a=framerate:25\r\n\
             a=control:trackID=0\r\n"
        );
    }
}
