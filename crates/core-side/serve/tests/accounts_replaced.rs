//! Sessions whose account is taken away while they play.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use cofferdam_serve::{Access, Accounts, Refresh};
use support::{Client, Gateway, Options, accounts, vms, within};
use tokio::net::UdpSocket;

struct Scene {
    gateway: Gateway,
    accounts: Arc<Accounts>,
    refresh: Refresh,
}

impl Scene {
    async fn start() -> Self {
        let (accounts, refresh) = (accounts(vec![vms()]), Refresh::default());
        let (access, told) = (Access::Accounts(Arc::clone(&accounts)), refresh.clone());
        let options = Options { access, refresh: told, ..Options::default() };
        let gateway = Gateway::start(options).await;
        gateway.keep_publishing();
        Self { gateway, accounts, refresh }
    }

    fn replace(&self, stays: bool) {
        self.accounts.replace(if stays { vec![vms()] } else { Vec::new() }).unwrap();
        self.refresh.accounts_replaced();
    }

    fn ended(&self) -> Option<f64> {
        self.gateway.metric("rtsp_sessions_ended_total{reason=\"account_replaced\"}")
    }
}

fn says_goodbye(packet: &[u8]) -> bool {
    packet.ends_with(&[&[0x81, 203, 0, 1], &packet[4..8]].concat())
}

#[tokio::test]
async fn in_the_connection() {
    let scene = Scene::start().await;
    let mut reader = Client::log_in(scene.gateway.address).await;
    reader.play_over("0-1").await;
    scene.replace(true);
    // Answered behind whatever that order would have brought.
    assert_eq!(reader.request("GET_PARAMETER", "", &[]).await.status, 200);
    assert_eq!(scene.ended(), Some(0.0));
    scene.replace(false);
    let rest = within(reader.rest()).await;
    let (last, before) = rest.split_last().unwrap();
    assert!(last.0 == 1 && says_goodbye(&last.1), "{last:?}");
    assert!(!before.iter().any(|(channel, packet)| *channel == 1 && says_goodbye(packet)));
    assert_eq!(scene.ended(), Some(1.0));
}

#[tokio::test]
async fn beside_the_connection() {
    let scene = Scene::start().await;
    let [rtp, rtcp] = [
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    ];
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let transport =
        format!("Transport: RTP/AVP;unicast;client_port={}-{}", port(&rtp), port(&rtcp));
    let mut reader = Client::log_in(scene.gateway.address).await;
    assert_eq!(reader.request("SETUP", "/trackID=0", &[&transport]).await.status, 200);
    assert_eq!(reader.request("PLAY", "/", &[]).await.status, 200);
    scene.replace(true);
    assert_eq!(reader.request("GET_PARAMETER", "", &[]).await.status, 200);
    assert_eq!(scene.ended(), Some(0.0));
    scene.replace(false);
    assert!(within(reader.rest()).await.is_empty());
    let mut packet = [0; 2000];
    within(async {
        loop {
            let length = rtcp.recv(&mut packet).await.unwrap();
            if says_goodbye(&packet[..length]) {
                return;
            }
        }
    })
    .await;
    assert_eq!(scene.ended(), Some(1.0));
}
