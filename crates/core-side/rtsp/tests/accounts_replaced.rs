//! What becomes of those who have logged in when accounts are replaced.

#![allow(clippy::panic, clippy::unwrap_used)]

mod support;

use cofferdam_accounts::TransportKind;
use cofferdam_rtsp::{Access, Channel, CloseReason, FirstPacket, Output, SessionEnd, State};
use support::digest::plain;
use support::{Mounts, NONCE, Reader, accounts, all_accounts, closed, replace, status_of};

const MAIN: &str = "rtsp://gw:8554/lobby/main";
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const BASIC: &str = "Authorization: Basic dm1zOnJpZ2h0IHBhc3N3b3Jk";

fn send(reader: &mut Reader, name: &str, method: &str, headers: &[&str]) -> Vec<Output> {
    let proof = plain(name, "right password", NONCE, method, MAIN);
    let headers: Vec<&str> = headers.iter().copied().chain([proof.as_str()]).collect();
    reader.send(method, MAIN, &headers)
}

/// A session of `name`'s that does not play.
fn ready(access: &Access, name: &str) -> Reader {
    let mut reader = Reader::new(access.clone());
    let outputs = send(&mut reader, name, "SETUP", &[TCP]);
    let text = support::text_of(&outputs);
    let session = text.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
    reader.session = session.split(';').next().map(str::to_owned);
    reader
}

fn playing(access: &Access, name: &str) -> Reader {
    let mut reader = ready(access, name);
    send(&mut reader, name, "PLAY", &[]);
    let first = FirstPacket { sequence: 0, timestamp: 0 };
    assert_eq!(status_of(&reader.connection.first_unit(reader.now, first)), 200);
    reader
}

fn told(reader: &mut Reader) -> Vec<Output> {
    reader.connection.handle_accounts_replaced(reader.now)
}

const PUT_OUT: [Output; 2] =
    [Output::EndSession(SessionEnd::AccountReplaced), Output::Close(CloseReason::AccountReplaced)];

#[test]
fn a_session_ends_with_its_account_and_no_other_does() {
    let access = accounts();
    let mut vms = playing(&access, "vms");
    let mut other = playing(&access, "other");
    replace(&access, |account| account.name.as_str() != "vms");
    assert_eq!(told(&mut vms), PUT_OUT);
    assert_eq!(vms.connection.state(), State::Init);
    assert_eq!(told(&mut other), []);
    assert_eq!(other.connection.state(), State::Playing);
    // And whoever would come back is nobody.
    let mut again = Reader::new(access);
    assert_eq!(status_of(&send(&mut again, "vms", "DESCRIBE", &[])), 401);
}

#[test]
fn what_is_the_same_afterwards_goes_on() {
    let access = accounts();
    let mut vms = playing(&access, "vms");
    replace(&access, |_| true);
    assert_eq!(told(&mut vms), []);
    assert_eq!(status_of(&send(&mut vms, "vms", "GET_PARAMETER", &[])), 200);
}

#[test]
fn an_account_that_may_something_else_logs_in_anew() {
    let access = accounts();
    let mut vms = playing(&access, "vms");
    let Access::Accounts(accounts) = &access else { panic!() };
    let mut all = all_accounts();
    all[0].transports = [TransportKind::Udp].into_iter().collect();
    accounts.replace(all.into()).unwrap();
    assert_eq!(told(&mut vms), PUT_OUT);
    let mut again = Reader::new(access);
    assert_eq!(status_of(&send(&mut again, "vms", "SETUP", &[TCP])), 461);
}

#[test]
fn a_play_that_waits_is_answered_before_its_session_ends() {
    let access = accounts();
    let mut vms = ready(&access, "vms");
    send(&mut vms, "vms", "PLAY", &[]);
    assert_eq!(vms.connection.state(), State::Starting);
    replace(&access, |account| account.name.as_str() != "vms");
    let outputs = told(&mut vms);
    assert_eq!(status_of(&outputs), 200);
    assert_eq!(outputs[1..], PUT_OUT);
}

#[test]
fn who_has_logged_in_without_a_session_is_put_out_as_well() {
    let access = accounts();
    let mut vms = Reader::new(access.clone());
    send(&mut vms, "vms", "DESCRIBE", &[]);
    let mut nobody = Reader::new(access.clone());
    nobody.send("DESCRIBE", MAIN, &[]);
    replace(&access, |account| account.name.as_str() != "vms");
    assert_eq!(told(&mut vms), [Output::Close(CloseReason::AccountReplaced)]);
    assert_eq!(told(&mut nobody), []);
}

/// One connection, two accounts in turn: the session is the first's.
#[test]
fn a_session_ends_with_its_owner_whoever_spoke_last() {
    let access = accounts();
    let mut reader = playing(&access, "vms");
    assert_eq!(status_of(&send(&mut reader, "other", "DESCRIBE", &[])), 200);
    replace(&access, |account| account.name.as_str() != "vms");
    assert_eq!(told(&mut reader), PUT_OUT);
}

#[test]
fn a_certificate_and_a_password_in_clear_are_no_more_than_their_account() {
    let access = accounts();
    let mut by_certificate = Reader::over(access.clone(), Channel::Tls);
    by_certificate.connection.certificate_shown(b"vms");
    // Has claimed to be another since: the certificate alone would do again for the next request.
    send(&mut by_certificate, "other", "DESCRIBE", &[]);
    let mut by_password = Reader::over(access.clone(), Channel::Tls);
    let outputs = by_password.send("DESCRIBE", MAIN, &[BASIC]);
    assert!(matches!(&outputs[..], [Output::CheckPassword(_)]));
    by_password.connection.password_checked(by_password.now, true, &Mounts);
    // The password was right, and the reader speaks as another now.
    send(&mut by_password, "other", "DESCRIBE", &[]);
    replace(&access, |account| account.name.as_str() != "vms");
    assert_eq!(told(&mut by_certificate), [Output::Close(CloseReason::AccountReplaced)]);
    assert_eq!(told(&mut by_password), []);
    let outputs = by_password.send("DESCRIBE", MAIN, &[BASIC]);
    let [Output::CheckPassword(check)] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(!check.run(), "nobody's password");
}

#[test]
fn where_everybody_may_read_or_nobody_there_is_nobody_to_put_out() {
    let mut anybody = Reader::new(Access::Anonymous);
    anybody.play(MAIN, TCP);
    assert_eq!(told(&mut anybody), []);
    assert_eq!(told(&mut Reader::new(closed())), []);
}

/// Checking a password takes long enough for its account to change meanwhile. Whoever has the password of now is no
/// stranger for it.
#[test]
fn a_password_is_checked_anew_where_its_account_is_another_by_then() {
    let access = accounts();
    let Access::Accounts(held) = &access else { panic!() };
    let mut reader = Reader::over(access.clone(), Channel::Tls);
    assert!(matches!(&reader.send("DESCRIBE", MAIN, &[BASIC])[..], [Output::CheckPassword(_)]));
    let mut all = all_accounts();
    all[0].mounts = vec!["*".parse().unwrap()];
    held.replace(all.into()).unwrap();
    let outputs = reader.connection.password_checked(reader.now, true, &Mounts);
    let [Output::CheckPassword(again)] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(reader.connection.is_holding());
    let is_right = again.run();
    let outputs = reader.connection.password_checked(reader.now, is_right, &Mounts);
    assert_eq!(status_of(&outputs), 200);

    // Where it is gone, the password is nobody's.
    let mut reader = Reader::over(access.clone(), Channel::Tls);
    reader.send("DESCRIBE", MAIN, &[BASIC]);
    replace(&access, |account| account.name.as_str() != "vms");
    let outputs = reader.connection.password_checked(reader.now, true, &Mounts);
    let [Output::CheckPassword(again)] = &outputs[..] else { panic!("{outputs:?}") };
    assert!(!again.run());
    let outputs = reader.connection.password_checked(reader.now, false, &Mounts);
    assert_eq!(status_of(&outputs), 401);
}
