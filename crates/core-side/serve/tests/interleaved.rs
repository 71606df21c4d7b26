//! Readers that get their packets in the RTSP connection.
#![allow(clippy::unwrap_used)]

mod support;

use cofferdam_publish::ReaderLimits;
use cofferdam_rtp::rtcp;
use cofferdam_serve::Limits;
use support::{Client, Gateway, Options, Response, Rtp, SSRC, closed, rtp, within};

/// Sequence number and timestamp of `RTP-Info`.
fn announced(answer: &Response) -> (u16, u32) {
    let info = answer.header("RTP-Info").unwrap();
    let value = |name: &str| {
        let value = info.split(';').find_map(|part| part.strip_prefix(name)).unwrap();
        value.parse::<u32>().unwrap()
    };
    (value("seq=").try_into().unwrap(), value("rtptime="))
}

async fn next_rtp(client: &mut Client, channel: u8) -> Rtp {
    rtp(&client.frame_on(channel).await)
}

#[tokio::test]
async fn a_reader_describes_sets_up_and_plays() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.request("OPTIONS", "", &[]).await.status, 200);
    let described = client.request("DESCRIBE", "", &[]).await;
    assert_eq!(described.status, 200);
    assert!(described.body.contains("m=video 0 RTP/AVP 96\r\n"));
    assert!(described.body.contains("profile-level-id=4D401F;sprop-parameter-sets=Z01AH5U=,aO48"));

    let (mut client, answer) = Client::play(gateway.address, "0-1").await;
    // The clock first, then the packets it is for.
    let (channel, report) = within(client.frame()).await.unwrap();
    assert_eq!((channel, report[1]), (1, 200));
    let first = next_rtp(&mut client, 0).await;
    assert_eq!((first.sequence, first.timestamp), announced(&answer));
    assert_eq!(first.ssrc, SSRC);
    let parameter_sets = [7, 24];
    assert!(parameter_sets.contains(&first.nal_type), "begins with {}", first.nal_type);

    let mut last = first;
    for size in [10, 5_000, 100] {
        gateway.publish(size);
        loop {
            let next = next_rtp(&mut client, 0).await;
            assert_eq!(next.sequence, last.sequence.wrapping_add(1));
            last = next;
            if next.marker && next.timestamp != first.timestamp {
                break;
            }
        }
    }
    assert_eq!(gateway.metric("rtsp_sessions{transport=\"tcp\"}"), Some(1.0));
    assert_eq!(gateway.metric("rtsp_connections"), Some(2.0));
    assert_eq!(gateway.metric("rtsp_requests_total{method=\"PLAY\",status=\"200\"}"), Some(1.0));
    let packets = last.sequence.wrapping_sub(first.sequence) + 1;
    assert_eq!(
        gateway.metric("rtsp_packets_out_total{transport=\"tcp\"}"),
        Some(f64::from(packets))
    );
}

#[tokio::test]
async fn a_reader_that_does_not_wait_for_answers_is_told_of_the_first_packet() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::connect(gateway.address).await;
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
    assert_eq!(client.request("SETUP", "/trackID=0", &[transport]).await.status, 200);
    for method in ["PLAY", "GET_PARAMETER", "OPTIONS"] {
        client.send(method, "/", &[]).await;
    }
    let played = within(client.response()).await.unwrap();
    assert_eq!(played.header("CSeq"), Some("2"));
    let first = next_rtp(&mut client, 0).await;
    assert_eq!((first.sequence, first.timestamp), announced(&played));
    for cseq in ["3", "4"] {
        let next = within(client.response()).await.unwrap();
        assert_eq!((next.header("CSeq"), next.status), (Some(cseq), 200));
    }
}

#[tokio::test]
async fn packets_come_on_the_channels_asked_for() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut client, answer) = Client::play(gateway.address, "5-4").await;
    let (channel, report) = within(client.frame()).await.unwrap();
    assert_eq!((channel, report[1]), (4, 200));
    let (channel, packet) = within(client.frame()).await.unwrap();
    assert_eq!((channel, rtp(&packet).sequence), (5, announced(&answer).0));
}

#[tokio::test]
async fn a_closed_server_challenges_and_shows_nothing() {
    let gateway = Gateway::start(Options { access: closed(), ..Options::default() }).await;
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.request("OPTIONS", "", &[]).await.status, 200);
    let mut nonces = Vec::new();
    for method in ["DESCRIBE", "SETUP", "PLAY"] {
        let refused = client.request(method, "", &["Transport: RTP/AVP/TCP"]).await;
        assert_eq!((refused.status, refused.body.as_str()), (401, ""));
        nonces.push(refused.header("WWW-Authenticate").unwrap().to_owned());
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 1);
    let mut other = Client::connect(gateway.address).await;
    let refused = other.request("DESCRIBE", "", &[]).await;
    assert_ne!(refused.header("WWW-Authenticate"), Some(nonces[0].as_str()));
    assert_eq!(
        gateway.metric("rtsp_requests_total{method=\"DESCRIBE\",status=\"401\"}"),
        Some(2.0)
    );
}

#[tokio::test]
async fn pause_stops_and_play_resumes_at_a_key_unit() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    let mut last = next_rtp(&mut client, 0).await;
    while !last.marker {
        last = next_rtp(&mut client, 0).await;
    }
    assert_eq!(client.request("PAUSE", "/", &[]).await.status, 200);
    for _ in 0..3 {
        gateway.publish(100);
    }
    assert_eq!(client.request("GET_PARAMETER", "/", &[]).await.status, 200);
    assert_eq!(client.waiting(), 0, "nothing is sent while paused");
    assert_eq!(gateway.metric("rtsp_sessions{transport=\"tcp\"}"), Some(0.0));

    gateway.keep_publishing();
    let answer = client.request("PLAY", "/", &[]).await;
    let first = next_rtp(&mut client, 0).await;
    assert_eq!((first.sequence, first.timestamp), announced(&answer));
    assert!([7, 24].contains(&first.nal_type));
    // Three packets were published meanwhile, and the key unit that it was sent before is still fresh.
    let since = first.sequence.wrapping_sub(last.sequence);
    assert!((4..1000).contains(&since), "{since} packets on: none is sent again");
}

#[tokio::test]
async fn teardown_says_goodbye_and_leaves_the_connection() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    assert_eq!(client.request("TEARDOWN", "/", &[]).await.status, 200);
    let mut goodbyes = 0;
    for _ in 0..client.waiting() {
        let (channel, packet) = within(client.frame()).await.unwrap();
        goodbyes += usize::from(channel == 1 && rtcp::parse(&packet).unwrap().goodbye);
    }
    assert_eq!(goodbyes, 1);
    client.session = None;
    let again = client.request("SETUP", "/trackID=0", &["Transport: RTP/AVP/TCP"]).await;
    assert_eq!(again.status, 200);
    assert_eq!(client.request("PLAY", "/", &[]).await.status, 200);
}

#[tokio::test]
async fn a_reader_that_leaves_leaves_nothing() {
    let gateway = Gateway::start(Options::default()).await;
    let (stays, _) = Client::play(gateway.address, "0-1").await;
    let (leaves, _) = Client::play(gateway.address, "0-1").await;
    drop(leaves);
    let mut stays = stays;
    // The server hears of it some time; what it does for the other goes on.
    within(async {
        while gateway.metric("rtsp_sessions{transport=\"tcp\"}") != Some(1.0) {
            assert_eq!(stays.request("GET_PARAMETER", "/", &[]).await.status, 200);
        }
    })
    .await;
    assert_eq!(gateway.metric("rtsp_connections"), Some(1.0));
    gateway.publish(100);
    next_rtp(&mut stays, 0).await;
}

/// A reader that never reads is put out; one that does loses no packet by it, although it asks for
/// things all the while.
#[tokio::test]
async fn a_slow_reader_costs_others_nothing() {
    const SIZE: usize = 100_000;
    let limits = Limits { send_buffer: 64 << 10, ..Limits::default() };
    let reader_limits =
        ReaderLimits { queue_bytes: 3 * SIZE, overflows: 3, ..ReaderLimits::default() };
    let gateway = Gateway::start(Options { limits, reader_limits, ..Options::default() }).await;
    let (slow, _) = Client::play(gateway.address, "0-1").await;
    let (mut fast, _) = Client::play(gateway.address, "0-1").await;
    let mut last = None;
    let mut units = 0;
    let both = Some(2.0);
    let sessions = || gateway.metric("rtsp_sessions{transport=\"tcp\"}");
    assert_eq!(sessions(), both);
    within(async {
        while sessions() == both {
            gateway.publish_key(SIZE);
            fast.send("GET_PARAMETER", "/", &[]).await;
            loop {
                let packet = rtp(&fast.frame_on_or_response(0).await);
                if let Some(last) = last {
                    assert_eq!(packet.sequence, u16::wrapping_add(last, 1));
                }
                last = Some(packet.sequence);
                if packet.marker {
                    break;
                }
            }
            units += 1;
        }
    })
    .await;
    assert!(units > 3, "the queue and the kernel hold some: {units}");
    drop(slow);
    assert_eq!(sessions(), Some(1.0));
}

#[tokio::test]
async fn requests_sent_ahead_are_all_answered_in_order() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::connect(gateway.address).await;
    for _ in 0..3_000 {
        client.send("OPTIONS", "", &[]).await;
    }
    for cseq in 1..=3_000 {
        let response = within(client.response()).await.unwrap();
        assert_eq!(response.header("CSeq"), Some(cseq.to_string().as_str()));
    }
}

#[tokio::test]
async fn what_is_no_rtsp_is_refused() {
    let gateway = Gateway::start(Options::default()).await;
    let cases: [(&[u8], Option<u16>); 2] =
        [(b"\x16\x03\x01\x00\x05hello", None), (&[b'A'; 20_000], Some(400))];
    for (bytes, status) in cases {
        let mut client = Client::connect(gateway.address).await;
        tokio::io::AsyncWriteExt::write_all(&mut client.stream, bytes).await.unwrap();
        let answer = within(client.response()).await;
        assert_eq!(answer.as_ref().ok().map(|answer| answer.status), status);
        assert!(status.is_none() || within(client.response()).await.is_err());
    }
    assert_eq!(gateway.metric("rtsp_refused_total{reason=\"malformed\"}"), Some(2.0));
}

/// FFmpeg and others say goodbye over RTCP when they have ended.
#[tokio::test]
async fn what_comes_on_a_channel_is_counted_where_there_never_was_a_session() {
    const GOODBYE: &[u8] = &[b'$', 1, 0, 8, 0x81, 203, 0, 1, 0, 0, 0, 9];
    let gateway = Gateway::start(Options::default()).await;
    let (mut ended, _) = Client::play(gateway.address, "0-1").await;
    assert_eq!(ended.request("TEARDOWN", "/", &[]).await.status, 200);
    let stranger = Client::connect(gateway.address).await;
    for (mut client, counted) in [(ended, 0.0), (stranger, 1.0)] {
        tokio::io::AsyncWriteExt::write_all(&mut client.stream, GOODBYE).await.unwrap();
        client.session = None;
        assert_eq!(client.request("OPTIONS", "", &[]).await.status, 200);
        let metric = gateway.metric("rtsp_malformed_total{reason=\"channel\"}");
        assert_eq!(metric, Some(counted));
    }
}

#[tokio::test]
async fn an_address_has_its_limit() {
    let limits = Limits { per_address: 1, ..Limits::default() };
    let gateway = Gateway::start(Options { limits, ..Options::default() }).await;
    let mut first = Client::connect(gateway.address).await;
    assert_eq!(first.request("OPTIONS", "", &[]).await.status, 200);
    let mut second = Client::connect(gateway.address).await;
    assert!(within(second.response()).await.is_err());
    assert_eq!(gateway.metric("rtsp_refused_total{reason=\"per_address\"}"), Some(1.0));
    drop(first);
    within(async {
        while gateway.metric("rtsp_connections") != Some(0.0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut third = Client::connect(gateway.address).await;
    assert_eq!(third.request("OPTIONS", "", &[]).await.status, 200);
}

/// Units in flight when the reader stops to read, and answers among them: [`Client`] fails on any byte that is
/// out of place.
#[tokio::test]
async fn a_reader_that_pauses_reading_finds_whole_frames_and_answers() {
    let limits = Limits { send_buffer: 64 << 10, ..Limits::default() };
    let gateway = Gateway::start(Options { limits, ..Options::default() }).await;
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    let (mut other, _) = Client::play(gateway.address, "2-3").await;
    let mut last = next_rtp(&mut client, 0).await;
    let mut others = next_rtp(&mut other, 2).await;
    for round in 0..3 {
        // More than the kernel holds at both ends.
        for unit in 0..12 {
            gateway.publish(300_000);
            if unit == 6 {
                client.send("OPTIONS", "", &[]).await;
            }
            // One that does not read costs the other nothing.
            let unit = others.timestamp;
            while !others.marker || others.timestamp == unit {
                let next = next_rtp(&mut other, 2).await;
                assert_eq!(next.sequence, others.sequence.wrapping_add(1));
                others = next;
            }
        }
        let timestamp = others.timestamp;
        while !last.marker || last.timestamp != timestamp {
            let next = rtp(&client.frame_on_or_response(0).await);
            assert_eq!(next.sequence, last.sequence.wrapping_add(1), "round {round}");
            last = next;
        }
    }
    let answered = gateway.metric("rtsp_requests_total{method=\"OPTIONS\",status=\"200\"}");
    assert_eq!(answered, Some(3.0));
}
