//! Plays cameras with ffmpeg, as somebody else's client and decoder.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_simulator::barcode::{self, Barcode};
use cofferdam_simulator::{
    Authentication, Camera, CameraSettings, Codec, Content, Credentials, Drawn, Pace, SentLog,
};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const RATE: u32 = 25;
/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

fn drawn(codec: Codec) -> Drawn {
    let geometry = Geometry::new(WIDTH, HEIGHT).unwrap();
    Drawn::new(codec, geometry, FrameRate::new(RATE).unwrap()).unwrap()
}

fn settings(content: Content) -> CameraSettings {
    CameraSettings { number: 3, ..CameraSettings::new("cam".parse().unwrap(), content) }
}

/// Whether ffmpeg is there; says so when it is not.
fn ffmpeg_is_installed() -> bool {
    let found = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: ffmpeg is not installed");
    }
    found
}

/// One test at a time: a player that gets no processor for two seconds loses pictures, as at a real
/// camera, and all of these at once can keep it from one for as long.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process with the test.
struct Ffmpeg(Child);

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The barcodes of the first `count` pictures that ffmpeg decodes from `url`, at 640x360.
fn decoded(url: &str, count: usize) -> Vec<Option<Barcode>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "fatal", "-rtsp_transport", "tcp", "-i", url, "-an"]);
    // One output picture for every decoded one, whatever the stamps say.
    ffmpeg.args(["-vsync", "passthrough", "-frames:v", &count.to_string()]);
    ffmpeg.args(["-s", "640x360", "-pix_fmt", "gray", "-f", "rawvideo", "-"]);
    let child = ffmpeg.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut ffmpeg = Ffmpeg(child);
    let mut output = ffmpeg.0.stdout.take().unwrap();

    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut luma = vec![0; (WIDTH * HEIGHT) as usize];
        while output.read_exact(&mut luma).is_ok() {
            let code = barcode::read(&luma, WIDTH as usize, HEIGHT as usize, WIDTH as usize);
            if sender.send(code).is_err() {
                return;
            }
        }
    });
    (0..count).map(|_| receiver.recv_timeout(DEADLINE).expect("ffmpeg gave a picture")).collect()
}

/// The counters of pictures that must all have a barcode.
fn counters(url: &str, count: usize) -> Vec<u32> {
    let codes = decoded(url, count);
    assert!(codes.iter().all(|code| code.is_some_and(|c| c.camera == 3)), "{codes:?}");
    codes.into_iter().flatten().map(|code| code.counter).collect()
}

/// Runs `test` with all codecs at once: playing is mostly waiting.
fn with_every_codec(test: impl Fn(Codec) + Sync) {
    if !ffmpeg_is_installed() {
        return;
    }
    let _alone = alone();
    std::thread::scope(|scope| {
        for codec in [Codec::H264, Codec::H265, Codec::Mjpeg] {
            let test = &test;
            scope.spawn(move || test(codec));
        }
    });
}

#[test]
fn every_codec_plays_live_without_a_gap() {
    with_every_codec(|codec| {
        let camera = Camera::start(settings(Content::Live(drawn(codec)))).unwrap();
        let counters = counters(&camera.url(), 30);
        let expected: Vec<u32> = (counters[0]..).take(30).collect();
        assert_eq!(counters, expected, "{codec:?}");
    });
}

#[test]
fn every_codec_plays_prerendered_round_and_round() {
    with_every_codec(|codec| {
        let content = Content::Prerendered { drawn: drawn(codec), seconds: 1 };
        let camera = Camera::start(settings(content)).unwrap();
        let counters = counters(&camera.url(), 60);
        let expected: Vec<u32> = (0..60).map(|k| (counters[0] + k) % RATE).collect();
        assert_eq!(counters, expected, "{codec:?}");
    });
}

#[test]
fn a_dropped_picture_is_the_only_one_missing() {
    with_every_codec(|codec| {
        // Not the key picture: without it those that refer to it need not be legible.
        for dropped in [1, 7, RATE - 1] {
            let content = Content::Prerendered { drawn: drawn(codec), seconds: 1 };
            let mut settings = settings(content);
            settings.pace.drop = Some(dropped);
            let camera = Camera::start(settings).unwrap();
            let counters = counters(&camera.url(), 80);
            let gaps: Vec<u32> = counters
                .windows(2)
                .filter(|pair| pair[1] != (pair[0] + 1) % RATE)
                .map(|pair| (pair[0] + 1) % RATE)
                .collect();
            assert_eq!(gaps, [dropped], "{codec:?}: {counters:?}");
        }
    });
}

#[test]
fn barcodes_are_legible_in_a_larger_picture_scaled_down() {
    with_every_codec(|codec| {
        let geometry = Geometry::new(1920, 1080).unwrap();
        let drawn = Drawn::new(codec, geometry, FrameRate::new(10).unwrap()).unwrap();
        let content = Content::Prerendered { drawn, seconds: 1 };
        let camera = Camera::start(settings(content)).unwrap();
        counters(&camera.url(), 12);
    });
}

#[test]
fn passwords_are_asked_for_and_accepted() {
    if !ffmpeg_is_installed() {
        return;
    }
    let _alone = alone();
    let credentials =
        || Credentials { user: "viewer".to_owned(), password: "sesame".to_owned().into() };
    for authentication in [
        Authentication::Basic(credentials()),
        Authentication::Digest { credentials: credentials(), qop: false },
        Authentication::Digest { credentials: credentials(), qop: true },
    ] {
        let mut settings = settings(Content::Live(drawn(Codec::H264)));
        settings.authentication = authentication;
        let camera = Camera::start(settings).unwrap();
        let url = camera.url().replace("rtsp://", "rtsp://viewer:sesame@");
        assert_eq!(decoded(&url, 1).len(), 1);
    }
}

#[test]
fn what_was_sent_is_noted_at_an_even_pace() {
    if !ffmpeg_is_installed() {
        return;
    }
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sent");
    let content = Content::Prerendered { drawn: drawn(Codec::H264), seconds: 1 };
    let mut settings = settings(content);
    settings.sent_log = Some(SentLog::append_to(&path).unwrap());
    // Twice as fast, to see that it counts.
    settings.pace = Pace { deviation_ppm: 1_000_000, ..Pace::default() };
    let camera = Camera::start(settings).unwrap();
    let counters = counters(&camera.url(), 50);
    camera.stop();

    let text = std::fs::read_to_string(&path).unwrap();
    let sent: Vec<(u32, u64)> = text
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            assert_eq!(fields[0], "cam");
            (fields[1].parse().unwrap(), fields[2].parse().unwrap())
        })
        .collect();
    assert!(sent.len() >= 50);
    assert_eq!(sent.iter().take(50).map(|s| s.0).collect::<Vec<_>>(), counters);
    let nanos = (sent[49].1 - sent[0].1) / 49;
    assert!((15_000_000..25_000_000).contains(&nanos), "{nanos}");
}

#[test]
fn footage_plays_with_whatever_codec_it_has() {
    if !ffmpeg_is_installed() {
        return;
    }
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for (file, encoder) in [
        ("h264.mp4", &["-c:v", "libx264", "-bf", "2"][..]),
        ("h265.mp4", &["-c:v", "libx265", "-x265-params", "log-level=none"]),
        ("annexb.h264", &["-c:v", "libx264", "-bf", "0", "-g", "25"]),
        // Huffman tables that RTP cannot carry.
        ("mjpeg.mov", &["-c:v", "mjpeg", "-huffman", "optimal"]),
    ] {
        let path = folder.path().join(file);
        make_footage(&path, encoder);
        let camera = Camera::start(settings(Content::Footage(path))).unwrap();
        // More than the file has.
        assert_eq!(decoded(&camera.url(), 60).len(), 60, "{file}");
    }
}

fn make_footage(path: &Path, encoder: &[&str]) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=2"])
        .args(["-pix_fmt", "yuvj420p"])
        .args(encoder)
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}
