//! Real elements, driven.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation)]

use cofferdam_pad_codec::{
    CodecError, Decoder, EncodedUnit, Encoder, InitError, MakeError, VideoFormat, init,
};

const H264: &str = "video/x-h264,stream-format=byte-stream,alignment=au";

fn encoder(width: u32, height: u32) -> Encoder {
    init(&["libgstx264.so"]).unwrap();
    Encoder::new(
        "x264enc",
        &[("tune", &"zerolatency"), ("threads", &1), ("aud", &false), ("key-int-max", &50)],
        &format!(
            "video/x-raw,format=I420,width={width},height={height},framerate=25/1,\
             pixel-aspect-ratio=1/1,colorimetry=bt709,interlace-mode=progressive"
        ),
        "video/x-h264,stream-format=byte-stream,profile=main",
    )
    .unwrap()
}

fn decoder() -> Decoder {
    init(&["libgstlibav.so"]).unwrap();
    let properties: &[(&str, &dyn std::fmt::Display)] =
        &[("max-threads", &1), ("thread-type", &"slice"), ("output-corrupt", &false)];
    Decoder::new("avdec_h264", properties, H264).unwrap()
}

/// A picture whose planes and rows all differ, so that a wrong stride shows.
fn picture(width: usize, height: usize, luma: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in 0..height {
        bytes.extend(std::iter::repeat_n(luma + (row / 16 % 8) as u8 * 8, width));
    }
    bytes.resize(bytes.len() + width * height / 4, 90);
    bytes.resize(bytes.len() + width * height / 4, 160);
    bytes
}

fn stamp(n: u64) -> u64 {
    n * 40_000_000
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn every_picture_gives_one_unit_and_keys_come_when_asked() {
    let mut encoder = encoder(640, 360);
    let mut keys = Vec::new();
    for n in 0..10 {
        if n == 7 {
            encoder.force_key().unwrap();
        }
        let units = encoder.push(picture(640, 360, 16), stamp(n)).unwrap();
        assert_eq!(units.len(), 1);
        assert!(units[0].as_ref().starts_with(&[0, 0, 0, 1]));
        keys.push(units[0].is_key());
    }
    let at: Vec<_> = keys.iter().enumerate().filter(|(_, key)| **key).map(|(n, _)| n).collect();
    assert_eq!(at, [0, 7]);
}

#[test]
fn a_wrapped_picture_is_let_go_before_the_push_returns() {
    use std::sync::Arc;
    struct Shared(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let mut encoder = encoder(64, 64);
    let mut bytes = Arc::new(picture(64, 64, 30));
    for n in 0..5 {
        encoder.push(Shared(Arc::clone(&bytes)), stamp(n)).unwrap();
        assert!(Arc::get_mut(&mut bytes).is_some());
    }
}

/// Sizes whose strides GStreamer would round up, too: 854 and 427 are no multiples of four.
#[test]
fn what_is_encoded_is_what_is_decoded() {
    let mut decoder = decoder();
    for (width, height) in [(640, 360), (854, 480), (16, 16), (34, 18)] {
        let mut encoder = encoder(width as u32, height as u32);
        let source = picture(width, height, 40);
        let unit = encoder.push(source.clone(), 0).unwrap().remove(0);
        let mut pictures = decoder.push(unit.as_ref().to_vec(), stamp(3)).unwrap();
        pictures.extend(decoder.drain().unwrap());
        assert_eq!(pictures.len(), 1, "{width}x{height}");
        let decoded = &pictures[0];
        let info = decoded.info();
        assert_eq!((info.width() as usize, info.height() as usize), (width, height));
        assert_eq!(info.format(), VideoFormat::I420);
        assert_eq!(decoded.pts(), Some(stamp(3)));
        assert!(!decoded.is_corrupted() && !decoded.is_interlaced());
        let mut plane_start = 0;
        for (index, w, h) in
            [(0, width, height), (1, width / 2, height / 2), (2, width / 2, height / 2)]
        {
            let (data, stride) = decoded.plane(index).unwrap();
            for row in 0..h {
                let got = &data[row * stride..row * stride + w];
                let sent = &source[plane_start + row * w..plane_start + (row + 1) * w];
                let off = got.iter().zip(sent).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                assert!(off < 12, "{width}x{height} plane {index} row {row}: off by {off}");
            }
            plane_start += w * h;
        }
        assert!(decoded.plane(3).is_none());
    }
}

#[test]
fn ten_pictures_come_back_without_delay() {
    let mut encoder = encoder(320, 240);
    let mut decoder = decoder();
    for n in 0..10 {
        let unit = encoder.push(picture(320, 240, 16), stamp(n)).unwrap().remove(0);
        let pictures = decoder.push(unit.as_ref().to_vec(), stamp(n)).unwrap();
        assert_eq!(pictures.len(), 1, "picture {n}");
    }
}

#[test]
fn a_decoder_survives_garbage() {
    let mut encoder = encoder(320, 240);
    let mut decoder = decoder();
    for n in 0..20u8 {
        let junk: Vec<u8> = [0, 0, 0, 1, 0x65].into_iter().chain((0..200).map(|i| i ^ n)).collect();
        // Whether the decoder complains is its own affair.
        let _ = decoder.push(junk, stamp(n.into()));
    }
    decoder.flush().unwrap();
    let unit = encoder.push(picture(320, 240, 16), 0).unwrap().remove(0);
    let mut pictures = decoder.push(unit.as_ref().to_vec(), stamp(30)).unwrap();
    pictures.extend(decoder.drain().unwrap());
    assert_eq!(pictures.len(), 1);
}

#[test]
fn mistakes_are_named() {
    assert!(
        matches!(init(&["libgstnosuch.so"]), Err(InitError::Missing(name)) if name == "libgstnosuch.so")
    );
    let mut encoder = encoder(64, 64);
    assert_eq!(
        encoder.push(vec![0u8; 5], 0).unwrap_err(),
        CodecError::Size { expected: 6144, found: 5 }
    );
    let make = |factory, properties: &[(&str, &dyn std::fmt::Display)], caps| {
        Encoder::new(factory, properties, caps, "video/x-h264").unwrap_err()
    };
    let raw = "video/x-raw,format=I420,width=64,height=64,framerate=25/1";
    assert!(matches!(make("nosuchenc", &[], raw), MakeError::Element(_)));
    assert!(matches!(make("x264enc", &[("colour", &1)], raw), MakeError::Property { .. }));
    assert!(matches!(make("x264enc", &[("tune", &"fast")], raw), MakeError::Property { .. }));
    assert!(matches!(make("x264enc", &[], "video/x-raw,"), MakeError::Caps(_)));
    let encoded = |unit: &EncodedUnit| format!("{unit:?}");
    let unit = encoder.push(picture(64, 64, 16), 0).unwrap().remove(0);
    assert!(encoded(&unit).contains("key: true"));
}

/// Counts threads: everything else in this file runs in a process of its own, see below.
#[test]
fn no_thread_is_added_and_no_registry_touched() {
    const INSIDE: &str = "COFFERDAM_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let before = threads();
        let mut encoder = encoder(640, 360);
        let mut decoder = decoder();
        let unit = encoder.push(picture(640, 360, 16), 0).unwrap().remove(0);
        assert_eq!(decoder.push(unit.as_ref().to_vec(), 0).unwrap().len(), 1);
        assert_eq!(threads(), before);
        drop((encoder, decoder));
        assert_eq!(threads(), before);
        return;
    }
    let home = std::env::temp_dir().join(format!("cofferdam-registry-{}", std::process::id()));
    std::fs::create_dir_all(&home).unwrap();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_thread_is_added_and_no_registry_touched"])
        .env_clear()
        .envs(cofferdam_pad_codec::ENVIRONMENT.iter().copied())
        .env(INSIDE, "1")
        .env("HOME", &home)
        .status()
        .unwrap();
    let left: Vec<_> = std::fs::read_dir(&home).unwrap().collect();
    std::fs::remove_dir_all(&home).unwrap();
    assert!(status.success());
    assert!(left.is_empty(), "a registry was written: {left:?}");
}

#[test]
fn a_stream_may_change_its_size_between_two_key_frames() {
    let mut decoder = decoder();
    let mut sizes = Vec::new();
    for (n, (width, height)) in [(640, 360), (320, 240), (854, 480)].into_iter().enumerate() {
        let mut encoder = encoder(width, height);
        for m in 0..3 {
            let source = picture(width as usize, height as usize, 16);
            let unit = encoder.push(source, stamp(m)).unwrap().remove(0);
            let at = stamp(n as u64 * 3 + m);
            for decoded in decoder.push(unit.as_ref().to_vec(), at).unwrap() {
                sizes.push((decoded.info().width(), decoded.info().height()));
            }
        }
    }
    let expected: Vec<_> =
        [(640, 360), (320, 240), (854, 480)].iter().flat_map(|s| [*s; 3]).collect();
    assert_eq!(sizes, expected);
}
