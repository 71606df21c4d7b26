//! Places, as data: a name, the protocol it is in, the codecs that have it, what can stand there.

use crate::settings::Codec;

use super::{aac, h264, h265, jpeg, rtcp, rtp, rtsp, sdp};

/// Somewhere a camera can write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// `protocol/what`, unique among the places of a codec.
    pub(super) name: &'static str,
    /// The protocol, as people call it.
    pub(super) layer: &'static str,
    /// What can stand there.
    pub(super) form: Form,
}

/// What a mark is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// 32 hexadecimal digits: text that is legal everywhere. Also its 16 bytes.
    Text,
    /// A decimal number of 19 digits that fits 63 bits. Also its 8 bytes.
    Number,
    /// 16 bytes, none of them 0 or 255: those have a meaning in NAL units and in JPEG.
    Bytes,
    /// 8 such bytes.
    Word,
    /// 8 bytes whose halves are numbers below 2^30 and 2^31, the second one the larger.
    Timing,
    /// Four numbers of 31 random bits, as [`bits::Writer::ue`](super::bits::Writer::ue) writes them
    /// in the HRD parameters of both codecs; the part of them that is whole bytes.
    Hrd,
}

/// All places that a camera of this codec has.
pub(super) fn of(codec: Codec) -> impl Iterator<Item = &'static Place> {
    let own = match codec {
        Codec::H264 => h264::PLACES,
        Codec::H265 => h265::PLACES,
        Codec::Mjpeg => jpeg::PLACES,
    };
    [rtsp::PLACES, sdp::PLACES, rtp::PLACES, rtcp::PLACES, aac::PLACES, own].into_iter().flatten()
}

impl Form {
    /// A fresh mark: what is written first, and what else it may look like.
    pub(super) fn draw(self) -> Result<Vec<Vec<u8>>, getrandom::Error> {
        Ok(match self {
            Self::Text => {
                let bytes = random::<16>()?;
                let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                vec![text.into_bytes(), bytes.to_vec()]
            }
            Self::Number => {
                // 19 digits, and below 2^63.
                let number =
                    1_000_000_000_000_000_000 + getrandom::u64()? % 8_000_000_000_000_000_000;
                vec![number.to_string().into_bytes(), number.to_be_bytes().to_vec()]
            }
            Self::Bytes => vec![random::<16>()?.to_vec()],
            Self::Word => vec![random::<8>()?.to_vec()],
            Self::Timing => {
                let mut bytes = random::<8>()?;
                bytes[0] = bytes[0] & 0x1F | 0x20;
                bytes[4] = bytes[4] & 0x3F | 0x40;
                vec![bytes.to_vec()]
            }
            Self::Hrd => super::timing::draw_hrd()?,
        })
    }
}

/// Random bytes other than 0 and 255.
fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    while bytes.iter().any(|byte| matches!(byte, 0 | 255)) {
        getrandom::fill(&mut bytes)?;
    }
    Ok(bytes)
}
