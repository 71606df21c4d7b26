//! The password does not go over the wire in clear, whatever the camera tries.
#![allow(missing_docs)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use cofferdam_picture_ring::Fault;
use support::{FakeCamera, Line, PASSWORD, boot, described, end_of, say, with_account};

const BASIC: &str = "WWW-Authenticate: Basic realm=\"a\"\r\n";
const DIGEST: &str = "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n";
const SIZE: (u32, u32) = (320, 180);

fn unauthorized(cseq: u32, headers: &str) -> String {
    format!("RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\n{headers}\r\n")
}

/// `viewer:hunter2`, as Basic shows it.
const SHOWN: &str = "dmlld2VyOmh1bnRlcjI=";

async fn heard_by(script: Vec<Line>, basic_allowed: bool) -> (Fault, String) {
    let camera = FakeCamera::start(vec![script]);
    let fault = end_of(&with_account(boot(&camera.url(), SIZE), basic_allowed)).await;
    (fault, camera.heard())
}

/// Without this, all the others prove nothing.
#[tokio::test]
async fn when_it_is_allowed_basic_is_answered() {
    let (_, heard) = heard_by(
        vec![Line::Hear, say(&unauthorized(1, BASIC)), Line::Hear, say(&unauthorized(2, BASIC))],
        true,
    )
    .await;
    assert!(heard.contains(&format!("Authorization: Basic {SHOWN}")), "{heard}");
}

#[tokio::test]
async fn a_camera_that_wants_basic_gets_nothing() {
    let challenge = unauthorized(1, BASIC);
    let scripts = [
        ("asks for it", vec![Line::Hear, say(&challenge)]),
        ("asks before it is asked", vec![say(&challenge)]),
        ("asks byte by byte", vec![Line::Hear, Line::Spell(challenge.clone().into_bytes())]),
        ("asks byte by byte, early", vec![Line::Spell(challenge.clone().into_bytes())]),
        (
            "asks behind interleaved data",
            vec![Line::Hear, Line::Say(b"$\0\0\x03abc".to_vec()), say(&challenge)],
        ),
        (
            "hides it behind a digest that cannot be answered",
            vec![
                Line::Hear,
                say(&unauthorized(1, &format!("WWW-Authenticate: Digest realm=\"a\"\r\n{BASIC}"))),
            ],
        ),
    ];
    for (what, script) in scripts {
        let (fault, heard) = heard_by(script, false).await;
        assert_eq!(fault, Fault::BasicNotAllowed, "a camera that {what}");
        assert!(!heard.contains("Authorization"), "a camera that {what}: {heard}");
    }
}

#[tokio::test]
async fn digest_is_answered_and_basic_after_it_is_not() {
    let script = vec![
        Line::Hear,
        say(&unauthorized(1, &format!("{BASIC}{DIGEST}"))),
        Line::Hear,
        say(&unauthorized(2, BASIC)),
    ];
    let (fault, heard) = heard_by(script, false).await;
    assert_eq!(fault, Fault::AuthenticationFailed);
    assert!(heard.contains("Authorization: Digest username=\"viewer\""), "{heard}");
    assert!(!heard.contains(SHOWN) && !heard.contains(PASSWORD), "{heard}");
}

const SET_UP: &str = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1\r\n\
                      Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n";

/// It describes itself to anyone, and asks for Basic at SETUP or PLAY: in its own time, together with
/// the description, or before any of it.
#[tokio::test]
async fn a_camera_that_asks_later_gets_nothing_either() {
    let asks = |cseq| unauthorized(cseq, BASIC);
    let description = || say(&described(1));
    let data = Line::Say(b"$\0\0\x03abc".to_vec());
    let refused = [
        ("at SETUP", vec![Line::Hear, description(), Line::Hear, say(&asks(2))]),
        (
            "at PLAY",
            vec![Line::Hear, description(), Line::Hear, say(SET_UP), Line::Hear, say(&asks(3))],
        ),
        (
            "at PLAY, behind data",
            vec![
                Line::Hear,
                description(),
                Line::Hear,
                say(SET_UP),
                Line::Hear,
                data,
                say(&asks(3)),
            ],
        ),
        (
            "at SETUP, behind a digest that cannot be answered",
            vec![
                Line::Hear,
                description(),
                Line::Hear,
                say(&unauthorized(2, &format!("WWW-Authenticate: Digest realm=\"a\"\r\n{BASIC}"))),
            ],
        ),
    ];
    for (what, script) in refused {
        let (fault, heard) = heard_by(script, false).await;
        assert_eq!(fault, Fault::BasicNotAllowed, "a camera that asks {what}");
        assert!(!heard.contains("Authorization"), "a camera that asks {what}: {heard}");
    }
    // These have answered what they were not asked, where nobody could look at it.
    let violating = [
        ("with the description", vec![Line::Hear, say(&format!("{}{}", described(1), asks(2)))]),
        // As if it had asked for nothing: what is on the wire when it is looked at is harmless.
        (
            "with the description, and hides it",
            vec![Line::Hear, say(&format!("{}{}", described(1), asks(2))), Line::Hear, say(SET_UP)],
        ),
        ("before all", vec![say(&format!("{}{}", described(1), asks(2)))]),
        ("half", vec![Line::Hear, say(&format!("{}RTSP/1.0 401", described(1)))]),
        (
            "with SETUP's answer",
            vec![Line::Hear, description(), Line::Hear, say(&format!("{SET_UP}{}", asks(3)))],
        ),
    ];
    for (what, script) in violating {
        let (fault, heard) = heard_by(script, false).await;
        assert_eq!(fault, Fault::ProtocolViolation, "a camera that asks {what}");
        assert!(!heard.contains("Authorization"), "a camera that asks {what}: {heard}");
    }
}

#[tokio::test]
async fn a_digest_that_is_asked_for_later_is_answered() {
    let script = vec![
        Line::Hear,
        // Some cameras end their answers with a line too many.
        say(&format!("{}\r\n", described(1))),
        Line::Hear,
        say(&unauthorized(2, DIGEST)),
        Line::Hear,
        say(&unauthorized(3, BASIC)),
    ];
    let (fault, heard) = heard_by(script, false).await;
    assert_eq!(fault, Fault::AuthenticationFailed);
    let (before, after) = heard.split_once("Authorization: Digest").expect("an answer");
    assert!(before.contains("SETUP") && !after.contains("Authorization"), "{heard}");
}

/// Asks for Basic at a random moment around the request, again and again: whatever the race, nothing
/// is shown.
#[tokio::test]
async fn no_moment_is_a_lucky_one() {
    for round in 0..200_u32 {
        let challenge = unauthorized(1, BASIC);
        let (first, second) = challenge.split_at(round as usize % challenge.len());
        let script = if round % 2 == 0 {
            vec![say(first), Line::Hear, say(second)]
        } else {
            vec![say(first), say(second)]
        };
        let (fault, heard) = heard_by(script, false).await;
        assert_eq!(fault, Fault::BasicNotAllowed, "round {round}");
        assert!(!heard.contains("Authorization"), "round {round}: {heard}");
    }
}

/// The same around the request after a description that asked for nothing.
#[tokio::test]
async fn no_later_moment_is_a_lucky_one_either() {
    for round in 0..100_u32 {
        let all = format!("{}{}", described(1), unauthorized(2, BASIC));
        let (first, second) = all.split_at(round as usize * all.len() / 100);
        let script = if round % 2 == 0 {
            vec![Line::Hear, say(first), say(second)]
        } else {
            vec![Line::Hear, say(first), Line::Settle, say(second)]
        };
        let (fault, heard) = heard_by(script, false).await;
        let refused = matches!(fault, Fault::BasicNotAllowed | Fault::ProtocolViolation);
        assert!(refused, "round {round}: {fault}");
        assert!(!heard.contains("Authorization"), "round {round}: {heard}");
    }
}
