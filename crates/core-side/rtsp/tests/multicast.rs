//! Readers that ask for multicast: lobby/many has a group, lobby/main has none.
#![allow(clippy::unwrap_used)]

mod support;

use cofferdam_rtsp::{Access, Channel, Output, Transport};
use support::{GROUP, NONCE, Reader, accounts, digest, status_of, text_of};

const MAIN: &str = "rtsp://gw:8554/lobby/main";
const MANY: &str = "rtsp://gw:8554/lobby/many";
const OFFER: &str = "Transport: RTP/AVP;multicast;destination=239.9.9.9;port=3456-3457;ttl=127";

fn status(reader: &mut Reader, url: &str, headers: &[&str]) -> u16 {
    status_of(&reader.send("SETUP", url, headers))
}

#[test]
fn setup_names_the_groups_own_address_ports_and_ttl() {
    let mut reader = Reader::new(Access::Anonymous);
    let answer = reader.answer("SETUP", MANY, &[OFFER]);
    let transport = "Transport: RTP/AVP;multicast;destination=239.1.2.3;port=5004-5005;ttl=3;\
                     ssrc=0000BEEF;mode=\"PLAY\"\r\n";
    assert!(answer.starts_with("RTSP/1.0 200 OK") && answer.contains(transport), "{answer}");
}

#[test]
fn play_goes_to_the_group() {
    let mut reader = Reader::new(Access::Anonymous);
    reader.set_up(MANY, OFFER);
    let outputs = reader.send("PLAY", MANY, &[]);
    let transport = Transport::Multicast(GROUP);
    let start = Output::StartPlaying { mount: "lobby/many".into(), transport };
    assert_eq!(outputs, [start]);
}

#[test]
fn a_description_is_the_same_with_a_group_and_without() {
    let mut reader = Reader::new(Access::Anonymous);
    let body = |answer: String| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    let [main, many] = [MAIN, MANY].map(|url| body(reader.answer("DESCRIBE", url, &[])));
    assert_eq!(main, many.replace("lobby/many", "lobby/main"));
}

#[test]
fn it_is_refused_where_there_is_no_group_for_this_reader() {
    let mut reader = Reader::new(Access::Anonymous);
    assert_eq!(status(&mut reader, MAIN, &[OFFER]), 461);
    // What is protected on one way is not to be shown on another.
    let mut reader = Reader::over(Access::Anonymous, Channel::Tls);
    assert_eq!(status(&mut reader, MANY, &[OFFER]), 461);
    let local = std::net::Ipv6Addr::LOCALHOST.into();
    let mut reader = Reader::at(Access::Anonymous, Channel::Clear, local);
    assert_eq!(status(&mut reader, MANY, &[OFFER]), 461);
    // The next alternative is taken.
    let both = format!("{OFFER},RTP/AVP/TCP;interleaved=0-1");
    let answer = text_of(&reader.send("SETUP", MANY, &[&both]));
    assert!(answer.contains("interleaved=0-1"), "{answer}");
}

#[test]
fn it_is_for_accounts_that_have_it() {
    const TCP: &str = "Transport: RTP/AVP/TCP;interleaved=0-1";
    for (account, offer, expected) in
        [("vms", OFFER, 461), ("vms", TCP, 200), ("wall", OFFER, 200), ("wall", TCP, 461)]
    {
        let mut reader = Reader::new(accounts());
        let claim = digest::plain(account, "right password", NONCE, "SETUP", MANY);
        assert_eq!(status(&mut reader, MANY, &[offer, &claim]), expected, "{account} {offer}");
    }
}
