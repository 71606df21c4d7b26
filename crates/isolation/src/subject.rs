//! What the configuration expects of the host.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::{Check, InterfaceName};

/// From where the host is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// Both sides run in this network namespace.
    Together,
    /// This is the camera side, started apart: its namespace should hold the cameras' network only.
    Camera,
    /// This is the core side, started apart: its namespace should not hold the cameras' network.
    Core,
}

/// A listener that the gateway is going to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnListener {
    /// The configuration's key for it.
    pub key: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What is expected, and where it is looked at.
#[derive(Clone, Debug)]
pub struct Subject {
    /// From where.
    pub stance: Stance,
    /// `camera_network.interface`.
    pub camera: Option<InterfaceName>,
    /// `core.interface`: where it is set, every listener of the gateway is bound to it.
    pub core: Option<InterfaceName>,
    /// The gateway's own listeners.
    pub listeners: Vec<OwnListener>,
    /// The checks that may fail.
    pub allow: BTreeSet<Check>,
    /// The configuration file, for commands that name it.
    pub config: String,
    /// Whether this process is as it will be when it runs: locked in. Before that, what it may do
    /// says nothing.
    pub locked: bool,
    /// Whether the host is somebody else's to look at: the other side's in the same namespace.
    pub process_only: bool,
}

impl Subject {
    /// The camera interface, where this namespace is meant to have it. Sides apart may both call
    /// theirs `eth0`: the core side's is then not the cameras'.
    pub(crate) fn camera_here(&self) -> Option<&InterfaceName> {
        let same = self.camera == self.core;
        self.camera.as_ref().filter(|_| !(same && self.stance == Stance::Core))
    }
}
