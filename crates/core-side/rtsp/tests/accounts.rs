//! Readers with accounts: what each may do, and what each is told.

mod support;

use std::time::Duration;

use cofferdam_rtsp::{
    CHECK_DEADLINE, Channel, CloseReason, LOGIN_DEADLINE, Login, Output, Refusal, State,
};
use support::digest::{plain, with_qop};
use support::{Mounts, NONCE, Reader, accounts, status_of, text_of};

const MAIN: &str = "rtsp://gw:8554/lobby/main";
const SUB: &str = "rtsp://gw:8554/lobby/sub";
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "Transport: RTP/AVP;unicast;client_port=6000-6001";

fn reader() -> Reader {
    Reader::new(accounts())
}

fn proof(method: &str, url: &str) -> String {
    plain("vms", "right password", NONCE, method, url)
}

fn logins(outputs: &[Output]) -> Vec<Login> {
    let login = |output: &Output| match output {
        Output::Login(login) => Some(login.clone()),
        _ => None,
    };
    outputs.iter().filter_map(login).collect()
}

#[test]
fn a_right_digest_of_either_form_plays() {
    for digest in [plain, with_qop] {
        let mut reader = reader();
        let proof = |method: &str| digest("vms", "right password", NONCE, method, MAIN);
        let outputs = reader.send("DESCRIBE", MAIN, &[]);
        assert_eq!(status_of(&outputs), 401);
        assert_eq!(logins(&outputs), [Login::Challenged]);
        let outputs = reader.send("DESCRIBE", MAIN, &[&proof("DESCRIBE")]);
        assert_eq!(status_of(&outputs), 200);
        assert_eq!(logins(&outputs), [Login::Granted("vms".parse().unwrap())]);
        let outputs = reader.send("SETUP", MAIN, &[TCP, &proof("SETUP")]);
        assert_eq!(status_of(&outputs), 200);
        assert_eq!(logins(&outputs), [], "a login is told once");
        let text = text_of(&outputs);
        let session = text.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
        reader.session = session.split(';').next().map(str::to_owned);
        reader.send("PLAY", MAIN, &[&proof("PLAY")]);
        assert_eq!(reader.connection.state(), State::Starting);
        assert_eq!(reader.connection.session_reader().unwrap().as_str(), "vms");
    }
}

/// Clients put other hosts, tracks and slashes there than they ask for.
#[test]
fn the_uri_of_a_digest_need_not_be_the_requests() {
    let mut reader = reader();
    for uri in ["rtsp://other/lobby/main/", "/lobby/main", "*", ""] {
        let proof = plain("vms", "right password", NONCE, "DESCRIBE", uri);
        assert_eq!(status_of(&reader.send("DESCRIBE", MAIN, &[&proof])), 200, "{uri}");
    }
}

#[test]
fn every_wrong_claim_is_told_the_same() {
    let refused = |reader, reason| Login::Refused { reader, reason };
    let vms = || Some("vms".parse().unwrap());
    let describe = |name, password| plain(name, password, NONCE, "DESCRIBE", MAIN);
    let right = describe("vms", "right password");
    let cases = [
        (describe("vms", "wrong password"), refused(vms(), Refusal::Password)),
        (describe("nobody", "wrong password"), refused(None, Refusal::Unknown)),
        (describe("", ""), refused(None, Refusal::Unknown)),
        (plain("vms", "right password", NONCE, "SETUP", MAIN), refused(vms(), Refusal::Password)),
        (right.replace("response", "respond"), refused(None, Refusal::Malformed)),
        (format!("{right}, algorithm=SHA-256"), refused(None, Refusal::Scheme)),
        ("Authorization: Basic dm1zOnJpZ2h0IHBhc3N3b3Jk".into(), refused(None, Refusal::Scheme)),
        (
            describe("far", "right password"),
            refused(Some("far".parse().unwrap()), Refusal::Network),
        ),
    ];
    let mut reader = reader();
    let challenge = reader.answer("DESCRIBE", MAIN, &[]).replace("CSeq: 1", "");
    for (header, expected) in cases {
        let mut reader = Reader::new(accounts());
        let outputs = reader.send("DESCRIBE", MAIN, &[&header]);
        assert_eq!(logins(&outputs), [expected], "{header}");
        assert_eq!(text_of(&outputs).replace("CSeq: 1", ""), challenge, "{header}");
        assert_eq!(reader.connection.state(), State::Init);
    }
}

#[test]
fn a_foreign_nonce_is_stale_whatever_the_password() {
    let mut reader = reader();
    for password in ["right password", "wrong password"] {
        let proof = plain("vms", password, &"f".repeat(32), "DESCRIBE", MAIN);
        let outputs = reader.send("DESCRIBE", MAIN, &[&proof]);
        assert_eq!(logins(&outputs), [Login::Stale]);
        let text = text_of(&outputs);
        assert!(text.starts_with("RTSP/1.0 401 ") && text.contains(", stale=true\r\n"), "{text}");
    }
    // And the client's second try, as it is meant to be.
    assert_eq!(status_of(&reader.send("DESCRIBE", MAIN, &[&proof("DESCRIBE", MAIN)])), 200);
}

#[test]
fn what_is_not_the_readers_is_403_whether_it_exists_or_not() {
    let mut reader = reader();
    for url in [SUB, "rtsp://gw/lobby/sub/trackID=0", "rtsp://gw/nothing/main", "rtsp://gw/"] {
        for method in ["DESCRIBE", "SETUP"] {
            let proof = proof(method, url);
            assert_eq!(status_of(&reader.send(method, url, &[TCP, &proof])), 403, "{method} {url}");
        }
    }
    // Would be the reader's, if it were there.
    let missing = "rtsp://gw/lobby/more";
    assert_eq!(status_of(&reader.send("DESCRIBE", missing, &[&proof("DESCRIBE", missing)])), 404);
}

#[test]
fn a_transport_that_is_not_the_readers_is_461() {
    let mut reader = reader();
    let proof = proof("SETUP", MAIN);
    assert_eq!(status_of(&reader.send("SETUP", MAIN, &[UDP, &proof])), 461);
    assert_eq!(status_of(&reader.send("SETUP", MAIN, &[TCP, &proof])), 200);
}

#[test]
fn a_session_is_its_readers_only() {
    let mut reader = reader();
    let text = reader.send("SETUP", MAIN, &[TCP, &proof("SETUP", MAIN)]);
    let text = text_of(&text);
    let session = text.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
    reader.session = session.split(';').next().map(str::to_owned);
    for method in ["PLAY", "GET_PARAMETER", "TEARDOWN"] {
        let other = plain("other", "right password", NONCE, method, MAIN);
        assert_eq!(status_of(&reader.send(method, MAIN, &[&other])), 454, "{method}");
        assert_eq!(status_of(&reader.send(method, MAIN, &[])), 401, "{method}");
    }
    assert_eq!(status_of(&reader.send("TEARDOWN", MAIN, &[&proof("TEARDOWN", MAIN)])), 200);
}

/// The attempt after some failures waits; who has the password gets in all the same.
#[test]
fn failures_hold_the_next_attempt_and_never_lock_out() {
    let access = accounts();
    let wrong = plain("vms", "wrong password", NONCE, "DESCRIBE", MAIN);
    for _ in 0..2 {
        let mut reader = Reader::new(access.clone());
        assert_eq!(status_of(&reader.send("DESCRIBE", MAIN, &[&wrong])), 401);
    }
    for (header, status) in [(wrong, 401), (proof("DESCRIBE", MAIN), 200)] {
        let mut reader = Reader::new(access.clone());
        assert_eq!(reader.send("DESCRIBE", MAIN, &[&header]), []);
        assert!(reader.connection.is_holding());
        let due = reader.connection.deadline();
        assert!(due > reader.now && due <= reader.now + Duration::from_secs(4));
        assert_eq!(reader.deadline(), [], "not before it is due");
        reader.now = due;
        assert_eq!(status_of(&reader.deadline()), status);
        assert!(!reader.connection.is_holding());
    }
    let mut reader = Reader::new(access);
    let outputs = reader.send("DESCRIBE", MAIN, &[&proof("DESCRIBE", MAIN)]);
    assert_eq!(status_of(&outputs), 200, "success ends the wait");
}

#[test]
fn strangers_failures_do_not_hold_who_has_logged_in() {
    let access = accounts();
    let mut known = Reader::new(access.clone());
    assert_eq!(status_of(&known.send("DESCRIBE", MAIN, &[&proof("DESCRIBE", MAIN)])), 200);
    for _ in 0..9 {
        let mut stranger = Reader::new(access.clone());
        stranger.send("DESCRIBE", MAIN, &[&plain("vms", "wrong", NONCE, "DESCRIBE", MAIN)]);
        stranger.now = stranger.connection.deadline();
        stranger.deadline();
    }
    assert_eq!(status_of(&known.send("DESCRIBE", MAIN, &[&proof("DESCRIBE", MAIN)])), 200);
}

const BASIC: &str = "Authorization: Basic dm1zOnJpZ2h0IHBhc3N3b3Jk";

/// Over TLS the password may come in clear, and is checked once.
#[test]
fn basic_is_offered_second_and_taken_over_tls_only() {
    let mut reader = Reader::over(accounts(), Channel::Tls);
    let text = text_of(&reader.send("DESCRIBE", MAIN, &[]));
    let challenges: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).collect();
    assert!(challenges[0].starts_with("Digest "), "{text}");
    assert_eq!(challenges[1..], ["Basic realm=\"Cofferdam\""]);
    assert!(text.ends_with("\r\n\r\n"));

    let wrong = "Authorization: Basic dm1zOndyb25n";
    for (header, status) in [(wrong, 401), (BASIC, 200)] {
        let outputs = reader.send("DESCRIBE", MAIN, &[header]);
        let [Output::CheckPassword(check)] = &outputs[..] else { panic!("{outputs:?}") };
        assert!(reader.connection.is_holding());
        let is_right = check.run();
        let outputs = reader.connection.password_checked(reader.now, is_right, &Mounts);
        assert_eq!(status_of(&outputs), status);
        assert!(!reader.connection.is_holding());
    }
    // The same again is known; another is not.
    assert_eq!(status_of(&reader.send("DESCRIBE", MAIN, &[BASIC])), 200);
    let outputs = reader.send("DESCRIBE", MAIN, &[wrong]);
    assert!(matches!(&outputs[..], [Output::CheckPassword(_)]));

    let mut in_clear = Reader::new(accounts());
    let outputs = in_clear.send("DESCRIBE", MAIN, &[BASIC]);
    let refused = Login::Refused { reader: None, reason: Refusal::Scheme };
    assert_eq!(logins(&outputs), [refused]);
    assert!(!text_of(&outputs).contains("Basic"));
}

#[test]
fn a_certificate_logs_in_and_a_claim_of_its_own_still_counts() {
    let mut reader = Reader::over(accounts(), Channel::Tls);
    let outputs = reader.connection.certificate_shown(b"vms");
    assert_eq!(logins(&outputs), [Login::Granted("vms".parse().unwrap())]);
    assert_eq!(status_of(&reader.send("DESCRIBE", MAIN, &[])), 200);
    assert_eq!(status_of(&reader.send("DESCRIBE", SUB, &[])), 403);
    let wrong = plain("other", "wrong password", NONCE, "DESCRIBE", MAIN);
    assert_eq!(status_of(&reader.send("DESCRIBE", MAIN, &[&wrong])), 401);

    for certificate in [&b"far"[..], b"nobody"] {
        let mut reader = Reader::over(accounts(), Channel::Tls);
        let outputs = reader.connection.certificate_shown(certificate);
        assert!(matches!(logins(&outputs)[..], [Login::Refused { .. }]));
        assert_eq!(status_of(&reader.send("DESCRIBE", MAIN, &[])), 401);
    }
}

/// What is protected in the connection is not sent beside it.
#[test]
fn datagrams_are_not_to_be_had_over_tls() {
    let mut reader = Reader::over(cofferdam_rtsp::Access::Anonymous, Channel::Tls);
    assert_eq!(status_of(&reader.send("SETUP", MAIN, &[UDP])), 461);
    assert_eq!(status_of(&reader.send("SETUP", MAIN, &[TCP])), 200);
}

/// Passwords in clear are checked one after another, and a recorder begins with hundreds of connections.
#[test]
fn a_password_that_is_being_checked_is_waited_for() {
    let mut reader = Reader::over(accounts(), Channel::Tls);
    let outputs = reader.send("DESCRIBE", MAIN, &[BASIC]);
    assert!(matches!(&outputs[..], [Output::CheckPassword(_)]));
    reader.now += LOGIN_DEADLINE + Duration::from_secs(60);
    assert_eq!(reader.deadline(), []);
    assert!(reader.connection.deadline() > reader.now);
    let outputs = reader.connection.password_checked(reader.now, true, &Mounts);
    assert_eq!(status_of(&outputs), 200);

    let mut forgotten = Reader::over(accounts(), Channel::Tls);
    forgotten.send("DESCRIBE", MAIN, &[BASIC]);
    forgotten.now += CHECK_DEADLINE;
    assert_eq!(forgotten.deadline(), [Output::Close(CloseReason::NoLogin)]);
}
