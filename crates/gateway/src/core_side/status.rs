//! What the admin listener's status page tells.

use std::sync::Arc;

use cofferdam_admin::{CameraStatus, Isolation, Status};
use cofferdam_encode_link::MountKind;
use cofferdam_publish::Mount;

use crate::config::{Config, Sandbox};
use crate::isolation::IsolationMetrics;

/// The page of a gateway with these mounts; `checked` where an isolation self-check is made, which
/// `isolation` shows.
pub(super) fn page(
    config: &Config,
    checked: bool,
    mounts: &[Arc<Mount>],
    isolation: IsolationMetrics,
) -> impl Fn() -> Status + Send + Sync + 'static {
    let locked_in = config.jail.sandbox == Sandbox::Strict;
    let is_main = |mount: &&Arc<Mount>| mount.kind() == MountKind::Main;
    let cameras: Vec<Arc<Mount>> = mounts.iter().filter(is_main).cloned().collect();
    move || Status {
        isolation: if checked { isolation.status() } else { Isolation::NotConfigured },
        locked_in,
        cameras: cameras
            .iter()
            .map(|mount| CameraStatus {
                id: mount.camera().to_string(),
                state: mount.availability().label(),
            })
            .collect(),
    }
}
