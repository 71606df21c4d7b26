//! Marks at every place that a camera can write.
//!
//! A planted camera plays like any other, and carries random bytes wherever the protocols leave it
//! room. [`place`] says what a place is; each protocol's module lists its own and knows how to write
//! there. Fields of fewer than 64 bits (an SSRC, a colour's number) are no places: chance would find
//! them anywhere.

mod aac;
mod bits;
mod h264;
mod h265;
mod jpeg;
mod place;
mod rtcp;
mod rtp;
mod rtsp;
mod sdp;
mod sei;
mod timing;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use cofferdam_canary::{Mark, PlantedCamera};
use cofferdam_picture::CameraId;

use crate::settings::Codec;

pub(crate) use aac::AUDIO_TRACK;
pub(crate) use jpeg::JpegMarks;
pub(crate) use rtcp::Report;
pub(crate) use rtp::PacketMarks;
pub(crate) use sdp::describe;
pub(crate) use timing::Rate;

/// The marks of one camera.
#[derive(Debug)]
pub(crate) struct Plant {
    codec: Codec,
    rate: Rate,
    marks: BTreeMap<&'static str, Drawn>,
    said_goodbye: AtomicBool,
}

#[derive(Debug)]
struct Drawn {
    layer: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Plant {
    /// Fresh marks for a camera of this codec and rate.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub(crate) fn draw(codec: Codec, rate: Rate) -> Result<Self, getrandom::Error> {
        let mut marks = BTreeMap::new();
        for place in place::of(codec) {
            let forms = place.form.draw()?;
            marks.insert(place.name, Drawn { layer: place.layer, forms });
        }
        Ok(Self { codec, rate, marks, said_goodbye: AtomicBool::new(false) })
    }

    /// The list of what is planted, for those who search.
    pub(crate) fn planted(&self, name: &CameraId) -> PlantedCamera {
        let codec = match self.codec {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Mjpeg => "mjpeg",
        };
        let mark =
            |(place, drawn): (&&str, &Drawn)| Mark::new(place, drawn.layer, drawn.forms.clone());
        // Every form draws at least the least a mark has.
        let marks = self.marks.iter().filter_map(|entry| mark(entry).ok()).collect();
        PlantedCamera { name: name.to_string(), codec: codec.to_owned(), marks }
    }

    /// What is written at a place. A place that is in no list has nothing, which a test would see.
    pub(crate) fn bytes(&self, place: &str) -> &[u8] {
        let drawn = self.marks.get(place);
        debug_assert!(drawn.is_some(), "no place is called {place}");
        drawn.and_then(|drawn| drawn.forms.first()).map_or(&[], Vec::as_slice)
    }

    /// As [`bytes`](Self::bytes), for places of text.
    pub(crate) fn text(&self, place: &str) -> &str {
        std::str::from_utf8(self.bytes(place)).unwrap_or_default()
    }

    /// Whether this is the moment for a goodbye: true once.
    pub(crate) fn goodbye(&self) -> bool {
        !self.said_goodbye.swap(true, Ordering::Relaxed)
    }

    /// Parameter sets as they are sent and described.
    pub(crate) fn parameter_sets(&self, sets: &[Bytes]) -> Vec<Bytes> {
        let planted = |set: &Bytes| match self.codec {
            Codec::H264 => h264::parameter_set(self, set).into(),
            Codec::H265 => h265::parameter_set(self, set).into(),
            Codec::Mjpeg => set.clone(),
        };
        sets.iter().map(planted).collect()
    }

    /// The units to send instead of `unit`, an access unit in Annex B form: itself with marks, and
    /// before a key frame one that no decoder can use.
    pub(crate) fn access_units(&self, unit: &[u8], key: bool) -> Vec<Vec<u8>> {
        match self.codec {
            Codec::H264 => vec![h264::access_unit(self, unit)],
            Codec::H265 => h265::access_units(self, unit, key),
            Codec::Mjpeg => vec![unit.to_vec()],
        }
    }

    /// What JPEG pictures carry.
    pub(crate) fn jpeg(&self) -> Option<JpegMarks> {
        (self.codec == Codec::Mjpeg).then(|| jpeg::marks(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_mark_of_its_own() {
        for codec in [Codec::H264, Codec::H265, Codec::Mjpeg] {
            let plant = Plant::draw(codec, Rate(25)).unwrap();
            let planted = plant.planted(&"cam".parse().unwrap());
            assert_eq!(planted.marks.len(), plant.marks.len());
            assert_eq!(
                planted.marks.len(),
                place::of(codec).count(),
                "a place's name stands twice"
            );
            let mut forms: Vec<&[u8]> = planted.marks.iter().flat_map(Mark::forms).collect();
            let all = forms.len();
            forms.sort_unstable();
            forms.dedup();
            assert_eq!(forms.len(), all);
        }
    }

    #[test]
    fn a_camera_says_goodbye_once() {
        let plant = Plant::draw(Codec::H264, Rate(25)).unwrap();
        assert!(plant.goodbye());
        assert!(!plant.goodbye());
    }
}
