//! What the filter before the decoder takes out of real footage, and that nothing is missed: the
//! decoder makes the same pictures of what is left.
//!
//! Where the footage folder is absent, FFmpeg draws films of the same codecs.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

use std::path::PathBuf;

use cofferdam_ingest::decode::PictureDecoder;
use cofferdam_ingest::session::AccessUnit;
use cofferdam_pad_codec::{DecodedPicture, Decoder};
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::{Codec, Filtered};
use cofferdam_system_tests::units::{Coding, access_units};
use cofferdam_system_tests::{film, programs};
use cofferdam_unit_filter::{Format, LargestPicture, UnitFilter};
use tempfile::TempDir;

const FOOTAGE: [&str; 6] = [
    "street-1080p25-h264.mp4",
    "street-720p25-h265.mp4",
    "street-576p25-mjpeg-alaw.mov",
    "street-720p12-h264-bframes.mp4",
    "street-576p25-h264-canary.h264",
    "street-geometry-change.h264",
];

/// Enough to see several key frames.
const MOST_UNITS: usize = 260;

fn footage(name: &str, folder: &TempDir) -> PathBuf {
    programs::footage(name).unwrap_or_else(|| {
        eprintln!("no footage folder beside the repository: {name} is drawn instead");
        film::draw(folder.path(), name, (640, 360), 25, 4)
    })
}

/// The first access units of a film of that name.
fn units(name: &str) -> (Coding, Vec<Vec<u8>>) {
    let folder = TempDir::new().unwrap();
    let coding = Coding::of(name);
    let mut units = access_units(&footage(name, &folder), coding);
    units.truncate(MOST_UNITS);
    assert!(units.len() > 20, "{name} has {} units", units.len());
    (coding, units)
}

fn new_filter(coding: Coding) -> UnitFilter {
    let format = match coding {
        Coding::H264 => Format::H264,
        Coding::H265 => Format::H265,
        Coding::Mjpeg => Format::Jpeg,
    };
    UnitFilter::new(format, LargestPicture { long: 3840, short: 2160 })
}

/// The bytes of a picture, and nothing of what lies between its rows.
fn pixels(picture: &DecodedPicture) -> Vec<u8> {
    let info = picture.info();
    let mut pixels = Vec::new();
    for plane in 0..info.n_planes() {
        let component = u8::try_from(plane).unwrap();
        let (width, height) = (info.comp_width(component), info.comp_height(component));
        let (bytes, stride) = picture.plane(plane).unwrap();
        for row in bytes.chunks(stride).take(height as usize) {
            pixels.extend_from_slice(&row[..width as usize]);
        }
    }
    pixels
}

/// The decoder that the product uses, without anything before it.
fn unfiltered(coding: Coding) -> Decoder {
    let (plugin, element, caps) = match coding {
        Coding::H264 => {
            ("libgstlibav.so", "avdec_h264", "video/x-h264,stream-format=byte-stream,alignment=au")
        }
        Coding::H265 => {
            ("libgstlibav.so", "avdec_h265", "video/x-h265,stream-format=byte-stream,alignment=au")
        }
        Coding::Mjpeg => ("libgstjpeg.so", "jpegdec", "image/jpeg"),
    };
    cofferdam_pad_codec::init(&[plugin]).unwrap();
    match coding {
        Coding::Mjpeg => Decoder::new(element, &[("idct-method", &"islow")], caps).unwrap(),
        _ => {
            Decoder::new(element, &[("max-threads", &1), ("thread-type", &"slice")], caps).unwrap()
        }
    }
}

#[test]
fn filtered_footage_decodes_to_the_same_pictures() {
    if !programs::has("ffmpeg", "filtered_footage_decodes_to_the_same_pictures") {
        return;
    }
    for name in FOOTAGE {
        let (coding, units) = units(name);
        let codec = match coding {
            Coding::H264 => Codec::H264,
            Coding::H265 => Codec::H265,
            Coding::Mjpeg => Codec::Mjpeg,
        };
        let (mut plain, mut product) = (unfiltered(coding), PictureDecoder::open(codec).unwrap());
        let (mut compared, mut stamp) = (0, 0);
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for unit in units {
            stamp += 40_000_000;
            expected.extend(plain.push(unit.clone(), stamp).unwrap().iter().map(pixels));
            let unit = AccessUnit {
                data: unit,
                arrived: MonotonicTime::now(),
                timestamp: i64::try_from(stamp).unwrap(),
                random_access: false,
                lost_packets: 0,
            };
            let (pictures, _) =
                product.push(unit).unwrap_or_else(|error| panic!("{name}: {error}"));
            found.extend(pictures.iter().map(|arrived| pixels(&arrived.picture)));
            // Compared as they come: a film is too large to keep.
            let both = expected.len().min(found.len());
            assert!(expected.drain(..both).eq(found.drain(..both)), "{name}: picture {compared}");
            compared += both;
        }
        assert!(compared > 15 && expected.len() + found.len() < 5, "{name}: {compared} compared");
        let filtered = product.take_filtered();
        eprintln!(
            "{name}: {compared} pictures, left out {:?}",
            filtered.iter().collect::<Vec<_>>()
        );
        match coding {
            Coding::Mjpeg => assert!(filtered.of(Filtered::Segment) > 0),
            _ => assert!(filtered.of(Filtered::Delimiter) > 0),
        }
        assert_eq!(filtered.of(Filtered::Unit), 0, "{name}");
    }
}

/// The marks of the canary film: in side information, as it is and as pairs of caption bytes.
const MARKS: [&[u8]; 2] = [b"UDUCANARY-HIK", b"\xfcCA\xfcNA\xfcRY"];

/// Films without marks get them here, where the film has them.
fn marked(mut unit: Vec<u8>) -> Vec<u8> {
    let payload = [&[5, 29][..], &[7; 16], MARKS[0]].concat();
    let captions = [&[4, 20, 0xb5, 0, 0x31][..], b"GA94\x03\xc3\xff", MARKS[1]].concat();
    let sei = [&[0, 0, 0, 1, 6][..], &payload, &captions, &[0x80]].concat();
    unit.splice(6..6, sei);
    unit
}

#[test]
fn what_cameras_hide_beside_their_pictures_does_not_reach_the_decoder() {
    if !programs::has("ffmpeg", "what_cameras_hide_beside_their_pictures") {
        return;
    }
    let name = "street-576p25-h264-canary.h264";
    let (coding, mut units) = units(name);
    if programs::footage(name).is_none() {
        units = units.into_iter().map(marked).collect();
    }
    let marks = |unit: &[u8]| {
        MARKS.iter().filter(|mark| unit.windows(mark.len()).any(|found| found == **mark)).count()
    };
    let mut filter = new_filter(coding);
    let count = units.len();
    let (mut before, mut after) = (0, 0);
    for mut unit in units {
        before += marks(&unit);
        let length = unit.len();
        filter.filter(&mut unit).unwrap();
        assert!(!unit.is_empty() && unit.len() < length);
        after += marks(&unit);
    }
    // The control: they were there, in every picture.
    assert!(before >= count, "{before} marks in {count} units");
    assert_eq!(after, 0);
    assert!(filter.take_tally().of(Filtered::Sei) >= count as u64);
}
