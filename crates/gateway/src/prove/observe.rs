//! Everything that anyone on the core side can be sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cofferdam_canary::client::{self, Transport, WatchError};
use cofferdam_canary::{Capture, Kind, PlantedCamera};

use crate::exit::Exit;

use super::posture::Metrics;
use super::scene::Scene;

/// From the start until every camera has played for a while.
const START_LIMIT: Duration = Duration::from_secs(40);
/// Pictures of each camera before anything is looked at: by then it has said goodbye once, and was
/// connected to again.
const PICTURES: f64 = 50.0;
/// How long each reader plays.
const PLAY: Duration = Duration::from_secs(4);
/// A reader that has not seen so many packets by then sees a dead stream.
const PACKETS: usize = 40;
const PLAY_LIMIT: Duration = Duration::from_secs(20);
/// From the end of the cameras until their streams are refused.
const LOSS_LIMIT: Duration = Duration::from_secs(15);

/// What was seen.
#[derive(Debug)]
pub(super) struct Observed {
    /// What each camera carried.
    pub(super) planted: Vec<PlantedCamera>,
    /// What cameras said, on the wire to the gateway.
    pub(super) sent: Vec<Capture>,
    /// What the core side said, to everyone.
    pub(super) emitted: Vec<Capture>,
    /// The gateway's own metrics while the cameras played.
    pub(super) metrics: Metrics,
}

/// Plays everything, asks everything, takes the cameras away and asks again.
pub(super) async fn observe(scene: &mut Scene) -> Result<Observed, Exit> {
    let (rtsp, admin) = (scene.rtsp, scene.admin);
    let metrics = all_live(scene).await?;
    let planted = scene.planted()?;
    let names: Vec<String> = scene.cameras.iter().map(|camera| camera.name.clone()).collect();
    let mut emitted = {
        let names = names.clone();
        blocking(move || play_everything(rtsp, &names)).await?
    };
    emitted.extend(blocking(move || ask_everything(rtsp, admin, "while cameras play")).await?);
    scene.stop_cameras().await;
    emitted.extend(blocking(move || wait_for_loss(rtsp, &names)).await?);
    emitted.extend(blocking(move || ask_everything(rtsp, admin, "after their loss")).await?);
    scene.stop_gateway().await;
    emitted.push(Capture::new("logs of all gateway processes", Kind::Bytes(scene.log())));
    let sent = scene.cameras.iter().flat_map(|c| c.relay.captures(&c.name)).collect();
    Ok(Observed { planted, sent, emitted, metrics })
}

/// Waits until every camera's pictures are published.
async fn all_live(scene: &mut Scene) -> Result<Metrics, Exit> {
    let end = Instant::now() + START_LIMIT;
    loop {
        if let Some(exit) = scene.gateway_ended() {
            return Err(exit);
        }
        let admin = scene.admin;
        let page = blocking(move || Ok(client::get(admin, "/metrics").ok())).await?;
        let metrics = Metrics::new(page.map(|(_, body, _)| body).unwrap_or_default());
        let waiting: Vec<&str> = scene
            .cameras
            .iter()
            .map(|camera| camera.name.as_str())
            .filter(|name| !is_live(&metrics, name))
            .collect();
        if waiting.is_empty() {
            return Ok(metrics);
        }
        if Instant::now() > end {
            return Err(Exit::run_time(format!(
                "expected live pictures of {} within {START_LIMIT:?}, found none: this proves nothing",
                waiting.join(", ")
            )));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn is_live(metrics: &Metrics, camera: &str) -> bool {
    let camera = ("camera", camera);
    metrics.value("cofferdam_camera_state", &[camera, ("state", "live")]) == Some(1.0)
        && metrics
            .value("cofferdam_camera_pictures_in_total", &[camera])
            .is_some_and(|pictures| pictures > PICTURES)
}

fn play_everything(rtsp: SocketAddr, names: &[String]) -> Result<Vec<Capture>, Exit> {
    let mounts: Vec<(String, Transport)> = names
        .iter()
        .flat_map(|name| {
            [
                (format!("{name}/main"), Transport::Tcp),
                (format!("{name}/main"), Transport::Udp),
                (format!("{name}/main"), Transport::Tunnel),
                (format!("{name}/sub"), Transport::Tcp),
            ]
        })
        .collect();
    let play = |mount: &str, transport| {
        let done = |packets, lasted| (packets >= PACKETS && lasted >= PLAY) || lasted > PLAY_LIMIT;
        let seen = client::watch(rtsp, mount, transport, done).map_err(network)?;
        if seen.status != 200 || seen.packets < PACKETS {
            return Err(Exit::run_time(format!(
                "{mount}: expected {PACKETS} packets, found {} (status {}): this proves nothing",
                seen.packets, seen.status
            )));
        }
        Ok(seen.captures)
    };
    std::thread::scope(|threads| {
        let readers: Vec<_> = mounts
            .iter()
            .map(|(mount, transport)| threads.spawn(move || play(mount, *transport)))
            .collect();
        let mut captures = Vec::new();
        for reader in readers {
            let seen = reader.join().map_err(|_| Exit::run_time("a reader failed".into()))?;
            captures.extend(seen?);
        }
        Ok(captures)
    })
}

/// Pages, and requests that are refused.
fn ask_everything(rtsp: SocketAddr, admin: SocketAddr, when: &str) -> Result<Vec<Capture>, Exit> {
    let mut captures = Vec::new();
    let mut keep = |mut capture: Capture| {
        capture.name = format!("{}, {when}", capture.name);
        captures.push(capture);
    };
    for path in ["/metrics", "/healthz", "/readyz", "/", "/status", "/no/such/page"] {
        keep(client::get(admin, path).map_err(network)?.2);
    }
    let post = b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    keep(client::ask(admin, "HTTP POST", post).map_err(network)?);
    let refused = [
        ("RTSP: no such mount", "DESCRIBE rtsp://x/none/main RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        ("RTSP: out of turn", "PLAY rtsp://x/h264/main RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        ("RTSP: unsupported", "ANNOUNCE rtsp://x/h264/main RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        ("RTSP: no RTSP", "nothing of the kind\r\n\r\n"),
    ];
    for (name, request) in refused {
        keep(client::ask(rtsp, name, request.as_bytes()).map_err(network)?);
    }
    Ok(captures)
}

/// Asks for each stream until it is refused, and keeps all answers.
fn wait_for_loss(rtsp: SocketAddr, names: &[String]) -> Result<Vec<Capture>, Exit> {
    let end = Instant::now() + LOSS_LIMIT;
    let mut captures = Vec::new();
    for name in names {
        loop {
            let mount = format!("{name}/main");
            let seen = client::watch(rtsp, &mount, Transport::Tcp, |_, _| true).map_err(network)?;
            for mut capture in seen.captures {
                capture.name = format!("{mount} after the loss of its camera");
                captures.push(capture);
            }
            if seen.status == 503 {
                break;
            }
            if Instant::now() > end {
                return Err(Exit::run_time(format!(
                    "{mount}: expected 503 once the camera is gone, found {}",
                    seen.status
                )));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(captures)
}

#[allow(clippy::needless_pass_by_value)]
fn network(error: WatchError) -> Exit {
    Exit::run_time(format!("reading from the second gateway: {error}"))
}

/// Runs what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Exit> + Send + 'static,
) -> Result<T, Exit> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Exit::run_time(format!("reading from the second gateway: {error}"))),
    }
}
