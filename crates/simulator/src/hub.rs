//! From one source to its readers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast;

use crate::settings::Codec;

/// Access units a reader may lag behind before it loses them: two seconds at 30 a second.
const BACKLOG: usize = 64;

/// One encoded picture.
#[derive(Clone, Debug)]
pub(crate) struct AccessUnit {
    /// Annex B, or one JPEG picture.
    pub(crate) bytes: Bytes,
    /// Whether a decoder can start here.
    pub(crate) key: bool,
    /// The number in the picture's barcode, or its place in the footage.
    pub(crate) counter: u32,
    /// When it is to be shown, since the camera's start. RTP time stamps are made of it.
    pub(crate) media_time: Duration,
}

/// What DESCRIBE says about a stream.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) codec: Codec,
    /// SPS and PPS, or VPS, SPS and PPS, without start codes; empty for MJPEG.
    pub(crate) parameter_sets: Vec<Bytes>,
    /// Pictures a second, where known.
    pub(crate) rate: Option<u32>,
}

/// Hands every access unit to every reader that plays at that moment.
#[derive(Clone, Debug)]
pub(crate) struct Hub(broadcast::Sender<Arc<AccessUnit>>);

/// A reader's end of the [`Hub`].
pub(crate) type Subscription = broadcast::Receiver<Arc<AccessUnit>>;

impl Hub {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    /// How many play.
    pub(crate) fn readers(&self) -> usize {
        self.0.receiver_count()
    }

    /// Whether anybody plays.
    pub(crate) fn has_readers(&self) -> bool {
        self.readers() > 0
    }

    pub(crate) fn publish(&self, unit: AccessUnit) {
        // That nobody plays is not an error.
        let _ = self.0.send(Arc::new(unit));
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        self.0.subscribe()
    }
}
