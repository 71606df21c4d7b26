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

/// It describes itself to anyone, and asks for Basic at SETUP: in its own time, together with the
/// description, or before any of it.
#[tokio::test]
async fn a_camera_that_asks_later_finds_nobody_to_ask() {
    let asks = |cseq| unauthorized(cseq, BASIC);
    let scripts = [
        vec![Line::Hear, say(&described(1)), Line::Hear, say(&asks(2))],
        vec![Line::Hear, say(&format!("{}{}", described(1), asks(2)))],
        vec![say(&format!("{}{}", described(1), asks(2)))],
    ];
    for script in scripts {
        let camera = FakeCamera::start(vec![script.clone(), script]);
        let fault = end_of(&with_account(boot(&camera.url(), SIZE), false)).await;
        assert_eq!(fault, Fault::AuthenticationFailed);
        for heard in [camera.heard(), camera.heard()] {
            assert!(!heard.contains("Authorization"), "{heard}");
        }
    }
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
