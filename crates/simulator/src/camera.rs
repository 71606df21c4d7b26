//! A camera: a source of access units and a server for them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cofferdam_canary::PlantedCamera;
use cofferdam_picture::CameraId;

use crate::hub::Hub;
use crate::plant::{Plant, Rate};
use crate::rtsp::{Counters, Server, Shared};
use crate::settings::CameraSettings;
use crate::source::{Source, SourceError};

/// A camera that runs until it is stopped or dropped.
///
/// It has two threads of its own, and can be started and stopped inside or outside a runtime; both
/// block for a moment, prerendering for a long one.
#[derive(Debug)]
pub struct Camera {
    name: CameraId,
    shared: Arc<Shared>,
    /// Dropped before the source: connections end while there are still pictures.
    server: Server,
    _source: Option<Source>,
}

/// Why a camera does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The server's thread.
    #[error("the camera's server: {0}")]
    Server(#[source] io::Error),
    /// It has no pictures.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The system has no random bytes for marks.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl Camera {
    /// Starts a camera. When this returns, it listens and has pictures.
    ///
    /// # Errors
    /// When it cannot listen, or when what its pictures are to come from fails.
    pub fn start(settings: CameraSettings) -> Result<Self, StartError> {
        // First, because it is quick and fails most.
        let listener = TcpListener::bind(settings.listen)
            .map_err(|error| StartError::Listen(settings.listen, error))?;
        let hub = Hub::new();
        let (source, description) = if settings.script.sends_pictures() {
            let (source, description) = Source::start(&settings, hub.clone())?;
            (Some(source), Some(description))
        } else {
            (None, None)
        };
        let plant = match &description {
            Some(description) if settings.planted => {
                let rate = Rate(description.rate.unwrap_or_default());
                Some(Plant::draw(description.codec, rate)?)
            }
            _ => None,
        };
        let description = description.map(|mut description| {
            if let Some(plant) = &plant {
                description.parameter_sets = plant.parameter_sets(&description.parameter_sets);
            }
            description
        });
        let shared = Arc::new(Shared {
            plant: plant.map(Arc::new),
            name: settings.name.clone(),
            authentication: settings.authentication,
            script: settings.script,
            hub,
            description,
            sent_log: settings.sent_log,
            counters: Counters::default(),
        });
        let server = Server::start(listener, Arc::clone(&shared)).map_err(StartError::Server)?;
        Ok(Self { name: settings.name, shared, server, _source: source })
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &CameraId {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What to play, without user and password: `rtsp://ADDRESS:PORT/stream`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtsp://{}/stream", self.address())
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.counters.connections.load(Ordering::Relaxed)
    }

    /// Pictures sent so far, to all readers together.
    #[must_use]
    pub fn pictures_sent(&self) -> u64 {
        self.shared.counters.pictures.load(Ordering::Relaxed)
    }

    /// The marks it carries, where it carries any.
    #[must_use]
    pub fn planted(&self) -> Option<PlantedCamera> {
        self.shared.plant.as_ref().map(|plant| plant.planted(&self.name))
    }

    /// Readers that play now.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.shared.hub.readers()
    }

    /// Closes the listener and all connections, and waits for both threads to end.
    pub fn stop(self) {
        drop(self);
    }
}
