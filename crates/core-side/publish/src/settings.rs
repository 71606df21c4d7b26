//! What a camera's publisher is told.

use std::time::Duration;

use cofferdam_picture::{CameraId, FrameRate, Geometry};

/// Everything a [`CameraPublisher`](crate::CameraPublisher) needs to know.
#[derive(Clone, Debug)]
pub struct PublishSettings {
    /// Whose pictures these are.
    pub camera: CameraId,
    /// The published rate of both mounts.
    pub rate: FrameRate,
    /// The geometry of the main mount.
    pub geometry: Geometry,
    /// The geometry of the sub mount.
    pub sub_geometry: Geometry,
    /// What becomes of readers when the camera gives no picture.
    pub signal_loss: SignalLoss,
    /// How far a reader may fall behind.
    pub reader_limits: ReaderLimits,
}

/// What becomes of readers when the camera gives no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalLoss {
    /// How long they are shown a slate first.
    pub hold: Duration,
    /// What happens then.
    pub then: AfterHold,
}

/// Ten seconds of slate, then the session ends.
impl Default for SignalLoss {
    fn default() -> Self {
        Self { hold: Duration::from_secs(10), then: AfterHold::Disconnect }
    }
}

/// What happens when a slate has been shown for as long as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterHold {
    /// Sessions end, so that a recorder raises its own alarm, and no new one begins until pictures
    /// are back.
    Disconnect,
    /// The slate stays.
    Slate,
}

/// How far a reader may fall behind before its queue is cleared to the next key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderLimits {
    /// Bytes queued. Two of the mount's largest key frames are always allowed.
    pub queue_bytes: usize,
    /// Age of the oldest unit queued. Two periods of the published rate are always allowed.
    pub queue_age: Duration,
    /// How often within [`overflow_window`](Self::overflow_window) the queue may be cleared; once
    /// more, and the subscription ends.
    pub overflows: usize,
    /// See [`overflows`](Self::overflows).
    pub overflow_window: Duration,
}

/// 8 MiB, one second, ten times a minute.
impl Default for ReaderLimits {
    fn default() -> Self {
        Self {
            queue_bytes: 8 << 20,
            queue_age: Duration::from_secs(1),
            overflows: 10,
            overflow_window: Duration::from_secs(60),
        }
    }
}

/// The random origins of a mount's RTP stream (RFC 3550 §5.1). They last as long as the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountSeed {
    /// The stream's source.
    pub ssrc: u32,
    /// Its first sequence number.
    pub sequence: u16,
    /// The reading of its RTP clock at the origin of the monotonic clock.
    pub timestamp: u32,
}

impl MountSeed {
    /// The seed in ten random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 10]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j] = bytes;
        Self {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            sequence: u16::from_be_bytes([e, f]),
            timestamp: u32::from_be_bytes([g, h, i, j]),
        }
    }
}
