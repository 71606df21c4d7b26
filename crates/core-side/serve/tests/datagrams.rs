//! Readers that get their packets as datagrams.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::{IpAddr, SocketAddr};

use cofferdam_rtp::rtcp;
use support::{Client, Gateway, Options, Response, SSRC, rtp, within};
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// A reader with two sockets of its own.
struct Reader {
    client: Client,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    server_rtp: SocketAddr,
    server_rtcp: SocketAddr,
}

impl Reader {
    async fn set_up(server: SocketAddr) -> Self {
        let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let rtp = UdpSocket::bind(local).await.unwrap();
        let rtcp = UdpSocket::bind(local).await.unwrap();
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let ports = format!("{}-{}", port(&rtp), port(&rtcp));
        let mut client = Client::connect(server).await;
        let transport = format!("Transport: RTP/AVP;unicast;client_port={ports}");
        let answer = client.request("SETUP", "/trackID=0", &[&transport]).await;
        assert_eq!(answer.status, 200);
        let transport = answer.header("Transport").unwrap();
        assert!(transport.contains(&format!("client_port={ports}")));
        assert!(transport.contains(&format!("ssrc={SSRC:08X}")));
        let (even, odd) = server_ports(transport);
        let at = |port| SocketAddr::new(server.ip(), port);
        Self { client, rtp, rtcp, server_rtp: at(even), server_rtcp: at(odd) }
    }

    async fn play(server: SocketAddr) -> (Self, Response) {
        let mut reader = Self::set_up(server).await;
        let answer = reader.client.request("PLAY", "/", &[]).await;
        assert_eq!(answer.status, 200);
        (reader, answer)
    }

    async fn packet(&self) -> Vec<u8> {
        receive(&self.rtp, self.server_rtp).await
    }

    async fn report(&self) -> Vec<u8> {
        receive(&self.rtcp, self.server_rtcp).await
    }

    /// Reports `lost` packets of the stream `source`.
    async fn lose(&self, source: u32, lost: u8) {
        let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
        report.extend_from_slice(&source.to_be_bytes());
        report.extend_from_slice(&[0, 0, 0, lost]);
        report.extend_from_slice(&[0; 16]);
        self.rtcp.send_to(&report, self.server_rtcp).await.unwrap();
    }
}

fn server_ports(transport: &str) -> (u16, u16) {
    let ports = transport.split(';').find_map(|part| part.strip_prefix("server_port=")).unwrap();
    let (even, odd) = ports.split_once('-').unwrap();
    let (even, odd) = (even.parse().unwrap(), odd.parse().unwrap());
    assert!(even % 2 == 0 && odd == even + 1);
    (even, odd)
}

async fn receive(socket: &UdpSocket, from: SocketAddr) -> Vec<u8> {
    let mut buffer = vec![0; 2000];
    let (length, source) = within(socket.recv_from(&mut buffer)).await.unwrap();
    assert_eq!(source, from, "a firewall expects packets from the ports that were named");
    buffer.truncate(length);
    buffer
}

#[tokio::test]
async fn each_packet_is_a_datagram_and_reports_come_beside_them() {
    let gateway = Gateway::start(Options::default()).await;
    let (reader, answer) = Reader::play(gateway.address).await;
    let info = answer.header("RTP-Info").unwrap();
    let first = rtp(&reader.packet().await);
    assert!(info.contains(&format!(";seq={};rtptime={}", first.sequence, first.timestamp)));
    assert_eq!(first.ssrc, SSRC);
    assert_eq!(reader.report().await[1], 200);
    let mut last = first;
    for size in [10, 300_000, 100] {
        gateway.publish(size);
        let timestamp = last.timestamp;
        loop {
            let packet = reader.packet().await;
            assert!(packet.len() <= 1472);
            let next = rtp(&packet);
            assert_eq!(next.sequence, last.sequence.wrapping_add(1));
            last = next;
            if next.marker && next.timestamp != timestamp {
                break;
            }
        }
    }
    assert_eq!(gateway.metric("rtsp_sessions{transport=\"udp\"}"), Some(1.0));
}

#[tokio::test]
async fn a_request_in_the_middle_of_a_large_unit_takes_nothing_from_it() {
    let gateway = Gateway::start(Options::default()).await;
    let (reader, _) = Reader::play(gateway.address).await;
    let Reader { mut client, rtp: socket, server_rtp, .. } = reader;
    let mut last = rtp(&receive(&socket, server_rtp).await);
    while !last.marker {
        last = rtp(&receive(&socket, server_rtp).await);
    }
    for _ in 0..8 {
        gateway.publish(300_000);
        let unit = async {
            let mut packets = 0;
            loop {
                let next = rtp(&receive(&socket, server_rtp).await);
                assert_eq!(next.sequence, last.sequence.wrapping_add(1));
                last = next;
                packets += 1;
                if next.marker {
                    return packets;
                }
            }
        };
        let requests = async {
            for _ in 0..4 {
                assert_eq!(client.request("OPTIONS", "/", &[]).await.status, 200);
            }
        };
        let (packets, ()) = tokio::join!(unit, requests);
        assert!(packets > 200, "{packets} packets");
    }
}

#[tokio::test]
async fn a_reader_may_report_losses_of_what_it_was_sent_only() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut reader, _) = Reader::play(gateway.address).await;
    gateway.publish(20_000);
    while !rtp(&reader.packet().await).marker {}
    while !rtp(&reader.packet().await).marker {}
    let lost = || gateway.metric("rtsp_reader_reported_lost_total");
    // Another stream's losses, ours, ours again, and more than there were packets.
    for (source, said, counted) in [(9, 3, 0.0), (SSRC, 3, 3.0), (SSRC, 5, 5.0), (SSRC, 5, 5.0)] {
        reader.lose(source, said).await;
        // Answered after the report was heard, at the latest some requests later.
        for _ in 0..100 {
            assert_eq!(reader.client.request("GET_PARAMETER", "/", &[]).await.status, 200);
            if lost() == Some(counted) {
                break;
            }
        }
        assert_eq!(lost(), Some(counted));
    }
    reader.lose(SSRC, 255).await;
    within(async {
        while lost() == Some(5.0) {
            assert_eq!(reader.client.request("GET_PARAMETER", "/", &[]).await.status, 200);
        }
    })
    .await;
    let sent = gateway.metric("rtsp_packets_out_total{transport=\"udp\"}");
    assert_eq!(lost(), sent);
}

#[tokio::test]
async fn what_is_no_rtcp_is_counted_and_disturbs_nobody() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut reader, _) = Reader::play(gateway.address).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for socket in [&reader.rtcp, &stranger] {
        for bytes in [&b""[..], b"x", &[0x80, 201, 0xff, 0xff], &[0; 1500]] {
            socket.send_to(bytes, reader.server_rtcp).await.unwrap();
        }
    }
    within(async {
        while gateway.metric("rtsp_malformed_total{reason=\"rtcp\"}") != Some(8.0) {
            assert_eq!(reader.client.request("GET_PARAMETER", "/", &[]).await.status, 200);
        }
    })
    .await;
    gateway.publish(100);
    while !rtp(&reader.packet().await).marker {}
    assert!(rtp(&reader.packet().await).marker, "what was published behind it");
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let mut gateway = Gateway::start(Options::default()).await;
    let (reader, _) = Reader::play(gateway.address).await;
    gateway.ask_to_stop();
    while !rtcp::parse(&reader.report().await).unwrap().goodbye {}
    gateway.stopped().await;
}

#[tokio::test]
async fn the_session_ends_with_its_connection() {
    let gateway = Gateway::start(Options::default()).await;
    let (reader, _) = Reader::play(gateway.address).await;
    reader.report().await;
    let Reader { client, rtcp, server_rtcp, .. } = reader;
    drop(client);
    let goodbye = receive(&rtcp, server_rtcp).await;
    assert!(rtcp::parse(&goodbye).unwrap().goodbye);
    assert_eq!(gateway.metric("rtsp_sessions{transport=\"udp\"}"), Some(0.0));
}

#[tokio::test]
async fn multicast_is_refused_and_the_next_offer_taken() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::connect(gateway.address).await;
    let multicast = "RTP/AVP;multicast;port=6000-6001";
    let refused = client.request("SETUP", "", &[&format!("Transport: {multicast}")]).await;
    assert_eq!(refused.status, 461);
    let both = format!("Transport: {multicast},RTP/AVP/TCP;interleaved=0-1");
    assert_eq!(client.request("SETUP", "", &[&both]).await.status, 200);
}

#[tokio::test]
async fn reports_repeat_and_silence_ends_the_session() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut reader, _) = Reader::play(gateway.address).await;
    // From here on time passes as soon as nobody has anything to do.
    tokio::time::pause();
    let begun = Instant::now();
    assert!(reader.client.rest().await.is_empty());
    let seconds = begun.elapsed().as_secs();
    assert!((90..92).contains(&seconds), "ended after {seconds} s");
    tokio::time::resume();
    let mut reports = 0;
    loop {
        let report = reader.report().await;
        if rtcp::parse(&report).unwrap().goodbye {
            break;
        }
        reports += 1;
    }
    assert!((18..=19).contains(&reports), "one at once and one every five seconds: {reports}");
}

#[tokio::test]
async fn reports_of_the_reader_keep_the_session() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut reader, _) = Reader::play(gateway.address).await;
    reader.report().await;
    tokio::time::pause();
    let begun = Instant::now();
    while begun.elapsed().as_secs() < 200 {
        // One for one: ours come every five seconds.
        let mut buffer = [0; 2000];
        reader.rtcp.recv_from(&mut buffer).await.unwrap();
        reader.lose(SSRC, 0).await;
    }
    tokio::time::resume();
    assert_eq!(reader.client.request("GET_PARAMETER", "/", &[]).await.status, 200);
}

/// Whatever address of ours a reader connects to, its packets come from there.
#[tokio::test]
async fn packets_come_from_the_address_connected_to() {
    let [any, second]: [IpAddr; 2] = [[0, 0, 0, 0].into(), [127, 0, 0, 2].into()];
    let [any6, mapped]: [IpAddr; 2] = ["::".parse().unwrap(), "::ffff:127.0.0.2".parse().unwrap()];
    for (listen, connect) in
        [(any, second), (any6, "::1".parse().unwrap()), (any6, mapped.to_canonical())]
    {
        let gateway = Gateway::start(Options { listen, ..Options::default() }).await;
        let server = SocketAddr::new(connect, gateway.address.port());
        let (reader, _) = Reader::play(server).await;
        gateway.publish(20_000);
        assert_eq!(rtp(&reader.packet().await).ssrc, SSRC);
        assert_eq!(reader.report().await[1], 200);
    }
}
