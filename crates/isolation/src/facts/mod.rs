//! What the kernel says, parsed.

pub(crate) mod netlink;
pub(crate) mod route;
pub(crate) mod sock_diag;
pub(crate) mod text;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::Prefix;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in this network namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The number of the bridge or bond that it is a port of.
    pub master: Option<u32>,
}

/// An address of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's number.
    pub link: u32,
    /// The address.
    pub address: IpAddr,
    /// Its network.
    pub network: Prefix,
}

/// A unicast route, of any table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The interface's number.
    pub link: u32,
    /// Where it leads.
    pub to: Prefix,
}

/// Values of `/proc/sys/net`, by path below it, such as `ipv4/conf/cam0/arp_ignore`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<String, i64>);

impl Settings {
    /// The value at `path`; `None` where the kernel has no such setting.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<i64> {
        self.0.get(path).copied()
    }
}

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP, listening.
    Tcp,
    /// UDP, not connected.
    Udp,
    /// IP as it is.
    Raw,
    /// Whole frames.
    Packet,
}

impl Protocol {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Raw => "raw",
            Self::Packet => "packet",
        }
    }
}

/// The interface that a socket is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Device {
    /// None.
    Any,
    /// The one with this number.
    Link(u32),
    /// The kernel does not say.
    Unknown,
}

/// A socket that takes what it is sent by anyone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenSocket {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is bound; `None` for one that takes whole frames.
    pub local: Option<SocketAddr>,
    /// The interface it is bound to.
    pub device: Device,
}

/// What the looking process may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Real, effective, saved and file-system user.
    pub users: [u32; 4],
    /// Inheritable, permitted, effective and ambient capabilities, together.
    pub capabilities: u64,
    /// Whether programs it starts gain nothing.
    pub no_new_privileges: bool,
    /// Whether its system calls are filtered.
    pub filtered: bool,
}

/// Everything that rules look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The interfaces of this network namespace.
    pub links: Vec<Link>,
    /// Their addresses.
    pub addresses: Vec<Address>,
    /// Their routes.
    pub routes: Vec<Route>,
    /// The kernel's network settings.
    pub settings: Settings,
    /// Open sockets of this network namespace.
    pub sockets: Vec<OpenSocket>,
    /// This process.
    pub process: Process,
}

impl Facts {
    pub(crate) fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    pub(crate) fn link_name(&self, index: u32) -> &str {
        let link = self.links.iter().find(|link| link.index == index);
        link.map_or("an unknown interface", |link| link.name.as_str())
    }

    /// Interfaces with an address that is not this host's alone, but for the one called `but`.
    pub(crate) fn networks_but(&self, but: &str) -> Vec<&str> {
        let is_reached = |link: &&Link| {
            let mut own = self.addresses.iter().filter(|address| address.link == link.index);
            link.name != but && own.any(|address| !address.address.is_loopback())
        };
        self.links.iter().filter(is_reached).map(|link| link.name.as_str()).collect()
    }
}
