//! A reader that speaks to a connection, and three cameras' mounts.
// Each test file uses a part of it; a failed expectation here is a failed test.
#![allow(dead_code, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub(crate) mod digest;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use cofferdam_accounts::{
    Accounts, Network, Reader as Account, ReaderName, Secret, TransportKind, TransportSet,
};

use cofferdam_picture::FrameRate;
use cofferdam_rtsp::{
    Access, Channel, Connection, ConnectionSettings, FirstPacket, Frame, Framer, MountDirectory,
    MountState, MountView, MulticastGroup, Nonce, Output, PortPair, VideoTrack,
};

/// Another path of a mount.
const ALIAS: &str = "cam/realmonitor?channel=1&subtype=1";

/// The group of lobby/many.
pub(crate) const GROUP: MulticastGroup =
    MulticastGroup { address: IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3)), port: 5004, ttl: 3 };

pub(crate) struct Mounts;

impl MountDirectory for Mounts {
    fn find(&self, path: &str) -> Option<MountView> {
        let ready = MountState::Ready(VideoTrack {
            rate: FrameRate::new(25).unwrap(),
            sps: vec![0x67, 0x4d, 0x40, 0x1f].into(),
            pps: vec![0x68, 0xee].into(),
        });
        let state = match path {
            "lobby/main" | "lobby/sub" | "lobby/many" | ALIAS => ready,
            "early/main" => MountState::NotReady,
            "lost/main" => MountState::Ended,
            _ => return None,
        };
        let path = if path == ALIAS { "lobby/sub" } else { path };
        let multicast = (path == "lobby/many").then_some(GROUP);
        Some(MountView { path: path.to_owned(), ssrc: 0xbeef, multicast, state })
    }
}

/// The nonce of every connection here, as its challenges have it.
pub(crate) const NONCE: &str = "01010101010101010101010101010101";

/// Nobody.
pub(crate) fn closed() -> Access {
    static NOBODY: OnceLock<Arc<Accounts>> = OnceLock::new();
    let nobody = NOBODY.get_or_init(|| Arc::new(Accounts::new(Vec::new(), [5; 32]).unwrap()));
    Access::Accounts(Arc::clone(nobody))
}

/// The stored form takes a while to make, and tests need many.
fn secret(name: &ReaderName) -> Secret {
    static MADE: Mutex<Vec<(ReaderName, Secret)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if let Some((_, secret)) = made.iter().find(|(other, _)| other == name) {
        return secret.clone();
    }
    let secret = Secret::of_password(name, &"right password".to_owned().into(), [3; 16]).unwrap();
    made.push((name.clone(), secret.clone()));
    secret
}

/// "vms" and "other" may read what begins with "lobby/m", interleaved; "far" may do it from elsewhere; "wall"
/// by multicast only. The password of all is "right password".
pub(crate) fn accounts() -> Access {
    Access::Accounts(Arc::new(Accounts::new(all_accounts().into(), [4; 32]).unwrap()))
}

pub(crate) fn all_accounts() -> [Account; 4] {
    let account = |name: &str, network: Option<&str>| {
        let name_as_certificate = name.as_bytes().to_vec();
        let name = name.parse().unwrap();
        let network = network.map(|network| network.parse::<Network>().unwrap());
        Account {
            secret: secret(&name),
            name,
            mounts: vec!["lobby/m*".parse().unwrap()],
            networks: network.into_iter().collect(),
            certificates: vec![name_as_certificate],
            transports: TransportSet::from_iter([TransportKind::Tcp, TransportKind::Tls]),
        }
    };
    [
        account("vms", Some("127.0.0.0/8")),
        account("other", None),
        account("far", Some("10.0.0.0/8")),
        Account {
            transports: [TransportKind::Multicast].into_iter().collect(),
            ..account("wall", None)
        },
    ]
}

/// Leaves of the accounts that [`accounts`] gave those that `stays` wants.
pub(crate) fn replace(access: &Access, stays: impl Fn(&Account) -> bool) {
    let Access::Accounts(accounts) = access else { panic!("everybody may read") };
    let accounts_then = all_accounts().into_iter().filter(stays).collect();
    accounts.replace(accounts_then).unwrap();
}

pub(crate) struct Reader {
    pub(crate) connection: Connection,
    pub(crate) now: Instant,
    pub(crate) cseq: u32,
    pub(crate) session: Option<String>,
}

impl Reader {
    pub(crate) fn new(access: Access) -> Self {
        Self::over(access, Channel::Clear)
    }

    pub(crate) fn over(access: Access, channel: Channel) -> Self {
        Self::at(access, channel, Ipv4Addr::LOCALHOST.into())
    }

    /// A reader that connects to an address of the server's.
    pub(crate) fn at(access: Access, channel: Channel, local: IpAddr) -> Self {
        let settings = ConnectionSettings {
            access,
            nonce: Nonce::from_random([1; 16]),
            session_seed: 7,
            channel,
            local,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            server_ports: Some(PortPair { rtp: 50_000, rtcp: 50_001 }),
        };
        let now = Instant::now();
        Self { connection: Connection::new(settings, now), now, cseq: 0, session: None }
    }

    /// Sends a request; names the session unless the headers do.
    pub(crate) fn send(&mut self, method: &str, url: &str, headers: &[&str]) -> Vec<Output> {
        self.cseq += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n", self.cseq);
        let named = headers.iter().any(|h| h.starts_with("Session: "));
        let session = self.session.iter().filter(|_| !named).map(|id| format!("Session: {id}"));
        for header in headers.iter().map(|h| (*h).to_owned()).chain(session) {
            text.push_str(&header);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        self.send_bytes(text.as_bytes())
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> Vec<Output> {
        let mut framer = Framer::new();
        framer.push(bytes);
        match framer.next_frame().unwrap().expect("a whole frame") {
            Frame::Request(request) => self.connection.handle_request(self.now, &request, &Mounts),
            Frame::Malformed(malformed) => self.connection.handle_malformed(self.now, &malformed),
            Frame::Interleaved { .. } => Vec::new(),
        }
    }

    /// What has come due.
    pub(crate) fn deadline(&mut self) -> Vec<Output> {
        self.connection.handle_deadline(self.now, &Mounts)
    }

    /// Sends a request that must be answered at once, and gives the answer as text.
    pub(crate) fn answer(&mut self, method: &str, url: &str, headers: &[&str]) -> String {
        let mut outputs = self.send(method, url, headers);
        outputs.retain(|output| !matches!(output, Output::Login(_) | Output::Malformed(_)));
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        text_of(&outputs)
    }

    pub(crate) fn set_up(&mut self, url: &str, transport: &str) {
        let answer = self.answer("SETUP", url, &[transport]);
        let session = answer.lines().find_map(|line| line.strip_prefix("Session: "));
        self.session = session.and_then(|s| s.split(';').next()).map(str::to_owned);
        assert!(self.session.is_some(), "{answer}");
    }

    pub(crate) fn play(&mut self, url: &str, transport: &str) {
        self.set_up(url, transport);
        self.send("PLAY", url, &[]);
        let first = FirstPacket { sequence: 0, timestamp: 0 };
        assert_eq!(status_of(&self.connection.first_unit(self.now, first)), 200);
    }
}

/// The text of the only answer among outputs.
pub(crate) fn text_of(outputs: &[Output]) -> String {
    let mut answers = outputs.iter().filter_map(|output| match output {
        Output::Answer(answer) => Some(String::from_utf8(answer.bytes.to_vec()).unwrap()),
        _ => None,
    });
    let text = answers.next().expect("an answer");
    assert_eq!(answers.next(), None);
    text
}

/// The status of the only answer among outputs.
pub(crate) fn status_of(outputs: &[Output]) -> u16 {
    text_of(outputs).split(' ').nth(1).unwrap().parse().unwrap()
}
