//! The mounts, as the RTSP connection asks for them.

use bytes::Bytes;
use cofferdam_publish::{Availability, Mount, Mounts};
use cofferdam_rtsp::{MountDirectory, MountState, MountView, VideoTrack};

use crate::multicast::Groups;

/// [`Mounts`] as a [`MountDirectory`].
pub(crate) struct Directory<'a> {
    pub(crate) mounts: &'a Mounts,
    pub(crate) groups: &'a Groups,
}

impl MountDirectory for Directory<'_> {
    fn find(&self, path: &str) -> Option<MountView> {
        let mount = self.mounts.find(path)?;
        Some(MountView {
            path: mount.path().to_owned(),
            ssrc: mount.ssrc().get(),
            multicast: self.groups.of(mount.path()),
            state: state(&mount),
        })
    }
}

fn state(mount: &Mount) -> MountState {
    match (mount.availability(), mount.parameter_sets()) {
        (Availability::Live | Availability::Slate, Some(sets)) => MountState::Ready(VideoTrack {
            rate: mount.rate(),
            sps: Bytes::copy_from_slice(sets.sps()),
            pps: Bytes::copy_from_slice(sets.pps()),
        }),
        (Availability::Ended, _) => MountState::Ended,
        _ => MountState::NotReady,
    }
}
