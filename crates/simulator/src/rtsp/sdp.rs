//! The session description (RFC 4566) that DESCRIBE answers with.

use std::fmt::Write as _;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::hub::Description;
use crate::packetize::payload_type;
use crate::script::Advertised;
use crate::settings::Codec;

/// The one media's control URL, relative to the Content-Base.
pub(crate) const TRACK: &str = "trackID=0";

/// The description of a camera at `address` that has what it says.
pub(crate) fn honest(address: IpAddr, description: &Description) -> String {
    let format = VideoFormat::of(description);
    let mut media = format!("m=video 0 RTP/AVP {}\r\n{}\r\n", format.payload, format.map);
    if !format.parameters.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(media, "a=fmtp:{} {}\r\n", format.payload, format.parameters);
    }
    if let Some(rate) = description.rate {
        let _ = write!(media, "a=framerate:{rate}\r\n");
    }
    session(address, &media)
}

/// How a description tells what the video is.
pub(crate) struct VideoFormat {
    /// The payload type.
    pub(crate) payload: u8,
    /// The `rtpmap` line.
    pub(crate) map: String,
    /// What stands in the `fmtp` line; nothing where there is none.
    pub(crate) parameters: String,
}

impl VideoFormat {
    pub(crate) fn of(description: &Description) -> Self {
        let payload = payload_type(description.codec);
        let sets = |index: usize| {
            let set = description.parameter_sets.get(index);
            set.map(|set| STANDARD.encode(set)).unwrap_or_default()
        };
        let (name, parameters) = match description.codec {
            // RFC 6184 §8.2.1
            Codec::H264 => (
                "H264",
                format!(
                    "packetization-mode=1;profile-level-id={};sprop-parameter-sets={},{}",
                    profile_level_id(description.parameter_sets.first()),
                    sets(0),
                    sets(1),
                ),
            ),
            // RFC 7798 §7.2.1
            Codec::H265 => (
                "H265",
                format!("sprop-vps={};sprop-sps={};sprop-pps={}", sets(0), sets(1), sets(2)),
            ),
            Codec::Mjpeg => ("JPEG", String::new()),
        };
        Self { payload, map: format!("a=rtpmap:{payload} {name}/90000"), parameters }
    }
}

/// The description of a camera that says it has something else.
pub(crate) fn advertised(address: IpAddr, what: Advertised) -> String {
    session(
        address,
        match what {
            Advertised::Vp8 => "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n",
            Advertised::Mpeg4Visual => {
                "m=video 0 RTP/AVP 96\r\n\
                 a=rtpmap:96 MP4V-ES/90000\r\n\
                 a=fmtp:96 profile-level-id=1;config=000001B001000001B5891300000100000001200\
                 0C48D8800F50B042414630000\r\n"
            }
            Advertised::AudioOnly => "m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n",
        },
    )
}

fn session(address: IpAddr, media: &str) -> String {
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\n\
         o=- 1 1 IN {family} {address}\r\n\
         s=simulated camera\r\n\
         c=IN {family} {address}\r\n\
         t=0 0\r\n\
         a=control:*\r\n\
         a=range:npt=now-\r\n\
         {media}\
         a=control:{TRACK}\r\n"
    )
}

/// The three bytes after the SPS's header, in hexadecimal.
fn profile_level_id(sps: Option<&Bytes>) -> String {
    let bytes = sps.and_then(|sps| sps.get(1..4)).unwrap_or(&[0x4D, 0x00, 0x1F]);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn description(codec: Codec, sets: &[&'static [u8]]) -> Description {
        let parameter_sets = sets.iter().map(|set| Bytes::from_static(set)).collect();
        Description { codec, parameter_sets, rate: Some(25) }
    }

    #[test]
    fn h264_carries_its_parameter_sets() {
        let sets: [&[u8]; 2] = [&[0x67, 0x64, 0x00, 0x28, 0xAC], &[0x68, 0xEE]];
        let sdp = honest(HOST, &description(Codec::H264, &sets));
        assert!(sdp.contains("profile-level-id=640028;sprop-parameter-sets=Z2QAKKw=,aO4=\r\n"));
        assert!(sdp.contains("a=framerate:25\r\n"));
        assert!(sdp.ends_with("a=control:trackID=0\r\n"));
    }

    #[test]
    fn h265_carries_its_parameter_sets() {
        let sdp = honest(HOST, &description(Codec::H265, &[&[64, 1], &[66, 1], &[68, 1]]));
        assert!(sdp.contains("sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE=\r\n"));
    }

    #[test]
    fn every_line_ends_as_it_must() {
        for sdp in [
            honest(HOST, &description(Codec::Mjpeg, &[])),
            advertised(HOST, Advertised::Vp8),
            advertised(HOST, Advertised::Mpeg4Visual),
            advertised(HOST, Advertised::AudioOnly),
        ] {
            for line in sdp.split_terminator("\r\n") {
                assert_eq!(line.find('='), Some(1), "{line}");
                assert!(!line.contains(['\r', '\n']) && !line.contains("  "), "{line}");
            }
        }
    }
}
