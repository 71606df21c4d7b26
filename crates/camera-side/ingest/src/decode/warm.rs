//! Running every decoder once, on clips of our own, before anything hostile is read.
//!
//! Codecs load, allocate and look around on their first picture. All of that is over when the worker
//! locks itself in, for all three codecs: the camera decides later which of them it is.

use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::Codec;

use super::PictureDecoder;
use crate::session::AccessUnit;

/// A codec, and the access units of a clip in it: a key picture and, where the codec has such, one
/// that refers to it. Grey squares of 64x64, made with x264, x265 and libjpeg; no metadata.
const CLIPS: [(Codec, &[&[u8]]); 3] = [
    (Codec::H264, &[include_bytes!("warm/key.h264"), include_bytes!("warm/next.h264")]),
    (Codec::H265, &[include_bytes!("warm/key.h265"), include_bytes!("warm/next.h265")]),
    (Codec::Mjpeg, &[include_bytes!("warm/key.jpeg"), include_bytes!("warm/key.jpeg")]),
];

/// A decoder that does not decode what it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the decoder of {0} did not decode the built-in clip")]
pub struct ColdDecoder(pub Codec);

/// Starts each decoder and lets it decode a clip.
///
/// From a cold disk this takes seconds, in which the thread does nothing else.
///
/// # Errors
/// The first codec whose plugin is missing, or that gives fewer pictures than its clip has.
pub fn warm_up() -> Result<(), ColdDecoder> {
    CLIPS.iter().try_for_each(|(codec, clip)| warm(*codec, clip).ok_or(ColdDecoder(*codec)))
}

fn warm(codec: Codec, clip: &[&[u8]]) -> Option<()> {
    let mut decoder = PictureDecoder::open(codec).ok()?;
    let mut pictures = 0;
    for (data, timestamp) in clip.iter().zip(0..) {
        let unit = AccessUnit {
            data: data.to_vec(),
            arrived: MonotonicTime::now(),
            timestamp,
            random_access: true,
            lost_packets: 0,
        };
        pictures += decoder.push(unit).ok()?.0.len();
    }
    (pictures == clip.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decoder_decodes_its_clip_and_no_other() {
        assert_eq!(warm_up(), Ok(()));
        let (_, h264) = CLIPS[0];
        assert_eq!(warm(Codec::H265, h264), None);
    }
}
