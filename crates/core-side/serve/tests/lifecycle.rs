//! How sessions and servers begin and end.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use cofferdam_publish::Mounts;
use cofferdam_rtp::rtcp;
use cofferdam_serve::{BindError, Limits, Refresh, ServeMetrics, Server, ServerSettings};
use support::{Client, Gateway, Options, closed, within};
use tokio::time::Instant;

fn says_goodbye(frames: &[(u8, Vec<u8>)]) -> bool {
    frames.iter().any(|(channel, packet)| {
        *channel == 1 && rtcp::parse(packet).is_ok_and(|incoming| incoming.goodbye)
    })
}

#[tokio::test]
async fn stopping_says_goodbye_and_closes() {
    let mut gateway = Gateway::start(Options::default()).await;
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    let mut idle = Client::connect(gateway.address).await;
    assert_eq!(idle.request("OPTIONS", "", &[]).await.status, 200);
    gateway.ask_to_stop();
    assert!(says_goodbye(&within(client.rest()).await));
    assert!(within(idle.rest()).await.is_empty());
    gateway.stopped().await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_reader_that_does_not_read() {
    let limits = Limits { send_buffer: 16 << 10, ..Limits::default() };
    let mut gateway = Gateway::start(Options { limits, ..Options::default() }).await;
    let (client, _) = Client::play(gateway.address, "0-1").await;
    for _ in 0..20 {
        gateway.publish(500_000);
        tokio::task::yield_now().await;
    }
    gateway.ask_to_stop();
    let begun = Instant::now();
    gateway.stopped().await;
    assert!(begun.elapsed().as_secs() < 4);
    drop(client);
}

#[tokio::test]
async fn a_lost_camera_ends_sessions_and_refuses_new_ones() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    gateway.lose_camera();
    assert!(says_goodbye(&within(client.rest()).await));
    let mut next = Client::connect(gateway.address).await;
    let refused = next.request("DESCRIBE", "", &[]).await;
    assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("2")));
    // Pictures are back.
    gateway.publish_key(100);
    assert_eq!(next.request("DESCRIBE", "", &[]).await.status, 200);
}

#[tokio::test]
async fn a_camera_lost_after_setup_refuses_play_and_keeps_the_connection() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::connect(gateway.address).await;
    let transport = "Transport: RTP/AVP/TCP;interleaved=0-1";
    assert_eq!(client.request("SETUP", "", &[transport]).await.status, 200);
    gateway.lose_camera();
    assert_eq!(client.request("PLAY", "", &[]).await.status, 503);
    gateway.publish_key(100);
    assert_eq!(client.request("PLAY", "", &[]).await.status, 200);
}

#[tokio::test]
async fn a_reader_that_takes_what_it_is_sent_is_not_timed_out() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    tokio::time::pause();
    let begun = Instant::now();
    while begun.elapsed().as_secs() < 200 {
        client.frame().await.unwrap();
    }
    tokio::time::resume();
    assert_eq!(client.request("GET_PARAMETER", "/", &[]).await.status, 200);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_put_out() {
    // However much its queue may hold.
    let limits = Limits { send_buffer: 16 << 10, ..Limits::default() };
    let gateway = Gateway::start(Options { limits, ..Options::default() }).await;
    let (client, _) = Client::play(gateway.address, "0-1").await;
    // By the clock of the kernel, which gives a connection up by itself some time later.
    let begun = Instant::now();
    for _ in 0..20 {
        gateway.publish_key(500_000);
        tokio::task::yield_now().await;
    }
    // How long it takes to publish is no part of the reader's time.
    let published = Instant::now();
    while gateway.metric("rtsp_connections") != Some(0.0) {
        assert!(published.elapsed().as_secs() < 60);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let put_out = (begun.elapsed(), published.elapsed());
    assert!(put_out.0.as_secs() >= 9 && put_out.1.as_secs() <= 11, "{put_out:?}");
    let ended = gateway.metric("rtsp_sessions_ended_total{reason=\"reader_too_slow\"}");
    assert_eq!(ended, Some(1.0), "told from a connection that broke");
    drop(client);
}

/// So little comes that the kernel keeps all of it: it is the kernel that finds out.
#[tokio::test]
async fn a_reader_that_takes_nothing_of_a_small_stream_is_put_out_as_well() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::with_buffer(gateway.address, 4096).await;
    client.play_over("0-1").await;
    let begun = Instant::now();
    let mut pictures = tokio::time::interval(Duration::from_millis(50));
    let put_out = async {
        while gateway.metric("rtsp_connections") != Some(0.0) {
            pictures.tick().await;
            gateway.publish(100);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), put_out).await.unwrap();
    assert!(begun.elapsed().as_secs() >= 10, "{:?}", begun.elapsed());
    let ended = gateway.metric("rtsp_sessions_ended_total{reason=\"reader_too_slow\"}");
    assert_eq!(ended, Some(1.0), "told from a connection that broke");
}

#[tokio::test]
async fn a_connection_may_be_quiet_for_a_while_between_requests() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::connect(gateway.address).await;
    for (method, headers) in
        [("DESCRIBE", &[][..]), ("SETUP", &["Transport: RTP/AVP/TCP"]), ("PLAY", &[])]
    {
        assert_eq!(client.request(method, "", headers).await.status, 200);
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(50)).await;
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_session_that_does_not_play_times_out() {
    let gateway = Gateway::start(Options::default()).await;
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.request("SETUP", "", &["Transport: RTP/AVP/TCP"]).await.status, 200);
    tokio::time::pause();
    let begun = Instant::now();
    assert!(client.rest().await.is_empty());
    let seconds = begun.elapsed().as_secs();
    assert!((90..92).contains(&seconds), "ended after {seconds} s");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let settings = ServerSettings {
        listen: address,
        interface: None,
        certificates: None,
        access: closed(),
        refresh: Refresh::default(),
        multicast: Vec::new(),
        limits: Limits::default(),
    };
    let metrics = ServeMetrics::default();
    let error = Server::bind(settings.clone(), Mounts::new(Vec::new()), metrics).await.unwrap_err();
    assert!(matches!(error, BindError::Listen { .. }));
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("in use"), "{text}");

    let elsewhere = ServerSettings { interface: Some("no-such-if0".into()), ..settings };
    let bound = Server::bind(elsewhere, Mounts::new(Vec::new()), ServeMetrics::default()).await;
    assert!(bound.is_err());
}
