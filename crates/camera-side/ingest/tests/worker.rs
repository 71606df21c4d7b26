//! A whole worker before cameras that behave and cameras that do not.
#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use cofferdam_ingest_boot::IngestBoot;
use cofferdam_pad_codec::Encoder;
use cofferdam_picture::{FrameRate, Geometry, MonotonicTime, Picture};
use cofferdam_picture_ring::{Codec as RingCodec, Counter, Fault, IngestState};
use cofferdam_simulator::{
    Advertised, Authentication, Camera, CameraSettings, Codec, Content, Credentials, Drawn, Script,
    Step, barcode,
};
use support::{
    FakeCamera, Line, PASSWORD, Ring, boot, described, end_of, pictures, say, with_account,
};

const SIZE: (u32, u32) = (640, 360);

fn settings(codec: Codec, (width, height): (u32, u32)) -> CameraSettings {
    let geometry = Geometry::new(width, height).unwrap();
    let drawn = Drawn::new(codec, geometry, FrameRate::new(25).unwrap()).unwrap();
    CameraSettings::new("lobby".parse().unwrap(), Content::Live(drawn))
}

fn scripted(script: Script) -> Camera {
    Camera::start(CameraSettings { script, ..settings(Codec::H264, SIZE) }).unwrap()
}

fn guarded(authentication: Authentication) -> Camera {
    Camera::start(CameraSettings { authentication, ..settings(Codec::H264, SIZE) }).unwrap()
}

fn account(password: &str) -> Credentials {
    Credentials { user: "viewer".into(), password: password.to_owned().into() }
}

fn counter(picture: &Picture) -> Option<u32> {
    let (width, height) = (picture.geometry().columns(), picture.geometry().rows());
    barcode::read(picture.as_ref().y, width, height, width).map(|code| code.counter)
}

#[tokio::test]
async fn every_codec_becomes_pictures_in_order() {
    for (codec, expected) in [
        (Codec::H264, RingCodec::H264),
        (Codec::H265, RingCodec::H265),
        (Codec::Mjpeg, RingCodec::Mjpeg),
    ] {
        let camera = Camera::start(settings(codec, SIZE)).unwrap();
        let taken = pictures(&boot(&camera.url(), SIZE), 20).await;
        let counters: Vec<u32> = taken
            .pictures
            .iter()
            .map(|(picture, ..)| counter(picture).expect("a legible barcode"))
            .collect();
        assert!(counters.windows(2).all(|pair| pair[1] == pair[0] + 1), "{codec:?}: {counters:?}");
        for (_, stamps, seen) in &taken.pictures {
            let took = stamps.complete.since(stamps.arrived);
            assert!(stamps.arrived <= stamps.complete && took < Duration::from_secs(2));
            assert!(seen.since(stamps.complete) < Duration::from_secs(2));
        }
        let status = taken.status;
        assert_eq!(
            (status.state, status.fault, status.codec),
            (IngestState::Streaming, Fault::None, expected)
        );
        assert!(status.counter(Counter::Pictures) >= 20);
        assert!(status.counter(Counter::BytesIn) > 1_000);
        assert!(status.counter(Counter::DecodeNanos) > 100_000);
        assert_eq!(status.counter(Counter::DecodeErrors), 0);
        assert_eq!(status.counter(Counter::PacketsLost), 0);
    }
}

#[tokio::test]
async fn another_size_is_letterboxed() {
    let camera = Camera::start(settings(Codec::H264, (640, 480))).unwrap();
    let taken = pictures(&boot(&camera.url(), SIZE), 3).await;
    for (picture, ..) in &taken.pictures {
        let luma = picture.as_ref().y;
        for row in luma.chunks_exact(640) {
            assert!(row[..80].iter().chain(&row[560..]).all(|value| *value == 16));
        }
        assert!(barcode::read(&luma[80..], 480, 360, 640).is_some());
    }
}

/// MJPEG is full-range BT.601; both come out as the same colours as H.264's limited BT.709 would.
#[tokio::test]
async fn black_and_white_of_jpeg_are_those_of_television() {
    let camera = Camera::start(settings(Codec::Mjpeg, SIZE)).unwrap();
    let taken = pictures(&boot(&camera.url(), SIZE), 1).await;
    let luma = &taken.pictures[0].0.as_ref().y[..640 * 18];
    let (least, most) = (luma.iter().min().unwrap(), luma.iter().max().unwrap());
    assert!(least.abs_diff(16) <= 3 && most.abs_diff(235) <= 3, "from {least} to {most}");
}

#[tokio::test]
async fn digest_is_answered_on_the_one_connection() {
    for qop in [false, true] {
        let camera = guarded(Authentication::Digest { credentials: account(PASSWORD), qop });
        pictures(&with_account(boot(&camera.url(), SIZE), false), 2).await;
        assert_eq!(camera.connections(), 1, "qop: {qop}");
    }
}

#[tokio::test]
async fn basic_is_answered_only_where_it_is_allowed() {
    let camera = guarded(Authentication::Basic(account(PASSWORD)));
    let told = boot(&camera.url(), SIZE);
    assert_eq!(end_of(&with_account(told, false)).await, Fault::BasicNotAllowed);
    pictures(&with_account(boot(&camera.url(), SIZE), true), 2).await;
}

#[tokio::test]
async fn an_account_that_nobody_asks_for_does_no_harm() {
    let camera = Camera::start(settings(Codec::H264, SIZE)).unwrap();
    pictures(&with_account(boot(&camera.url(), SIZE), false), 2).await;
    assert_eq!(camera.connections(), 1);
}

#[tokio::test]
async fn accounts_that_are_wrong_or_missing_are_told_apart_from_other_refusals() {
    let digest =
        |password| guarded(Authentication::Digest { credentials: account(password), qop: false });
    let other = digest("another");
    let told: [IngestBoot; 2] =
        [boot(&other.url(), SIZE), with_account(boot(&other.url(), SIZE), false)];
    for told in told {
        assert_eq!(end_of(&told).await, Fault::AuthenticationFailed);
    }
    let never = scripted(Script::NeverAuthorize);
    assert_eq!(
        end_of(&with_account(boot(&never.url(), SIZE), false)).await,
        Fault::AuthenticationFailed
    );
}

#[tokio::test]
async fn every_way_of_having_no_pictures_has_its_fault() {
    use Script::{Advertise, EndlessBody, Garbage, HalfStatusLine, Refuse};
    let table = [
        (Refuse { at: Step::Describe, status: 404 }, Fault::NotFound),
        (Refuse { at: Step::Describe, status: 403 }, Fault::Forbidden),
        (Refuse { at: Step::Describe, status: 503 }, Fault::CameraBusy),
        (Refuse { at: Step::Describe, status: 400 }, Fault::RtspStatus),
        (Advertise(Advertised::Vp8), Fault::UnsupportedCodec),
        (Advertise(Advertised::Mpeg4Visual), Fault::UnsupportedCodec),
        (Advertise(Advertised::AudioOnly), Fault::NoVideo),
        (Garbage, Fault::ProtocolViolation),
        (HalfStatusLine, Fault::ConnectionLost),
        // Not by running out of memory: the answer is never taken off the socket.
        (EndlessBody, Fault::ProtocolViolation),
        (Script::CloseAfter { pictures: 3 }, Fault::StreamEnded),
    ];
    for (script, fault) in table {
        let camera = scripted(script);
        assert_eq!(end_of(&boot(&camera.url(), SIZE)).await, fault, "{script:?}");
    }
}

#[tokio::test]
async fn refusals_after_the_description_are_told_too() {
    let setup = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\n\
                 Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n";
    let refusal = |cseq, status| format!("RTSP/1.0 {status} No\r\nCSeq: {cseq}\r\n\r\n");
    let at_setup = vec![Line::Hear, say(&described(1)), Line::Hear, say(&refusal(2, 453))];
    let at_play = vec![
        Line::Hear,
        say(&described(1)),
        Line::Hear,
        say(setup),
        Line::Hear,
        say(&refusal(3, 454)),
    ];
    for (script, fault) in [(at_setup, Fault::CameraBusy), (at_play, Fault::RtspStatus)] {
        let camera = FakeCamera::start(vec![script]);
        assert_eq!(end_of(&boot(&camera.url(), SIZE)).await, fault);
        let heard = camera.heard();
        assert!(heard.contains("SETUP") && !heard.contains("TEARDOWN"), "{heard}");
    }
}

#[tokio::test]
async fn a_camera_that_is_not_there_refuses() {
    let camera = scripted(Script::Silence);
    let url = camera.url();
    camera.stop();
    assert_eq!(end_of(&boot(&url, SIZE)).await, Fault::ConnectionRefused);
}

/// Slow by nature: the limits are the product's.
#[tokio::test]
async fn silence_has_an_end() {
    let stalling = scripted(Script::StallAfter { pictures: 5 });
    let silent = scripted(Script::Silence);
    let (stalling, silent) = (boot(&stalling.url(), SIZE), boot(&silent.url(), SIZE));
    let (stalled, answerless) = tokio::join!(end_of(&stalling), end_of(&silent));
    assert_eq!(stalled, Fault::NoPictures);
    assert_eq!(answerless, Fault::ResponseTimeout);
}

/// `count` times the same key frame of the largest size, as interleaved RTP: a few bytes each, and
/// long to decode.
fn burst(count: u16) -> Vec<u8> {
    cofferdam_pad_codec::init(&["libgstx264.so"]).unwrap();
    let mut encoder = Encoder::new(
        "x264enc",
        &[("tune", &"zerolatency"), ("speed-preset", &"ultrafast"), ("threads", &1)],
        "video/x-raw,format=I420,width=3840,height=2160,framerate=25/1",
        "video/x-h264,stream-format=byte-stream,alignment=au",
    )
    .unwrap();
    let black = Picture::black(Geometry::new(3840, 2160).unwrap());
    let units = encoder.push(black.as_bytes().to_vec(), 0).unwrap();
    let unit = units[0].as_ref();
    let nals = |unit: &[u8]| -> Vec<Vec<u8>> {
        let text: Vec<u8> = unit.to_vec();
        let starts: Vec<usize> =
            (0..text.len() - 3).filter(|at| text[*at..].starts_with(&[0, 0, 1])).collect();
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        starts.iter().zip(ends).map(|(start, end)| text[start + 3..end].to_vec()).collect()
    };
    let nals = nals(unit);
    let mut bytes = Vec::new();
    let mut sequence = 0u16;
    for picture in 0..count {
        for (index, nal) in nals.iter().enumerate() {
            let last = index + 1 == nals.len();
            let length = u16::try_from(nal.len() + 12).expect("a key frame of one packet");
            bytes.extend([b'$', 0]);
            bytes.extend(length.to_be_bytes());
            bytes.extend([0x80, 96 | u8::from(last) << 7]);
            bytes.extend(sequence.to_be_bytes());
            bytes.extend((u32::from(picture) * 3600).to_be_bytes());
            bytes.extend([0, 0, 0, 7]);
            bytes.extend(nal);
            sequence = sequence.wrapping_add(1);
        }
    }
    bytes
}

/// What a worker must decode may pile up, if the machine is slow or the network was: it is late
/// then, and not wedged.
#[tokio::test]
async fn a_worker_that_lags_behind_gives_signs_of_life() {
    let setup = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\n\
                 Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000007\r\n\r\n";
    let play = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1\r\n\r\n";
    let script = vec![
        Line::Hear,
        say(&described(1)),
        Line::Hear,
        say(setup),
        Line::Hear,
        say(play),
        Line::Say(burst(100)),
    ];
    let camera = FakeCamera::start(vec![script]);
    let boot = boot(&camera.url(), (3840, 2160));
    let ring = Ring::of(&boot);
    let (writer, observer) = (ring.writer(&boot), ring.writer(&boot));
    let (done, ended) = std::sync::mpsc::channel::<()>();
    // The worker's thread is its runtime's.
    let watch = std::thread::spawn(move || {
        let (mut silence, mut most) = (Duration::ZERO, 0);
        while ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let pictures = observer.status().counter(Counter::Pictures);
            if pictures > 0 && pictures < 90 {
                most = pictures;
                silence = silence.max(MonotonicTime::now().since(observer.last_beat()));
            }
            std::thread::yield_now();
        }
        (silence, most)
    });
    let all = async {
        while ring.reader.status().counter(Counter::Pictures) < 90 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = all => {}
        fault = cofferdam_ingest::run(&boot, writer) => panic!("the worker ended: {fault}"),
        () = tokio::time::sleep(support::DEADLINE) => panic!("no pictures"),
    }
    drop(done);
    let (silence, most) = watch.join().unwrap();
    assert!(most > 20, "looked at {most}");
    assert!(silence < Duration::from_millis(700), "{silence:?} without a sign of life");
}
