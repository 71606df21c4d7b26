//! Pictures that cost more than they should, and streams that change their shape.

use std::time::Duration;

use cofferdam_picture_ring::Fault::{DecodeFailed, UnsupportedPicture};

use super::{Family, SOON, pictures, stream};
use crate::media::h264::{Sps, key, key_of};
use crate::media::{description, h264, h265, rtp};
use crate::rtsp::{playing, playing_as};
use crate::scenario::{Expected, Scenario, Threat};
use crate::{Limit, Path, Row};

const OF: Family = Family(Threat::Bomb);

pub(super) fn all() -> Vec<Scenario> {
    vec![
        OF.fault(
            "8192-by-8192",
            "sends H.264 of 8192x8192",
            &[UnsupportedPicture],
            Limit::Size.at(Path::H264Sps, &[Row::T4, Row::T6, Row::H11]),
            || {
                playing([pictures(
                    SOON,
                    key_of(&Sps { size: (512, 512), references: 0, ..Sps::default() }),
                )])
            },
        ),
        OF.fault(
            "size-beyond-numbers",
            "sends H.264 of more macroblocks than 32 bits count",
            &[DecodeFailed],
            Limit::Failures.at(Path::H264Sps, &[Row::T4]),
            || {
                let size = (0x7fff_ffff, 0x7fff_ffff);
                playing([pictures(SOON, key_of(&Sps { size, ..Sps::default() }))])
            },
        ),
        OF.fault(
            "references-of-the-largest",
            "sends H.264 of 3840x2160 that refers to 16 pictures",
            &[UnsupportedPicture],
            Limit::ReferenceMacroblocks.at(Path::H264Sps, &[Row::T4, Row::T6]),
            || {
                let largest = Sps { size: (240, 135), references: 16, ..Sps::default() };
                playing([pictures(SOON, key_of(&largest))])
            },
        ),
        OF.scenario(
            "thousand-pictures-a-second",
            "sends a thousand pictures a second",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::Playing, &[Row::T6]),
            || playing([pictures(Duration::from_millis(1), key())]),
        ),
        OF.scenario(
            "sets-with-every-picture",
            "sends other parameter sets with every picture",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::H264Sps, &[Row::T5, Row::H10]),
            || {
                playing([stream(super::TENTH, |n| {
                    let mut key = key();
                    // The level: the same stream to the decoder, another set to compare.
                    key[0][3] = if n % 2 == 0 { 10 } else { 30 };
                    rtp::picture(n, &key)
                })])
            },
        ),
        OF.scenario(
            "another-shape-each-time",
            "sends pictures of two sizes in turn",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::Pixels, &[Row::T5, Row::H10]),
            || {
                playing([stream(super::TENTH, |n| {
                    rtp::picture(n, &if n % 2 == 0 { key() } else { h264::other_key() })
                })])
            },
        ),
        OF.fault(
            "codec-of-the-hour",
            "describes and sends H.264, and H.265 after five pictures",
            &[DecodeFailed],
            Limit::Failures.at(Path::H264Payload, &[Row::T5, Row::H19]),
            || {
                let other = stream(SOON, |n| rtp::picture(n.wrapping_add(15), &h265::key()));
                playing([super::honest(5), other])
            },
        ),
        OF.scenario(
            "interlaced",
            "sends pictures in fields",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::H264Sps, &[Row::T4, Row::H13]),
            || playing([pictures(super::TENTH, h264::units_of(h264::INTERLACED))]),
        ),
        OF.scenario(
            "pixels-at-their-extremes",
            "sends pictures all black, all white, and of pixels that differ from each neighbour",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::Pixels, &[Row::T11]),
            || {
                let clips = [h264::BLACK, h264::WHITE, h264::CHECKERED].map(h264::units_of);
                playing([stream(super::TENTH, move |n| {
                    rtp::picture(n, &clips[n as usize % clips.len()])
                })])
            },
        ),
        OF.scenario(
            "codec-of-the-day",
            "plays H.265 pictures of 64x64 into whatever size was configured",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::StreamChoice, &[Row::T5]),
            || playing_as(&description::h265(), [pictures(super::TENTH, h265::key())]),
        ),
        OF.scenario(
            "parameter-sets-alone",
            "sends each parameter set ten times with every picture",
            Expected::Plays,
            Limit::NoneNeeded.at(Path::H264Pps, &[Row::T6, Row::H10]),
            || {
                let mut key = key();
                for _ in 0..9 {
                    key.insert(1, h264::SPS.to_vec());
                    key.insert(key.len() - 1, h264::PPS.to_vec());
                }
                playing([pictures(super::TENTH, key)])
            },
        ),
    ]
}
