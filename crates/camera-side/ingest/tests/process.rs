//! The binary itself: what it inherits, and what its exit code says.
#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::path::Path;

use cofferdam_ingest::probe;
use cofferdam_ingest_boot::{IngestBoot, descriptors};
use cofferdam_jail::{Streams, WorkerCommand, pipe};
use cofferdam_picture_ring::Fault;
use support::{DEADLINE, FakeCamera, Line, Ring, boot, say};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cofferdam-ingest");
const SIZE: (u32, u32) = (320, 180);

/// Starts a worker with `json` to read, waits for its end, and says what its exit code says.
async fn exit_of(told: &IngestBoot, camera: &str, json: &str) -> Fault {
    let ring = Ring::of(told);
    let (read, write) = pipe().unwrap();
    std::fs::File::from(write).write_all(json.as_bytes()).unwrap();
    let mut child = WorkerCommand::new(Path::new(PROGRAM))
        .argument("--camera")
        .argument(camera)
        .descriptor(descriptors::BOOT, read)
        .descriptor(descriptors::RING, ring.memory.writer_fd().try_clone_to_owned().unwrap())
        .streams(Streams::Null)
        .spawn()
        .unwrap();
    let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    let code = status.code().expect("an exit, not a signal");
    Fault::from_code(u64::from(code.unsigned_abs()))
}

async fn end_of(told: &IngestBoot) -> Fault {
    exit_of(told, told.camera.as_str(), &serde_json::to_string(told).unwrap()).await
}

#[tokio::test]
async fn the_exit_code_is_the_fault() {
    let camera =
        FakeCamera::start(vec![vec![Line::Hear, say("RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n")]]);
    assert_eq!(end_of(&boot(&camera.url(), SIZE)).await, Fault::NotFound);
}

/// A format list that is blank makes retina 0.4.21 panic.
#[tokio::test]
async fn a_panic_is_an_exit_code_like_any_other() {
    let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP  \r\n";
    let answer = format!(
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    let camera = FakeCamera::start(vec![vec![Line::Hear, say(&answer)]]);
    assert_eq!(end_of(&boot(&camera.url(), SIZE)).await, Fault::WorkerCrashed);
}

#[tokio::test]
async fn what_does_not_fit_is_not_begun() {
    let told = boot("rtsp://127.0.0.1:1/", SIZE);
    let json = serde_json::to_string(&told).unwrap();
    assert_eq!(exit_of(&told, "garage", &json).await, Fault::WorkerSetup);
    assert_eq!(exit_of(&told, "lobby", "{}").await, Fault::WorkerSetup);
    let other = serde_json::to_string(&boot("rtsp://127.0.0.1:1/", (640, 360))).unwrap();
    assert_eq!(exit_of(&told, "lobby", &other).await, Fault::WorkerSetup);
    assert_eq!(exit_of(&told, "lobby", &json).await, Fault::ConnectionRefused);
}

#[tokio::test]
async fn the_probe_escapes_what_a_camera_says() {
    let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n\
               m=video 0 RTP/AVP 96\r\na=rtpmap:96 \u{1b}[2J\u{9b}/90000\r\n";
    let answer = format!(
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    let camera = FakeCamera::start(vec![vec![Line::Hear, say(&answer)]]);
    let request = serde_json::json!({ "url": camera.url() }).to_string();
    let mut output = Vec::new();
    let request = probe::request(request.as_bytes(), &mut output).unwrap();
    let readable = probe::probe(&request, &mut output).await;
    let text = String::from_utf8(output).unwrap();
    assert!(!readable && text.contains("connection       ok"), "{text}");
    assert!(text.contains("video"), "{text}");
    assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{text:?}");
}

#[tokio::test]
async fn a_probe_without_a_question_fails() {
    let mut child = WorkerCommand::new(Path::new(PROGRAM))
        .argument("--probe")
        .streams(Streams::Null)
        .spawn()
        .unwrap();
    let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1));
}
