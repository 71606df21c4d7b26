//! Configuration: a file, overlaid by the environment, parsed once into validated types.
//!
//! `file` holds the shapes of the file, `load` reads and layers, `camera` and `validate` turn shapes
//! into the types below. Unknown keys are refused by name and source; every mistake is one line.

mod camera;
mod error;
mod file;
mod listeners;
mod load;
mod multicast;
mod paths;
mod reader;
mod secret;
mod texts;
mod typing;
mod validate;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cofferdam_accounts::{MountPattern, Network, ReaderName, TransportSet};
use cofferdam_encode_link::{EncoderName, EncoderSettings};
use cofferdam_ingest_boot::Colour;
use cofferdam_isolation::{Check, InterfaceName};
use cofferdam_picture::{CameraId, FrameRate, Geometry};
use cofferdam_serve::MulticastGroup;
use url::Url;

pub(crate) use camera::default_encoder;
pub(crate) use load::load;
pub(crate) use secret::read_password;
pub(crate) use texts::Texts;

/// The whole configuration, valid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) core: Core,
    pub(crate) camera_network: CameraNetwork,
    pub(crate) boundary: Boundary,
    pub(crate) jail: Jail,
    pub(crate) isolation: Isolation,
    pub(crate) readers: Readers,
    pub(crate) log: Log,
    pub(crate) reader: Vec<Reader>,
    pub(crate) cameras: Vec<Camera>,
}

impl Config {
    /// The encoders that its cameras use, each once.
    pub(crate) fn encoders(&self) -> Vec<EncoderName> {
        let used = |name: &EncoderName| self.cameras.iter().any(|c| c.encoder.name == *name);
        EncoderName::ALL.into_iter().filter(used).collect()
    }
}

/// The core side's listeners.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Core {
    /// Where readers connect.
    pub(crate) rtsp: SocketAddr,
    /// Where readers connect over TLS.
    pub(crate) rtsps: Option<Rtsps>,
    /// Where metrics and health are.
    pub(crate) admin: SocketAddr,
    /// The network interface that readers' sockets are bound to.
    pub(crate) interface: Option<InterfaceName>,
    /// The list of vetted encoders; a relative path starts beside the programs.
    pub(crate) vetted: PathBuf,
}

/// The listener for readers who connect over TLS.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rtsps {
    pub(crate) listen: SocketAddr,
    /// The certificate and those that vouch for it, in PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, in PEM.
    pub(crate) key: PathBuf,
}

/// The cameras' network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CameraNetwork {
    /// The network interface that every connection to a camera is bound to.
    pub(crate) interface: Option<InterfaceName>,
}

/// Where the sides meet when they are started apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Boundary {
    /// The Unix socket the core side listens on.
    pub(crate) socket: PathBuf,
}

/// How workers are locked in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Jail {
    pub(crate) sandbox: Sandbox,
}

/// Whether workers are locked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sandbox {
    /// Every required layer, or the worker does not run.
    Strict,
    /// The loud opt-out.
    Off,
}

/// What the isolation self-check puts up with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Isolation {
    /// The checks that may fail.
    pub(crate) allow: BTreeSet<Check>,
}

/// Who may read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Readers {
    /// Anyone who reaches the listener.
    pub(crate) anonymous: bool,
}

/// A reader's account; what is stored of its password stays in its file until the core side needs it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reader {
    pub(crate) name: ReaderName,
    pub(crate) secret_file: PathBuf,
    pub(crate) mounts: Vec<MountPattern>,
    /// Where it may come from. Empty means anywhere.
    pub(crate) networks: Vec<Network>,
    pub(crate) transports: TransportSet,
    /// The certificate it may log in with over TLS, in PEM.
    pub(crate) certificate: Option<PathBuf>,
}

/// How log lines look.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// A `tracing` filter, such as `info` or `cofferdam=debug`.
    pub(crate) level: String,
}

/// The shapes of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// One camera.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Camera {
    pub(crate) id: CameraId,
    pub(crate) url: Url,
    pub(crate) account: Option<Account>,
    pub(crate) geometry: Geometry,
    pub(crate) rate: FrameRate,
    pub(crate) encoder: EncoderSettings,
    pub(crate) sub: Geometry,
    pub(crate) signal_loss: SignalLoss,
    /// Whether HTTP Basic may be answered.
    pub(crate) basic: bool,
    pub(crate) colour: Colour,
    pub(crate) max_jitter: Duration,
    /// A listener of its own.
    pub(crate) listen: Option<SocketAddr>,
    /// Further paths of the main mount; on its own listener only, where it has one.
    pub(crate) aliases: Vec<String>,
    /// The same for the sub mount.
    pub(crate) sub_aliases: Vec<String>,
    /// Where the main mount goes for readers that ask for multicast.
    pub(crate) multicast: Option<MulticastGroup>,
    /// The same for the sub mount.
    pub(crate) sub_multicast: Option<MulticastGroup>,
}

/// A camera's account; the password stays in its file until the camera side needs it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    pub(crate) username: String,
    pub(crate) password_file: PathBuf,
}

/// What readers get when a camera has no picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SignalLoss {
    /// A picture older than this is never shown as if it were live.
    pub(crate) stale_after: Duration,
    /// How long the slate stands before `then`.
    pub(crate) hold: Duration,
    pub(crate) then: AfterHold,
}

/// What happens after the hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AfterHold {
    /// Sessions end, and DESCRIBE answers 503 until pictures are back.
    Disconnect,
    /// The slate stays.
    Slate,
}
