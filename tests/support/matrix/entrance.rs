use std::net::SocketAddr;

use cofferdam_picture::{FrameRate, Geometry};
use cofferdam_simulator::{Camera, CameraSettings, Codec, Content, Drawn};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::{MAIN, SUB, Way};
use crate::accounts::{self, PASSWORD};
use crate::gateway::free_port;
use crate::{CameraConfig, Gateway, GatewayConfig};

/// The camera of an entrance, called `number` in its barcode.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn camera(number: u8, rate: u32, listen: SocketAddr) -> Camera {
    let geometry = Geometry::new(MAIN.0, MAIN.1).expect("a good size");
    let rate = FrameRate::new(rate).expect("a good rate");
    let drawn = Drawn::new(Codec::H264, geometry, rate).expect("a size that every codec carries");
    let mut settings =
        CameraSettings::new("lobby".parse().expect("a good name"), Content::Live(drawn));
    settings.number = number;
    settings.listen = listen;
    Camera::start(settings).expect("the camera starts")
}

/// The account's name.
const NAME: &str = "vms";

/// A gateway with one camera, its main mount and its sub mount, and every way to them.
pub struct Entrance {
    /// It.
    pub gateway: Gateway,
    rtsps: SocketAddr,
    with_account: bool,
    _folder: TempDir,
}

impl Entrance {
    /// For the camera at `url`, of `rate` pictures a second; open to anyone, or to one account only. A slate
    /// is held for as long as any test takes.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(url: &str, rate: u32, with_account: bool) -> Self {
        let folder = TempDir::with_prefix("cofferdam-matrix-").expect("a temporary folder");
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let (shown, key) = (folder.path().join("gateway.crt"), folder.path().join("gateway.key"));
        std::fs::write(&shown, cert.pem()).expect("a folder of our own");
        std::fs::write(&key, signing_key.serialize_pem()).expect("a folder of our own");
        let rtsps = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (width, height) = SUB;
        let camera = CameraConfig::new("lobby", url, (MAIN.0, MAIN.1, rate))
            .with(&format!("sub = {{ width = {width}, height = {height} }}"))
            .with("signal_loss = { then = \"slate\" }");
        let mut config = GatewayConfig::open(vec![camera]);
        config.core = format!(
            "rtsps = \"{rtsps}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
            shown.display(),
            key.display()
        );
        if with_account {
            config.anonymous = false;
            config.preamble = accounts::block(folder.path(), NAME, "[\"*\"]", "");
        }
        let gateway = Gateway::start(&config);
        Self { gateway, rtsps, with_account, _folder: folder }
    }

    /// Waits until the camera's pictures are published.
    ///
    /// # Panics
    /// When they are not in time.
    pub fn wait_until_live(&self) {
        let state = ["state=\"live\""];
        self.gateway.wait_for_metric("cofferdam_camera_state", &state, |live| live == 1.0);
    }

    /// Name and password of its reader, where it asks for them.
    #[must_use]
    pub fn account(&self) -> Option<(&'static str, &'static str)> {
        self.with_account.then_some((NAME, PASSWORD))
    }

    /// A mount's URL, without the account.
    #[must_use]
    pub fn url(&self, way: Way, mount: &str) -> String {
        match way {
            Way::Tls => format!("rtsps://{}/lobby/{mount}", self.rtsps),
            Way::Tcp | Way::Udp | Way::Http => self.gateway.url(&format!("lobby/{mount}")),
        }
    }

    /// The same with the account.
    pub(super) fn url_with_account(&self, way: Way, mount: &str) -> String {
        let url = self.url(way, mount);
        match self.account() {
            None => url,
            Some((name, password)) => url.replacen("://", &format!("://{name}:{password}@"), 1),
        }
    }

    /// The audit log's lines of that event.
    #[must_use]
    pub fn audited(&self, event: &str) -> usize {
        let event = format!("audit=\"{event}\"");
        self.gateway.log().lines().filter(|line| line.contains(&event)).count()
    }
}
