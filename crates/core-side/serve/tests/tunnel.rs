//! What strangers may do with tunnels through HTTP, and how they may begin.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cofferdam_serve::{Access, Limits, Refresh};
use support::{Gateway, Options, accounts, closed, proof, vms, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const URL: &str = "rtsp://gw/lobby/main";
const GET: &[u8] = b"GET /lobby/main HTTP/1.0\r\nx-sessioncookie: abc\r\n\r\n";
const POST: &[u8] = b"POST /lobby/main HTTP/1.0\r\nx-sessioncookie: abc\r\n\r\n";

/// Connects and says `pieces`, each in a segment of its own.
async fn say(gateway: SocketAddr, pieces: &[&[u8]]) -> TcpStream {
    let mut stream = within(TcpStream::connect(gateway)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        let _ = within(stream.write_all(piece)).await;
        tokio::task::yield_now().await;
    }
    stream
}

/// What is answered first, empty where the connection ends.
async fn answer(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 1024];
    let length = within(stream.read(&mut buffer)).await.unwrap_or(0);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[tokio::test]
async fn before_a_login_both_halves_count_for_their_address() {
    let limits = Limits { per_address: 4, ..Limits::default() };
    let gateway = Gateway::start(Options { access: closed(), limits, ..Options::default() }).await;
    let mut down = say(gateway.address, &[GET]).await;
    assert!(answer(&mut down).await.starts_with("HTTP/1.0 200 "));
    let mut up = Vec::new();
    for _ in 0..20 {
        up.push(say(gateway.address, &[POST]).await);
    }
    // Refused is who finds the connection at its end.
    for refused in &mut up[3..] {
        assert_eq!(answer(refused).await, "");
    }
    assert_eq!(gateway.metric("rtsp_connections"), Some(4.0));
    assert_eq!(gateway.metric("rtsp_refused_total{reason=\"per_address\"}"), Some(17.0));
}

/// A tunnel whose reader is asked who it is.
struct Tunnel {
    up: TcpStream,
    down: TcpStream,
    cseq: u32,
    nonce: String,
}

impl Tunnel {
    async fn open(gateway: SocketAddr) -> Self {
        let mut down = say(gateway, &[GET]).await;
        assert!(answer(&mut down).await.starts_with("HTTP/1.0 200 "));
        let up = say(gateway, &[POST]).await;
        let mut tunnel = Self { up, down, cseq: 0, nonce: String::new() };
        let challenge = tunnel.describe("").await;
        let (_, nonce) = challenge.split_once("nonce=\"").unwrap();
        tunnel.nonce = nonce.split('"').next().unwrap().to_owned();
        tunnel
    }

    /// What is answered to who proves to be "vms".
    async fn describe_as_vms(&mut self) -> String {
        let proof = proof(&self.nonce, "DESCRIBE", URL);
        self.describe(&format!("{proof}\r\n")).await
    }

    async fn describe(&mut self, headers: &str) -> String {
        self.cseq += 1;
        let request = format!("DESCRIBE {URL} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.cseq);
        within(self.up.write_all(BASE64.encode(request).as_bytes())).await.unwrap();
        answer(&mut self.down).await
    }
}

#[tokio::test]
async fn after_a_login_neither_half_counts_for_its_address() {
    let limits = Limits { per_address: 2, ..Limits::default() };
    let access = Access::Accounts(accounts(vec![vms()]));
    let gateway = Gateway::start(Options { access, limits, ..Options::default() }).await;
    let mut tunnel = Tunnel::open(gateway.address).await;
    let mut beside = say(gateway.address, &[GET]).await;
    assert_eq!(answer(&mut beside).await, "", "both count");
    assert!(tunnel.describe_as_vms().await.starts_with("RTSP/1.0 200 "));
    // The upper half hears of it from the lower one, which has answered already.
    let others = within(async {
        let mut others = Vec::new();
        while others.len() < 2 {
            let get = format!("GET / HTTP/1.0\r\nx-sessioncookie: {}\r\n\r\n", others.len());
            let mut other = say(gateway.address, &[get.as_bytes()]).await;
            if !answer(&mut other).await.is_empty() {
                others.push(other);
            }
        }
        others
    })
    .await;
    let mut beside = say(gateway.address, &[GET]).await;
    assert_eq!(answer(&mut beside).await, "", "strangers count as ever");
    drop(others);
}

#[tokio::test]
async fn a_tunnel_ends_with_its_readers_account() {
    let (all, refresh) = (accounts(vec![vms()]), Refresh::default());
    let (access, told) = (Access::Accounts(all.clone()), refresh.clone());
    let gateway = Gateway::start(Options { access, refresh: told, ..Options::default() }).await;
    let mut tunnel = Tunnel::open(gateway.address).await;
    assert!(tunnel.describe_as_vms().await.starts_with("RTSP/1.0 200 "));
    all.replace(vec![vms()]).unwrap();
    refresh.accounts_replaced();
    assert!(tunnel.describe_as_vms().await.starts_with("RTSP/1.0 200 "), "the same account");
    all.replace(Vec::new()).unwrap();
    refresh.accounts_replaced();
    assert_eq!(answer(&mut tunnel.down).await, "", "the end");
    assert_eq!(answer(&mut tunnel.up).await, "", "of both halves");
}

#[tokio::test]
async fn a_connection_may_begin_with_any_part_of_its_first_request() {
    let gateway = Gateway::start(Options::default()).await;
    for cut in [1, 3, 4] {
        let get = format!("GET /lobby/main HTTP/1.0\r\nx-sessioncookie: cut{cut}\r\n\r\n");
        let (first, rest) = get.as_bytes().split_at(cut);
        let mut stream = say(gateway.address, &[first]).await;
        // Once this is answered, the first part has been read.
        let mut other = say(gateway.address, &[b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"]).await;
        assert!(answer(&mut other).await.starts_with("RTSP/1.0 200 "));
        within(stream.write_all(rest)).await.unwrap();
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "{cut}: {answer}");
    }
    for request in ["GET_PARAMETER", "PLAY"] {
        let head = format!("{request} * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        for cut in 1..=4 {
            let (first, rest) = head.as_bytes().split_at(cut);
            let mut stream = say(gateway.address, &[first, rest]).await;
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("RTSP/1.0 "), "{request} {cut}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_makes_no_tunnel_is_counted() {
    let gateway = Gateway::start(Options::default()).await;
    let malformed = || gateway.metric("rtsp_malformed_total{reason=\"tunnel\"}");
    let mut alone = say(gateway.address, &[POST]).await;
    assert!(answer(&mut alone).await.starts_with("HTTP/1.0 400 "));
    assert_eq!(malformed(), Some(1.0));
    let mut first = say(gateway.address, &[GET]).await;
    assert!(answer(&mut first).await.starts_with("HTTP/1.0 200 "));
    let mut second = say(gateway.address, &[GET]).await;
    assert!(answer(&mut second).await.starts_with("HTTP/1.0 400 "), "its cookie is in use");
    assert_eq!(malformed(), Some(2.0));
}
