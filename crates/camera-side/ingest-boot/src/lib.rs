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
}

/// Everything an ingest worker needs to know about its one camera.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IngestBoot {
    /// Whose stream this is.
    pub camera: CameraId,
    /// The stream's URL: `rtsp`, a host, no user or password.
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
