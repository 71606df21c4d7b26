//! What readers send: framing, requests, their headers, and what they claim to be.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use cofferdam_accounts::{Accounts, Claim, MAX_CLAIM, Reader, Secret, TransportKind, TransportSet};
use cofferdam_picture::FrameRate;
use cofferdam_rtp::{NtpTimestamp, rtcp};
use cofferdam_rtsp::{
    Access, Channel, Connection, ConnectionSettings, FirstPacket, Frame, FrameError, Framer,
    MAX_BODY, MAX_HEAD, MountDirectory, MountState, MountView, MulticastGroup, Nonce, Output,
    PortPair, State, TunnelDecoder, TunnelRequest, VideoTrack,
};

/// What a framer makes of a stream, in pieces of `size` bytes.
fn frames(stream: &[u8], size: usize) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Err(error) => return (frames, Some(error)),
                Ok(None) => break,
                Ok(Some(frame)) => frames.push(frame),
            }
        }
    }
    (frames, None)
}

/// Requests and interleaved frames: the first byte says in pieces of what size they come. True when there
/// are any, and nothing else.
pub fn rtsp_framing(data: &[u8]) -> bool {
    let Some((&size, stream)) = data.split_first() else { return false };
    let (in_pieces, error) = frames(stream, usize::from(size) + 1);
    let (in_one, error_in_one) = frames(stream, stream.len().max(1));
    assert_eq!(in_pieces, in_one, "frames depend on how they come");
    // A head that is too long is noticed earlier when it comes in pieces.
    assert_eq!(error.is_some(), error_in_one.is_some());
    for frame in &in_one {
        match frame {
            Frame::Request(request) => assert!(request.body().len() <= MAX_BODY),
            Frame::Interleaved { payload, .. } => assert!(payload.len() <= usize::from(u16::MAX)),
            Frame::Malformed(_) => {}
        }
    }
    error.is_none() && in_one.iter().any(|frame| !matches!(frame, Frame::Malformed(_)))
}

/// An `Authorization` header. True when it is a claim.
pub fn authorization(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(claim) = Claim::parse(text) else { return false };
    assert!(text.len() <= MAX_CLAIM && claim.username().len() <= text.len());
    if let Claim::Digest(digest) = &claim
        && let Some(qop) = &digest.qop
    {
        assert_eq!(qop.nc.len(), 8);
    }
    true
}

/// Half a tunnel of HTTP: the first byte says in pieces of what size its body comes. True when it is one,
/// and what goes up can be read.
pub fn http_tunnel(data: &[u8]) -> bool {
    let Some((&size, stream)) = data.split_first() else { return false };
    let Ok(Some((request, length))) = TunnelRequest::parse(stream) else { return false };
    assert!(length <= MAX_HEAD && !request.cookie.is_empty());
    let body = &stream[length..];
    let in_one = TunnelDecoder::new().decode(body);
    let mut decoder = TunnelDecoder::new();
    let pieces = body.chunks(usize::from(size) + 1).map(|piece| decoder.decode(piece));
    let in_pieces: Result<Vec<Vec<u8>>, _> = pieces.collect();
    assert_eq!(in_pieces.map(|pieces| pieces.concat()), in_one, "requests depend on how they come");
    in_one.is_ok()
}

/// A compound RTCP packet. True when it is one.
pub fn rtcp(data: &[u8]) -> bool {
    let Ok(incoming) = rtcp::parse(data) else { return false };
    assert!(incoming.reports.len() <= rtcp::MAX_REPORTS);
    let (most, now) = (1 << 23, NtpTimestamp::from_bits(u64::MAX / 3));
    for report in &incoming.reports {
        assert!((-most..most).contains(&report.cumulative_lost), "24 bits");
        let answered = report.last_sender_report != 0;
        assert!(answered || report.round_trip(now).is_none(), "the way back of nothing");
    }
    // What is followed by another whole packet says no less.
    let more = [data, &[0x80, 203, 0, 0]].concat();
    let more = rtcp::parse(&more).expect("a packet and goodbye");
    assert!(more.goodbye && more.reports == incoming.reports);
    true
}

struct Mounts;

impl MountDirectory for Mounts {
    fn find(&self, path: &str) -> Option<MountView> {
        let ready = MountState::Ready(VideoTrack {
            rate: FrameRate::new(25).expect("a rate"),
            sps: vec![0x67, 0x4d, 0x40, 0x1f].into(),
            pps: vec![0x68, 0xee].into(),
        });
        let state = match path {
            "lobby/main" | "lobby/sub" => ready,
            "lost/main" => MountState::Ended,
            _ => return None,
        };
        let group = MulticastGroup { address: [239, 1, 2, 3].into(), port: 5004, ttl: 1 };
        let multicast = (path == "lobby/sub").then_some(group);
        Some(MountView { path: path.to_owned(), ssrc: 0xbeef, multicast, state })
    }
}

static ACCOUNTS: LazyLock<Arc<Accounts>> = LazyLock::new(|| {
    let name = "vms".parse().expect("a name");
    let password = "right password".to_owned().into();
    let reader = Reader {
        secret: Secret::of_password(&name, &password, [1; 16]).expect("a password"),
        name,
        mounts: vec!["lobby/main".parse().expect("a pattern")],
        networks: Vec::new(),
        certificates: Vec::new(),
        transports: TransportSet::from_iter([TransportKind::Tcp]),
    };
    Arc::new(Accounts::new(vec![reader], [2; 32]).expect("accounts"))
});

/// A whole connection: the first byte says whether it needs an account. True when something was granted
/// that is not OPTIONS.
pub fn rtsp_connection(data: &[u8]) -> bool {
    let Some((&kind, stream)) = data.split_first() else { return false };
    let needs_account = kind & 1 == 1;
    let access =
        if needs_account { Access::Accounts(Arc::clone(&ACCOUNTS)) } else { Access::Anonymous };
    let mut now = Instant::now();
    let settings = ConnectionSettings {
        access,
        nonce: Nonce::from_random([1; 16]),
        session_seed: 7,
        channel: if kind & 2 == 2 { Channel::Tls } else { Channel::Clear },
        local: IpAddr::V4(Ipv4Addr::LOCALHOST),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        server_ports: Some(PortPair { rtp: 50_000, rtcp: 50_001 }),
    };
    let mut connection = Connection::new(settings, now);
    let (frames, error) = frames(stream, MAX_HEAD);
    let mut granted = false;
    for frame in frames {
        let mut outputs = match frame {
            Frame::Request(request) => connection.handle_request(now, &request, &Mounts),
            Frame::Malformed(malformed) => connection.handle_malformed(now, &malformed),
            Frame::Interleaved { .. } => continue,
        };
        while connection.is_holding() {
            if let Some(Output::CheckPassword(_)) = outputs.last() {
                // Not run: it takes long, and looks at nothing but the password.
                outputs.extend(connection.password_checked(now, false, &Mounts));
                continue;
            }
            assert!(connection.deadline() > now, "a deadline that stays due");
            now = connection.deadline();
            outputs.extend(connection.handle_deadline(now, &Mounts));
        }
        if connection.state() == State::Starting {
            let first = FirstPacket { sequence: 1, timestamp: 2 };
            outputs.extend(connection.first_unit(now, first));
        }
        let answers = outputs.iter().filter(|o| matches!(o, Output::Answer(_))).count();
        assert_eq!(answers, 1, "one answer a request");
        for output in &outputs {
            if let Output::Answer(answer) = output {
                let is_open = format!("{:?}", answer.method) == "Options";
                granted |= answer.status == 200 && !is_open;
                assert!(answer.bytes.starts_with(b"RTSP/1.0 "));
            }
        }
        assert!(
            !needs_account || connection.reader().is_some() || connection.state() == State::Init
        );
    }
    if let Some(error) = error {
        let outputs = connection.handle_frame_error(now, error);
        assert!(matches!(outputs.last(), Some(Output::Close(_))), "what cannot be read is closed");
    }
    granted
}
