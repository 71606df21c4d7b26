//! Readers that share a group, on loopback, which takes packets for groups of IPv4 on every machine.
#![allow(clippy::panic, clippy::unwrap_used)]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use cofferdam_rtp::rtcp;
use cofferdam_serve::MulticastGroup;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use support::{Client, Gateway, Options, Response, SSRC, rtp, within};
use tokio::net::UdpSocket;

const OFFER: &str = "Transport: RTP/AVP;multicast";
/// Every machine's loopback.
const LOOPBACK: u32 = 1;

/// A group of this test's own: its port is one that is free.
fn group(address: IpAddr) -> MulticastGroup {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    MulticastGroup { address, port: free & !1, ttl: 1 }
}

fn options(group: MulticastGroup) -> Options {
    Options {
        interface: Some("lo"),
        multicast: vec![("lobby/main".into(), group)],
        ..Options::default()
    }
}

/// A socket that has joined `group`, on one of its ports.
fn joined(group: &MulticastGroup, port: u16) -> UdpSocket {
    let address = SocketAddr::new(group.address, port);
    let socket =
        Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.bind(&address.into()).unwrap();
    let IpAddr::V4(address) = group.address else { panic!("loopback has no way for others") };
    socket.join_multicast_v4_n(&address, &InterfaceIndexOrAddress::Index(LOOPBACK)).unwrap();
    UdpSocket::from_std(socket.into()).unwrap()
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 2000];
    let (length, from) = within(socket.recv_from(&mut buffer)).await.unwrap();
    buffer.truncate(length);
    (buffer, from)
}

/// A reader that plays by multicast, and the answer to its PLAY.
async fn play(gateway: &Gateway, group: &MulticastGroup) -> (Client, Response) {
    let mut client = Client::connect(gateway.address).await;
    let answer = client.request("SETUP", "/trackID=0", &[OFFER]).await;
    let MulticastGroup { address, port, .. } = group;
    let expected = format!("destination={address};port={port}-{};ttl=1;", port + 1);
    assert!(answer.header("Transport").unwrap().contains(&expected), "{}", answer.head);
    let answer = client.request("PLAY", "/", &[]).await;
    assert_eq!(answer.status, 200);
    (client, answer)
}

/// Waits until the group is told that nothing more comes.
async fn goodbye(reports: &UdpSocket) {
    while !rtcp::parse(&receive(reports).await.0).unwrap().goodbye {}
}

fn named_sequence(answer: &Response) -> u16 {
    let info = answer.header("RTP-Info").unwrap();
    let value = info.split(';').find_map(|part| part.strip_prefix("seq=")).unwrap();
    value.parse().unwrap()
}

#[tokio::test]
async fn packets_are_sent_once_however_many_read() {
    let group = group("239.255.77.1".parse().unwrap());
    let gateway = Gateway::start(options(group)).await;
    gateway.keep_publishing();
    let (packets, reports) = (joined(&group, group.port), joined(&group, group.port + 1));
    let (mut first, answer) = play(&gateway, &group).await;
    let mut last = rtp(&receive(&packets).await.0);
    assert_eq!((last.ssrc, last.sequence), (SSRC, named_sequence(&answer)));
    assert_eq!(receive(&reports).await.0[1], 200, "a sender report");

    // The second begins with a key unit that comes after it, and that everybody gets, once.
    let (second, answer) = play(&gateway, &group).await;
    assert_eq!(gateway.metric("rtsp_sessions{transport=\"multicast\"}"), Some(2.0));
    let named = named_sequence(&answer);
    while last.sequence != named {
        let next = rtp(&receive(&packets).await.0);
        assert_eq!(next.sequence, last.sequence.wrapping_add(1), "one stream");
        last = next;
    }
    assert_eq!(last.nal_type, 24, "parameter sets, before a key picture");

    // Not over while one of them plays.
    assert_eq!(first.request("TEARDOWN", "/", &[]).await.status, 200);
    for _ in 0..20 {
        let next = rtp(&receive(&packets).await.0);
        assert_eq!(next.sequence, last.sequence.wrapping_add(1), "one stream");
        last = next;
    }
    assert_eq!(gateway.metric("rtsp_sessions{transport=\"multicast\"}"), Some(1.0));
    drop(second);
    goodbye(&reports).await;
    // And begun anew by whoever comes next.
    let (_third, _) = play(&gateway, &group).await;
    receive(&packets).await;
    let sent = gateway.metric("rtsp_packets_out_total{transport=\"multicast\"}");
    assert!(sent > Some(20.0), "{sent:?}");
}

#[tokio::test]
async fn a_paused_session_is_no_member() {
    let group = group("239.255.77.2".parse().unwrap());
    let gateway = Gateway::start(options(group)).await;
    gateway.keep_publishing();
    let reports = joined(&group, group.port + 1);
    let (mut client, _) = play(&gateway, &group).await;
    assert_eq!(client.request("PAUSE", "/", &[]).await.status, 200);
    goodbye(&reports).await;
    assert_eq!(client.request("PLAY", "/", &[]).await.status, 200);
    assert_eq!(receive(&reports).await.0[1], 200, "a sender report at once");
}

#[tokio::test]
async fn what_each_member_reports_is_heard() {
    let group = group("239.255.77.3".parse().unwrap());
    let gateway = Gateway::start(options(group)).await;
    gateway.keep_publishing();
    let packets = joined(&group, group.port);
    let (_client, _) = play(&gateway, &group).await;
    for _ in 0..10 {
        receive(&packets).await;
    }
    let lost = || gateway.metric("rtsp_reader_reported_lost_total").unwrap();
    // Each has lost three so far.
    for member in 1..=2_u8 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket2::SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, member];
        report.extend_from_slice(&SSRC.to_be_bytes());
        report.extend_from_slice(&[32, 0, 0, 3]);
        report.extend_from_slice(&[0; 16]);
        socket.send_to(&report, (group.address, group.port + 1)).await.unwrap();
        within(async {
            while lost() < 3.0 * f64::from(member) {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    assert_eq!(lost(), 6.0);
    let heard = "rtsp_reader_fraction_lost_count{transport=\"multicast\"}";
    assert_eq!(gateway.metric(heard), Some(2.0));
}

#[tokio::test]
async fn stopping_says_goodbye_to_the_group() {
    let group = group("239.255.77.4".parse().unwrap());
    let mut gateway = Gateway::start(options(group)).await;
    gateway.keep_publishing();
    let reports = joined(&group, group.port + 1);
    let (client, _) = play(&gateway, &group).await;
    assert_eq!(receive(&reports).await.0[1], 200);
    gateway.ask_to_stop();
    goodbye(&reports).await;
    gateway.stopped().await;
    drop(client);
}

#[tokio::test]
async fn a_lost_camera_ends_sessions_and_another_begins_when_it_is_back() {
    let group = group("239.255.77.5".parse().unwrap());
    let gateway = Gateway::start(options(group)).await;
    gateway.keep_publishing();
    let packets = joined(&group, group.port);
    let (mut client, _) = play(&gateway, &group).await;
    receive(&packets).await;
    // Units that come meanwhile bring it back.
    gateway.lose_camera();
    assert!(within(client.rest()).await.is_empty());
    let mut next = Client::connect(gateway.address).await;
    within(async { while next.request("DESCRIBE", "", &[]).await.status != 200 {} }).await;
    let (_next, answer) = play(&gateway, &group).await;
    let named = named_sequence(&answer);
    while rtp(&receive(&packets).await.0).sequence != named {}
}
