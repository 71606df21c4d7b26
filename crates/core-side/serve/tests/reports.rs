//! What the gateway reports of its streams, and what comes of the reports of readers.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::{Client, Gateway, Options, SSRC, within};
use tokio::io::AsyncWriteExt as _;

/// One sender report (RFC 3550 §6.4.1).
#[derive(Debug)]
struct Report {
    /// Seconds and their 2³²th parts.
    ntp: u64,
    rtp: u32,
    packets: u32,
    octets: u32,
}

impl Report {
    fn read(packet: &[u8]) -> Self {
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        assert_eq!((packet[0], packet[1], word(4)), (0x80, 200, SSRC));
        // The canonical name follows in the same compound packet (§6.1).
        assert_eq!(packet[29], 202);
        Self {
            ntp: u64::from(word(8)) << 32 | u64::from(word(12)),
            rtp: word(16),
            packets: word(20),
            octets: word(24),
        }
    }
}

/// The next report on channel 1.
async fn report(client: &mut Client) -> Report {
    Report::read(&client.frame_on(1).await)
}

/// Reports of reception, as a reader sends them in its connection.
async fn say(client: &mut Client, fraction: u8, lost: u8, jitter: u32, answers: u32) {
    let mut packet = vec![b'$', 1, 0, 32, 0x81, 201, 0, 7, 0, 0, 0, 9];
    packet.extend_from_slice(&SSRC.to_be_bytes());
    packet.extend_from_slice(&[fraction, 0, 0, lost]);
    for word in [0, jitter, answers, 0] {
        packet.extend_from_slice(&word.to_be_bytes());
    }
    within(client.stream.write_all(&packet)).await.unwrap();
    // Answered after the report was heard.
    assert_eq!(client.request("GET_PARAMETER", "/", &[]).await.status, 200);
}

#[tokio::test]
async fn reports_come_at_once_and_every_five_seconds_by_one_clock() {
    let gateway = Gateway::start(Options::default()).await;
    let (mut client, answer) = Client::play(gateway.address, "0-1").await;
    let first = report(&mut client).await;
    assert_eq!((first.packets, first.octets), (0, 0), "before the first packet");
    let key = support::rtp(&client.frame_on(0).await);
    assert_eq!(first.rtp, key.timestamp, "the time of the picture that it announces");
    assert!(answer.header("RTP-Info").unwrap().contains(&format!("seq={}", key.sequence)));
    gateway.publish(100);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let second = report(&mut client).await;
    let waited = begun.elapsed();
    tokio::time::resume();
    assert!((4_500..=5_100).contains(&waited.as_millis()), "{waited:?}");
    assert!(second.packets > 1 && second.octets > 100, "{second:?}");
    // The wall clock went on as the stream's did; neither is the one that was made to jump.
    let wall = (second.ntp - first.ntp) as f64 / f64::from(u32::MAX);
    let stream = f64::from(second.rtp.wrapping_sub(first.rtp)) / 90_000.0;
    assert!((wall - stream).abs() < 0.005, "{wall} s and {stream} s");
}

/// What a first picture says of the time must not lie before the first report: some readers end over that.
#[tokio::test]
async fn the_first_report_tells_the_time_of_the_picture_that_follows() {
    const AGE: Duration = Duration::from_secs(1);
    let gateway = Gateway::start(Options { age: AGE, ..Options::default() }).await;
    let before = wall_clock();
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    let first = report(&mut client).await;
    assert_eq!(support::rtp(&client.frame_on(0).await).timestamp, first.rtp);
    let told = first.ntp as f64 / 2_f64.powi(32);
    let age = AGE.as_secs_f64();
    assert!((before - age..=wall_clock() - age).contains(&told), "{told}, {before}");

    // Its answer's round trip is that of the report, not of the picture.
    say(&mut client, 0, 0, 0, u32::try_from(first.ntp >> 16 & 0xffff_ffff).unwrap()).await;
    let name = "rtsp_reader_round_trip_seconds_sum{transport=\"tcp\"}";
    let round_trip = gateway.metric(name).unwrap();
    assert!((0.0..=wall_clock() - before).contains(&round_trip), "{round_trip} s");
}

/// Seconds since 1900.
fn wall_clock() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs_f64() + 2_208_988_800.0
}

#[tokio::test]
async fn reports_of_readers_become_metrics_of_them_all() {
    let gateway = Gateway::start(Options::default()).await;
    let metric = |name: &str| gateway.metric(&format!("rtsp_reader_{name}{{transport=\"tcp\"}}"));
    let bucket = |name: &str, most: &str| {
        let name = format!("rtsp_reader_{name}_bucket{{le=\"{most}\",transport=\"tcp\"}}");
        gateway.metric(&name)
    };
    assert_eq!(metric("fraction_lost_count"), Some(0.0), "there before the first");
    let (mut client, _) = Client::play(gateway.address, "0-1").await;
    let answers = u32::try_from(report(&mut client).await.ntp >> 16 & 0xffff_ffff).unwrap();

    // A quarter lost, 20 ms of jitter, and no word of our report.
    say(&mut client, 64, 1, 1800, 0).await;
    assert_eq!(metric("fraction_lost_sum"), Some(0.25));
    assert_eq!(metric("jitter_seconds_sum"), Some(0.02));
    assert_eq!(
        (bucket("jitter_seconds", "0.01"), bucket("jitter_seconds", "0.02")),
        (Some(0.0), Some(1.0))
    );
    assert_eq!(gateway.metric("rtsp_reader_reported_lost_total"), Some(1.0));
    assert_eq!(metric("round_trip_seconds_count"), Some(0.0));

    // With our report, and with one that was never made.
    say(&mut client, 0, 1, 0, answers).await;
    assert_eq!(metric("round_trip_seconds_count"), Some(1.0));
    let round_trip = Duration::from_secs_f64(metric("round_trip_seconds_sum").unwrap());
    assert!(round_trip < support::DEADLINE, "{round_trip:?}");
    say(&mut client, 0, 1, 0, answers.wrapping_sub(3 << 16)).await;
    assert_eq!(metric("round_trip_seconds_count"), Some(1.0));
    assert_eq!(metric("fraction_lost_count"), Some(3.0));
    assert_eq!(gateway.metric("rtsp_reader_reported_lost_total"), Some(1.0), "told again");
}

/// A counter that appears with its first event hides it from `rate`.
#[tokio::test]
async fn every_transport_is_counted_from_the_start() {
    let gateway = Gateway::start(Options::default()).await;
    for transport in ["tcp", "udp", "tls", "multicast"] {
        for name in ["rtsp_bytes_out_total", "rtsp_packets_out_total", "rtsp_sessions"] {
            let found = gateway.metric(&format!("{name}{{transport=\"{transport}\"}}"));
            assert_eq!(found, Some(0.0), "{name} {transport}");
        }
    }
}
