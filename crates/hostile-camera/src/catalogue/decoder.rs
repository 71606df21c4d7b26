//! What a decoder should never see.

use std::time::Duration;

use cofferdam_picture_ring::Fault::{
    DecodeFailed, NoPictures, StreamRefused, TooMuchData, UnsupportedPicture,
};
use cofferdam_picture_ring::Filtered;

use super::{Family, SOON, TENTH, pictures};
use crate::act::Act;
use crate::media::h264::{Sps, key_of, key_with, slice};
use crate::media::rtp::{Packet, low};
use crate::media::{description, h264, h265, jpeg};
use crate::rtsp::{playing, playing_as};
use crate::scenario::{Expected, Scenario, Threat};
use crate::{Limit, Path, Row};

const OF: Family = Family(Threat::Decoder);
/// Between two large access units: neither their bytes in a second nor the work they make are to end it.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(2);

pub(super) fn all() -> Vec<Scenario> {
    [formats(), order(), left_out()].concat()
}

fn formats() -> Vec<Scenario> {
    vec![
        OF.fault(
            "extended-profile",
            "sends H.264 of the Extended profile",
            &[UnsupportedPicture],
            Limit::Formats.at(Path::H264Sps, &[Row::T4]),
            || units(key_of(&Sps { profile: 88, ..Sps::default() })),
        ),
        OF.fault(
            "ten-bits",
            "sends H.264 of 10 bits",
            &[UnsupportedPicture],
            Limit::Formats.at(Path::H264Sps, &[Row::T4, Row::H12]),
            || units(key_of(&Sps { profile: 100, depth: 2, ..Sps::default() })),
        ),
        OF.fault(
            "full-chroma",
            "sends H.264 in 4:4:4",
            &[UnsupportedPicture],
            Limit::Formats.at(Path::H264Sps, &[Row::T4]),
            || units(key_of(&Sps { profile: 100, chroma: 3, ..Sps::default() })),
        ),
        OF.fault(
            "slice-groups",
            "sends H.264 with slice groups",
            &[UnsupportedPicture],
            Limit::Formats.at(Path::H264Pps, &[Row::T4]),
            || {
                let mut key = key_of(&Sps::default());
                key[1] = h264::pps(1);
                units(key)
            },
        ),
        OF.fault(
            "h265-main-10",
            "sends H.265 of the Main 10 profile",
            &[UnsupportedPicture],
            Limit::Formats.at(Path::H265Sps, &[Row::T4, Row::H12]),
            || {
                let mut key = h265::key();
                // general_profile_idc and its compatibility flags.
                key[1][3] = 2;
                key[1][4] = 0x20;
                playing_as(&description::h265(), [pictures(SOON, key)])
            },
        ),
        OF.fault(
            "seventeen-references",
            "sends H.264 that refers to 17 pictures",
            &[UnsupportedPicture],
            Limit::References.at(Path::H264Sps, &[Row::T4, Row::T6]),
            || units(key_of(&Sps { references: 17, ..Sps::default() })),
        ),
    ]
}

fn order() -> Vec<Scenario> {
    vec![
        OF.fault(
            "sixty-five-slices",
            "sends access units of more than 64 slices",
            &[StreamRefused],
            Limit::Slices.at(Path::H264Slices, &[Row::T3, Row::T4]),
            || {
                let mut key = key_of(&Sps { size: (10, 10), ..Sps::default() });
                key.truncate(2);
                key.extend((0..80).map(|first| slice(0x65, first)));
                units(key)
            },
        ),
        OF.fault(
            "sixty-five-thousand-slices",
            "sends access units of 65,536 slices",
            &[StreamRefused, NoPictures],
            Limit::Slices.at(Path::H264Slices, &[Row::T4, Row::T6, Row::H14]),
            || {
                let mut key = key_of(&Sps { size: (10, 10), ..Sps::default() });
                key.truncate(2);
                // Its header, and no more.
                let slice = slice(0x65, 0)[..4].to_vec();
                let length = [0, u8::try_from(slice.len()).unwrap_or(u8::MAX)];
                // An aggregate (STAP-A, RFC 6184, 5.7.1) of 4096.
                let aggregate =
                    [&[0x78][..], &[&length[..], &slice].concat().repeat(4096)].concat();
                key.extend(vec![aggregate; 16]);
                playing([pictures(SHORT, key)])
            },
        ),
        // Where the machine has too much to do, two of them are too many bytes at once.
        OF.fault(
            "units-of-eight-megabytes",
            "sends access units of 8.5 megabytes",
            &[NoPictures, TooMuchData],
            Limit::LargestUnit.at(Path::H264Units, &[Row::T3, Row::T6]),
            || {
                let mut key = h264::key();
                key[2].resize(60_000, 0xff);
                let end = h264::fragment(5, false, true, &[0xff; 60_000]);
                let middle = h264::fragment(5, false, false, &[0xff; 60_000]);
                let start = h264::fragment(5, true, false, &key[2][1..]);
                key[2] = start;
                key.extend(vec![middle; 140]);
                key.push(end);
                playing([pictures(LONG, key)])
            },
        ),
        OF.fault(
            "jpeg-of-seventy-segments",
            "hides seventy segments in the scan of each JPEG image",
            &[StreamRefused],
            Limit::Segments.at(Path::JpegSegments, &[Row::T4, Row::T6]),
            || {
                let scan = [0xff, 0xe5, 0, 2].repeat(70);
                playing_as(
                    &description::jpeg(),
                    [super::stream(SOON, move |n| {
                        let payload = jpeg::payload(1, 80, (8, 8), 0, &scan);
                        Packet { kind: 26, ..Packet::of(n, low(n), true) }.with(&payload)
                    })],
                )
            },
        ),
        OF.fault(
            "h265-references-of-the-largest",
            "sends H.265 of 3840x2160 that refers to 8 pictures",
            &[UnsupportedPicture],
            Limit::H265References.at(Path::H265Sps, &[Row::T4, Row::T6]),
            || playing_as(&description::h265(), [pictures(SOON, h265::key_of((3840, 2160), 8))]),
        ),
        OF.fault(
            "slices-upside-down",
            "sends the slices of a picture in the wrong order",
            &[StreamRefused],
            Limit::Order.at(Path::H264Slices, &[Row::T4]),
            || {
                let mut key = key_of(&Sps::default());
                key[2] = slice(0x65, 40);
                key.push(slice(0x65, 0));
                units(key)
            },
        ),
        OF.fault(
            "slices-of-unknown-sets",
            "sends slices of parameter sets that it never sent",
            &[StreamRefused],
            Limit::Order.at(Path::H264Slices, &[Row::T4]),
            || units(vec![slice(0x65, 0)]),
        ),
        OF.fault(
            "sets-of-three-kilobytes",
            "sends parameter sets of three kilobytes",
            &[StreamRefused],
            Limit::ParameterSet.at(Path::H264Pps, &[Row::T4]),
            || {
                let mut key = h264::key();
                key[1].extend([0x55; 3000]);
                units(key)
            },
        ),
        OF.fault(
            "side-information-flood",
            "sends more than 64 units of side information with each picture",
            &[StreamRefused],
            Limit::Others.at(Path::H264Units, &[Row::T3, Row::T4, Row::H15]),
            || units(key_with(&vec![sei(); 70])),
        ),
        // A hundred failures or ten seconds, whichever the machine comes to first.
        OF.fault(
            "noise-in-slices",
            "sends slices that are noise behind their header",
            &[DecodeFailed, NoPictures],
            Limit::Failures.at(Path::SliceData, &[Row::T4]),
            || {
                let mut key = h264::key();
                let noise = (0_u32..400).map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()[0] | 1);
                key[2].splice(4.., noise);
                units(key)
            },
        ),
    ]
}

fn left_out() -> Vec<Scenario> {
    vec![
        OF.scenario(
            "side-information",
            "hides user data in SEI with each picture",
            Expected::Filtered(Filtered::Sei),
            Limit::Kinds.at(Path::H264Units, &[Row::T4]),
            || whole(&[sei()]),
        ),
        OF.scenario(
            "enhancement-in-side-information",
            "hides an enhancement (LCEVC) in SEI with each picture",
            Expected::Filtered(Filtered::Sei),
            Limit::Kinds.at(Path::H264Units, &[Row::T4, Row::H16]),
            || {
                // By country and provider, of registered user data (ITU-T T.35).
                let body = [&[0xb4, 0x00, 0x50, 0x00][..], &[7; 20]].concat();
                whole(&[[&[0x06, 4, 24][..], &body, &[0x80]].concat()])
            },
        ),
        OF.scenario(
            "enhancement-layer",
            "sends slices of an enhancement layer (SVC, MVC) with each picture",
            Expected::Filtered(Filtered::Extension),
            Limit::Kinds.at(Path::H264Units, &[Row::T4, Row::H17]),
            || whole(&[vec![0x6f, 0x53, 0x00, 0x1e, 1, 2], vec![0x74, 0x40, 0x80, 1, 2, 3]]),
        ),
        OF.scenario(
            "auxiliary-pictures",
            "sends auxiliary pictures with each picture",
            Expected::Filtered(Filtered::Extension),
            Limit::Kinds.at(Path::H264Units, &[Row::T4]),
            || whole(&[vec![0x73, 1, 2, 3]]),
        ),
        OF.fault(
            "data-partitions",
            "sends data partitions with each picture",
            &[NoPictures],
            Limit::PictureTime.at(Path::H264Slices, &[Row::T4]),
            || whole(&[vec![0x62, 1, 2, 3]]),
        ),
        OF.scenario(
            "reserved-units",
            "sends units of reserved types with each picture",
            Expected::Filtered(Filtered::Reserved),
            Limit::Kinds.at(Path::H264Units, &[Row::T4]),
            || whole(&[vec![0x76, 1, 2, 3], vec![0x77, 1, 2, 3]]),
        ),
        OF.scenario(
            "filler",
            "sends filler with each picture",
            Expected::Filtered(Filtered::Filler),
            Limit::Kinds.at(Path::H264Units, &[Row::T4]),
            || whole(&[[&[0x0c][..], &[0xff; 1000], &[0x80]].concat()]),
        ),
        OF.scenario(
            "behind-the-parameter-sets",
            "hides bytes behind its parameter sets",
            Expected::Filtered(Filtered::Trailing),
            Limit::Kinds.at(Path::H264Pps, &[Row::T4]),
            || {
                let mut key = h264::key();
                key[1].extend(b"hidden\x80");
                playing([pictures(TENTH, key)])
            },
        ),
        OF.scenario(
            "h265-side-information",
            "hides user data in SEI with each H.265 picture",
            Expected::Filtered(Filtered::Sei),
            Limit::Kinds.at(Path::H265Units, &[Row::T4]),
            || {
                let sei = [&[0x4e, 0x01, 0x05, 0x18][..], &[7; 24], &[0x80]].concat();
                playing_as(&description::h265(), [pictures(TENTH, h265::key_with(&[sei]))])
            },
        ),
        OF.scenario(
            "h265-other-layer",
            "sends slices of another layer with each H.265 picture",
            Expected::Filtered(Filtered::Extension),
            Limit::Kinds.at(Path::H265Units, &[Row::T4, Row::H17]),
            || {
                let layer = vec![0x03, 0x09, 1, 2, 3];
                playing_as(&description::h265(), [pictures(TENTH, h265::key_with(&[layer]))])
            },
        ),
    ]
}

/// A stream of those units, often.
fn units(units: Vec<Vec<u8>>) -> Vec<Act> {
    playing([pictures(SOON, units)])
}

/// A stream of good pictures with `more` beside each.
fn whole(more: &[Vec<u8>]) -> Vec<Act> {
    playing([pictures(TENTH, key_with(more))])
}

/// User data, unregistered.
fn sei() -> Vec<u8> {
    [&[0x06, 5, 24][..], &[7; 24], &[0x80]].concat()
}
