//! Both encoders, as mounts use them.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation)]

use std::sync::Arc;

use cofferdam_encode::encoder::{MountEncoder, Target, load};
use cofferdam_encode::slate::{DEFAULT_CAUSE, Slate, UtcSecond};
use cofferdam_encode_link::{EncoderName, EncoderSettings, Preset, Profile};
use cofferdam_picture::{FrameRate, Geometry, Picture};

const BOTH: [EncoderName; 2] = [EncoderName::X264, EncoderName::Openh264];

fn settings(name: EncoderName) -> EncoderSettings {
    EncoderSettings {
        name,
        preset: Preset::Superfast,
        profile: Profile::Main,
        quality: 25,
        max_kbps: 2000,
        gop_seconds: 1,
    }
}

fn encoder(name: EncoderName, width: u32, height: u32) -> MountEncoder {
    load(name).unwrap();
    let target = Target {
        geometry: Geometry::new(width, height).unwrap(),
        rate: FrameRate::new(25).unwrap(),
        max_kbps: 2000,
    };
    MountEncoder::new(&settings(name), target).unwrap()
}

fn slate(width: u32, height: u32, second: u64) -> Arc<Picture> {
    let geometry = Geometry::new(width, height).unwrap();
    let mut slate = Slate::new("lobby".parse().unwrap(), geometry, false);
    slate.picture(DEFAULT_CAUSE, UtcSecond::from_unix(second))
}

/// A picture full of noise, as a camera makes it in the dark.
fn noise(width: u32, height: u32, seed: u64) -> Arc<Picture> {
    noise_of(width, height, seed, 40)
}

fn noise_of(width: u32, height: u32, seed: u64, range: u64) -> Arc<Picture> {
    let mut picture = Picture::black(Geometry::new(width, height).unwrap());
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in picture.as_bytes_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (128 - range / 2 + (state >> 32) % range) as u8;
    }
    Arc::new(picture)
}

/// The NAL units of an Annex B access unit, start codes removed.
fn nal_units(unit: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<_> =
        (0..unit.len().saturating_sub(2)).filter(|i| unit[*i..*i + 3] == [0, 0, 1]).collect();
    starts
        .iter()
        .enumerate()
        .map(|(n, start)| {
            let end = starts
                .get(n + 1)
                .map_or(unit.len(), |next| if unit[next - 1] == 0 { next - 1 } else { *next });
            unit[start + 3..end].to_vec()
        })
        .collect()
}

fn types(unit: &[u8]) -> Vec<u8> {
    nal_units(unit).iter().map(|nal| nal[0] & 0x1f).collect()
}

fn parameter_sets(unit: &[u8]) -> Vec<Vec<u8>> {
    nal_units(unit).into_iter().filter(|nal| matches!(nal[0] & 0x1f, 7 | 8)).collect()
}

#[test]
fn parameter_sets_are_the_same_in_every_key_frame_and_every_life() {
    for name in BOTH {
        let mut seen: Option<Vec<Vec<u8>>> = None;
        for life in 0..2 {
            let mut encoder = encoder(name, 640, 360);
            let mut keys = 0;
            for n in 0..60u64 {
                let picture =
                    if n % 20 < 10 { slate(640, 360, n) } else { noise(640, 360, n + life) };
                let unit = encoder.encode(&picture, n % 7 == 0).unwrap().unwrap();
                assert_eq!(unit.is_key(), types(unit.as_ref()).contains(&5), "{name:?} {n}");
                if !unit.is_key() {
                    assert!(parameter_sets(unit.as_ref()).is_empty(), "{name:?} {n}");
                    assert!(n % 7 != 0, "{name:?}: no key frame where one was asked for");
                    continue;
                }
                keys += 1;
                let sets = parameter_sets(unit.as_ref());
                assert_eq!(sets.iter().map(|nal| nal[0] & 0x1f).collect::<Vec<_>>(), [7, 8]);
                assert_eq!(*seen.get_or_insert_with(|| sets.clone()), sets, "{name:?} {n}");
            }
            assert!(keys >= 9);
        }
    }
}

#[test]
fn only_slices_parameter_sets_and_the_encoders_own_sei_are_made() {
    for name in BOTH {
        let mut encoder = encoder(name, 320, 240);
        for n in 0..100 {
            let unit = encoder.encode(&noise(320, 240, n), false).unwrap().unwrap();
            for kind in types(unit.as_ref()) {
                assert!([1, 5, 6, 7, 8].contains(&kind), "{name:?}: NAL type {kind}");
            }
        }
    }
}

#[test]
fn key_frames_come_once_a_gop_without_being_asked_for() {
    for name in BOTH {
        let mut encoder = encoder(name, 320, 240);
        let picture = slate(320, 240, 0);
        let keys: Vec<_> = (0..100)
            .filter(|_| encoder.encode(&picture, false).unwrap().unwrap().is_key())
            .collect();
        assert_eq!(keys, [0, 25, 50, 75], "{name:?}");
        // Nor do noise and scenes that change bring more of them.
        let mut encoder = self::encoder(name, 320, 240);
        let keys: Vec<_> = (0..100)
            .filter(|n| {
                let picture = if n / 9 % 2 == 0 { noise(320, 240, *n) } else { slate(320, 240, 0) };
                encoder.encode(&picture, false).unwrap().unwrap().is_key()
            })
            .collect();
        assert_eq!(keys, [0, 25, 50, 75], "{name:?}: noise");
    }
}

#[test]
fn two_key_frames_in_a_row_differ_in_their_id() {
    for name in BOTH {
        let mut encoder = encoder(name, 320, 240);
        let picture = slate(320, 240, 0);
        let [first, second] =
            [0, 1].map(|_| encoder.encode(&picture, true).unwrap().unwrap().as_ref().to_vec());
        let slice =
            |unit: &[u8]| nal_units(unit).into_iter().find(|nal| nal[0] & 0x1f == 5).unwrap();
        assert_ne!(slice(&first), slice(&second), "{name:?}");
    }
}

#[test]
fn the_same_pictures_give_the_same_bytes() {
    for name in BOTH {
        let run = || {
            let mut encoder = encoder(name, 320, 240);
            (0..30)
                .map(|n| {
                    encoder.encode(&noise(320, 240, n), n == 9).unwrap().unwrap().as_ref().to_vec()
                })
                .collect::<Vec<_>>()
        };
        assert!(run() == run(), "{name:?}");
    }
}

/// Ten seconds of noise under a cap of 2 Mbit/s with a second of buffer.
#[test]
fn the_rate_stays_under_its_cap() {
    for name in BOTH {
        let mut encoder = encoder(name, 320, 240);
        let sizes: Vec<_> = (0..250)
            .map(|n| encoder.encode(&noise(320, 240, n), false).unwrap().unwrap().as_ref().len())
            .collect();
        let last = sizes[125..].iter().sum::<usize>() * 8 / 5;
        assert!(last < 2_400_000, "{name:?}: {last} bit/s");
    }
}

#[test]
fn a_still_scene_costs_little() {
    for name in BOTH {
        let mut encoder = encoder(name, 640, 360);
        let picture = slate(640, 360, 0);
        let sizes: Vec<_> = (0..24)
            .map(|_| encoder.encode(&picture, false).unwrap().unwrap().as_ref().len())
            .collect();
        assert!(sizes[12..].iter().all(|size| *size < 600), "{name:?}: {sizes:?}");
    }
}

/// White noise over the whole range: OpenH264 gives up on most such pictures.
#[test]
fn a_picture_that_breaks_the_encoder_costs_itself_and_a_key_frame() {
    let (mut lost, mut after_loss) = (0, 0);
    for name in BOTH {
        let mut encoder = encoder(name, 320, 240);
        let sets =
            parameter_sets(encoder.encode(&slate(320, 240, 0), true).unwrap().unwrap().as_ref());
        let mut broken = false;
        for n in 0..40 {
            let picture = if n % 4 == 0 { noise_of(320, 240, n, 256) } else { slate(320, 240, n) };
            let Some(unit) = encoder.encode(&picture, n % 4 == 0).unwrap() else {
                lost += 1;
                broken = true;
                continue;
            };
            if std::mem::take(&mut broken) {
                after_loss += 1;
                assert!(unit.is_key());
                assert_eq!(parameter_sets(unit.as_ref()), sets);
            }
        }
    }
    assert_eq!(lost, after_loss);
    assert!(lost > 0, "nothing broke: is this test still one?");
}

#[test]
fn the_cap_of_the_sub_mount_follows_its_area() {
    let geometry = |w, h| Geometry::new(w, h).unwrap();
    let rate = FrameRate::new(25).unwrap();
    let cap = |sub, main, kbps| Target::by_area(sub, rate, main, kbps).max_kbps;
    assert_eq!(cap(geometry(960, 540), geometry(1920, 1080), 4000), 1000);
    assert_eq!(cap(geometry(320, 180), geometry(1920, 1080), 4000), 256);
    assert_eq!(cap(geometry(640, 360), geometry(640, 360), 200), 200);
    assert_eq!(cap(geometry(1920, 1080), geometry(640, 360), 1000), 1000);
}
