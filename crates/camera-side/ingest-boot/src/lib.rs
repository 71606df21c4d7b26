//! What an ingest worker is told at its start, and the numbers of the descriptors it inherits.
//!
//! Written by the dialer as JSON into a pipe that only this worker reads: credentials never appear
//! in an argument or the environment.
#![forbid(unsafe_code)]

use cofferdam_picture::{CameraId, Geometry};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The worker's descriptors, by number.
pub mod descriptors {
    /// [`IngestBoot`](crate::IngestBoot) as JSON, to the end of file.
    pub const BOOT: i32 = 3;
    /// The picture ring, read and write.
    pub const RING: i32 = 4;
    /// The [`channel`](crate::channel) to the dialer; not there without a jail.
    pub const CHANNEL: i32 = 5;
}

/// How a worker comes by its connection: what crosses the Unix stream socket between it and the
/// dialer.
///
/// 1. The worker installs its socket filter and sends the listener (`cofferdam_jail::broker`).
/// 2. When it is locked and warm, it sends [`READY`](channel::READY). The dialer connects to the
///    camera now and not before, so that no camera waits for a worker to start.
/// 3. The dialer sends the [`address`](channel::address) that took the connection, and closes: the
///    worker puts it into the URL that it asks for. A dialer that reached nobody sends nothing and
///    ends the worker.
/// 4. The worker's one `socket` is answered with the connection.
pub mod channel {
    use std::net::IpAddr;

    /// From the worker: it will talk to the camera at once.
    pub const READY: u8 = b'R';
    /// More than any address has, in bytes.
    pub const LONGEST_ADDRESS: u64 = 64;

    /// The camera's address as the dialer sends it.
    #[must_use]
    pub fn address(address: IpAddr) -> Vec<u8> {
        address.to_string().into_bytes()
    }

    /// The address in all that the dialer sent; `None` when that is none.
    #[must_use]
    pub fn parse_address(bytes: &[u8]) -> Option<IpAddr> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }
}

/// Everything an ingest worker needs to know about its one camera.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngestBoot {
    /// Whose stream this is.
    pub camera: CameraId,
    /// The stream's URL: `rtsp`, a host, no user or password. Which address that host has is the
    /// dialer's to say.
    pub url: String,
    /// The camera's account, if it has one.
    pub credentials: Option<Credentials>,
    /// Whether HTTP Basic may be answered: it shows the password to anyone on the wire.
    pub basic_allowed: bool,
    /// The geometry of the ring's pictures.
    pub geometry: Geometry,
    /// How many slots the ring has.
    pub slots: u8,
    /// What colours mean when the camera does not say.
    pub colour: Colour,
    /// The loud opt-out of the jail.
    pub unjailed: bool,
}

/// A camera's account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password; not in `Debug`, not in errors.
    #[serde(serialize_with = "expose")]
    pub password: SecretString,
}

/// The matrix by which a camera made its colour differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// ITU-R BT.709: what high-definition cameras mean.
    #[default]
    Bt709,
    /// ITU-R BT.601: what standard-definition cameras and JPEG mean.
    Bt601,
}

fn expose<S: serde::Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_cross_the_channel() {
        for text in ["10.20.0.11", "::1", "fd00::1:2"] {
            let address = text.parse().unwrap();
            assert_eq!(channel::parse_address(&channel::address(address)), Some(address));
        }
        for bytes in [&b""[..], b"camera", b"10.0.0.1:554", b"\xff"] {
            assert_eq!(channel::parse_address(bytes), None);
        }
    }

    #[test]
    fn the_password_crosses_the_pipe_and_nothing_else() {
        let boot = IngestBoot {
            camera: "lobby".parse().unwrap(),
            url: "rtsp://10.0.0.1/".into(),
            credentials: Some(Credentials {
                username: "viewer".into(),
                password: "hunter2".to_owned().into(),
            }),
            basic_allowed: false,
            geometry: Geometry::new(640, 360).unwrap(),
            slots: 4,
            colour: Colour::Bt601,
            unjailed: false,
        };
        assert!(!format!("{boot:?}").contains("hunter2"));
        let json = serde_json::to_string(&boot).unwrap();
        let back: IngestBoot = serde_json::from_str(&json).unwrap();
        assert_eq!(back.credentials.unwrap().password.expose_secret(), "hunter2");
        assert!(serde_json::from_str::<IngestBoot>(&json.replace("url", "uri")).is_err());
    }
}
