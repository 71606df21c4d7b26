//! What a connection needs to know of mounts.

use bytes::Bytes;
use cofferdam_picture::FrameRate;

use crate::MulticastGroup;

/// The mounts there are.
pub trait MountDirectory {
    /// The mount of a path, given without slashes at either end.
    fn find(&self, path: &str) -> Option<MountView>;
}

/// A mount at the moment it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountView {
    /// Its own path, without slashes at either end: two paths may lead to one mount.
    pub path: String,
    /// The synchronization source of its packets (RFC 3550 §3).
    pub ssrc: u32,
    /// Where its packets go for whoever asks for multicast; `None` where nobody gets them so.
    pub multicast: Option<MulticastGroup>,
    /// Whether it can be played.
    pub state: MountState,
}

/// Whether a mount can be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountState {
    /// It can.
    Ready(VideoTrack),
    /// Its parameter sets are not known yet.
    NotReady,
    /// The camera is lost, and the mount is configured to say so.
    Ended,
}

/// What the session description says of a mount: configuration and the encoder's parameter sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTrack {
    /// Pictures a second.
    pub rate: FrameRate,
    /// The sequence parameter set, a NAL unit without start code.
    pub sps: Bytes,
    /// The picture parameter set, a NAL unit without start code.
    pub pps: Bytes,
}
