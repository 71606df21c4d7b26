//! The shapes of the configuration file, before validation.
//!
//! Only the keys this version honours are here: any other one is refused when the file is read.
//! Numbers are wide and texts are texts, so that a value out of range is reported by [`validate`]
//! with its key and what was expected, and not by a parser.
//!
//! [`validate`]: super::validate

use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct File {
    pub(crate) core: Core,
    #[serde(default)]
    pub(crate) camera_network: CameraNetwork,
    #[serde(default)]
    pub(crate) boundary: Boundary,
    #[serde(default)]
    pub(crate) jail: Jail,
    #[serde(default)]
    pub(crate) isolation: Isolation,
    #[serde(default)]
    pub(crate) readers: Readers,
    #[serde(default)]
    pub(crate) log: Log,
    #[serde(default)]
    pub(crate) reader: Vec<Reader>,
    #[serde(default)]
    pub(crate) camera: Vec<Camera>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a table")]
pub(crate) struct Core {
    pub(crate) rtsp: String,
    pub(crate) rtsps: Option<String>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    #[serde(default = "default_admin")]
    pub(crate) admin: String,
    pub(crate) interface: Option<String>,
    #[serde(default = "default_vetted")]
    pub(crate) vetted: PathBuf,
}

fn default_vetted() -> PathBuf {
    crate::vetting::DEFAULT_LIST.into()
}

fn default_admin() -> String {
    "127.0.0.1:9090".into()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct CameraNetwork {
    pub(crate) interface: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct Boundary {
    pub(crate) socket: PathBuf,
}

impl Default for Boundary {
    fn default() -> Self {
        Self { socket: "/run/cofferdam/rings.sock".into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct Jail {
    pub(crate) sandbox: String,
}

impl Default for Jail {
    fn default() -> Self {
        Self { sandbox: "strict".into() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct Isolation {
    pub(crate) allow: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct Readers {
    pub(crate) anonymous: bool,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a table")]
pub(crate) struct Reader {
    pub(crate) name: String,
    pub(crate) secret_file: PathBuf,
    pub(crate) mounts: Vec<String>,
    #[serde(default)]
    pub(crate) networks: Vec<String>,
    #[serde(default = "default_transports")]
    pub(crate) transports: Vec<String>,
    pub(crate) certificate: Option<PathBuf>,
}

fn default_transports() -> Vec<String> {
    cofferdam_accounts::TransportKind::ALL.map(|kind| kind.label().into()).into()
}

#[derive(Debug, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct Log {
    pub(crate) format: String,
    pub(crate) level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: "text".into(), level: "info".into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a table")]
pub(crate) struct Camera {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) username: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) picture: Picture,
    #[serde(default)]
    pub(crate) encoder: Encoder,
    #[serde(default)]
    pub(crate) sub: Sub,
    #[serde(default)]
    pub(crate) signal_loss: SignalLoss,
    #[serde(default)]
    pub(crate) basic: bool,
    #[serde(default = "default_transport")]
    pub(crate) transport: String,
    #[serde(default = "default_colour")]
    pub(crate) colour: String,
    #[serde(default = "default_max_jitter")]
    pub(crate) max_jitter: String,
    pub(crate) listen: Option<String>,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    pub(crate) multicast: Option<Multicast>,
}

fn default_transport() -> String {
    "tcp".into()
}

fn default_colour() -> String {
    "bt709".into()
}

fn default_max_jitter() -> String {
    "20ms".into()
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a table")]
pub(crate) struct Picture {
    pub(crate) width: i64,
    pub(crate) height: i64,
    pub(crate) fps: i64,
}

#[derive(Debug, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct Encoder {
    pub(crate) name: String,
    pub(crate) preset: String,
    pub(crate) profile: String,
    pub(crate) quality: i64,
    pub(crate) max_kbps: i64,
    pub(crate) gop_seconds: i64,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            name: "x264".into(),
            preset: "superfast".into(),
            profile: "main".into(),
            quality: 25,
            max_kbps: 4000,
            gop_seconds: 2,
        }
    }
}

/// Absent sides mean 640x360, or the main size where that is smaller.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct Sub {
    pub(crate) width: Option<i64>,
    pub(crate) height: Option<i64>,
    pub(crate) aliases: Vec<String>,
    pub(crate) multicast: Option<Multicast>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a table")]
pub(crate) struct Multicast {
    pub(crate) address: String,
    #[serde(default = "default_multicast_port")]
    pub(crate) port: i64,
    #[serde(default = "default_ttl")]
    pub(crate) ttl: i64,
}

/// The port that is registered for RTP (RFC 3551 §8).
const fn default_multicast_port() -> i64 {
    5004
}

const fn default_ttl() -> i64 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(default, expecting = "a table")]
pub(crate) struct SignalLoss {
    pub(crate) stale_after: String,
    pub(crate) hold: String,
    pub(crate) then: String,
}

impl Default for SignalLoss {
    fn default() -> Self {
        Self { stale_after: "1s".into(), hold: "10s".into(), then: "disconnect".into() }
    }
}
