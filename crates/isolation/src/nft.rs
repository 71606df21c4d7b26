//! Firewall rules for the host, to match a configuration.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::InterfaceName;

/// Where a camera is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CameraAddress {
    /// Its address; `None` where the configuration has a name.
    pub ip: Option<IpAddr>,
    /// Its RTSP port.
    pub port: u16,
}

/// A rule set for nft(8), shown as its text. It is a table of its own that adds to whatever rules the
/// host has, and replaces itself when it is loaded again.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// The cameras' interface.
    pub camera: InterfaceName,
    /// The readers' interface.
    pub core: InterfaceName,
    /// The cameras.
    pub cameras: BTreeSet<CameraAddress>,
    /// The gateway's listeners.
    pub listeners: Vec<SocketAddr>,
}

impl Firewall {
    /// What of a packet names a camera: an expression for each way cameras are given. `source` is of
    /// packets that come from one.
    fn cameras(&self, source: bool) -> Vec<String> {
        let (address, port) = if source { ("saddr", "sport") } else { ("daddr", "dport") };
        let set = |is: fn(&IpAddr) -> bool| {
            let of = |camera: &CameraAddress| {
                camera.ip.filter(is).map(|ip| format!("{ip} . {}", camera.port))
            };
            self.cameras.iter().filter_map(of).collect::<Vec<_>>().join(", ")
        };
        let mut rules = Vec::new();
        for (family, elements) in [("ip", set(IpAddr::is_ipv4)), ("ip6", set(IpAddr::is_ipv6))] {
            if !elements.is_empty() {
                rules.push(format!("{family} {address} . tcp {port} {{ {elements} }}"));
            }
        }
        let by_name: BTreeSet<String> =
            self.cameras.iter().filter(|c| c.ip.is_none()).map(|c| c.port.to_string()).collect();
        if !by_name.is_empty() {
            let ports: Vec<_> = by_name.into_iter().collect();
            rules.push(format!("tcp {port} {{ {} }}", ports.join(", ")));
        }
        rules
    }
}

impl fmt::Display for Firewall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { camera, core, cameras, listeners } = self;
        writeln!(f, "#!/usr/sbin/nft -f")?;
        writeln!(
            f,
            "# Written by `cofferdam nft`. Adds to the host's rules; its table is its own."
        )?;
        if cameras.iter().any(|camera| camera.ip.is_none()) {
            writeln!(
                f,
                "# Cameras given by name may be at any address: addresses close this more."
            )?;
        }
        // Made if it is not there, so that it can be deleted.
        writeln!(f, "table inet cofferdam\ndelete table inet cofferdam\n")?;
        writeln!(f, "table inet cofferdam {{")?;
        writeln!(f, "\tchain input {{")?;
        writeln!(f, "\t\ttype filter hook input priority filter; policy accept;")?;
        writeln!(f, "\t\t# From cameras: answers to what the gateway asks, and nothing else.")?;
        for rule in self.cameras(true) {
            writeln!(f, "\t\tiifname \"{camera}\" ct state established {rule} accept")?;
        }
        writeln!(f, "\t\tiifname \"{camera}\" drop")?;
        let ports: BTreeSet<String> = listeners
            .iter()
            .filter(|listener| !listener.ip().is_loopback())
            .map(|listener| listener.port().to_string())
            .collect();
        if !ports.is_empty() {
            let ports: Vec<_> = ports.into_iter().collect();
            writeln!(f, "\t\t# Readers come by their own interface.")?;
            writeln!(
                f,
                "\t\tiifname != {{ \"{core}\", \"lo\" }} tcp dport {{ {} }} drop",
                ports.join(", ")
            )?;
        }
        writeln!(f, "\t}}\n")?;
        writeln!(f, "\tchain output {{")?;
        writeln!(f, "\t\ttype filter hook output priority filter; policy accept;")?;
        writeln!(f, "\t\t# To cameras: connections to their RTSP ports, and nothing else.")?;
        for rule in self.cameras(false) {
            writeln!(f, "\t\toifname \"{camera}\" {rule} accept")?;
        }
        writeln!(f, "\t\toifname \"{camera}\" drop")?;
        writeln!(f, "\t}}\n")?;
        writeln!(f, "\tchain forward {{")?;
        writeln!(f, "\t\ttype filter hook forward priority filter; policy accept;")?;
        writeln!(f, "\t\t# Nothing passes between the cameras' network and any other.")?;
        writeln!(f, "\t\tiifname \"{camera}\" drop")?;
        writeln!(f, "\t\toifname \"{camera}\" drop")?;
        writeln!(f, "\t}}\n}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_the_configuration() {
        let camera =
            |ip: Option<&str>, port| CameraAddress { ip: ip.map(|ip| ip.parse().unwrap()), port };
        let mut firewall = Firewall {
            camera: InterfaceName::new("cam0").unwrap(),
            core: InterfaceName::new("core0").unwrap(),
            cameras: [camera(Some("10.20.0.12"), 8554), camera(Some("10.20.0.11"), 554)].into(),
            listeners: ["0.0.0.0:8554", "127.0.0.1:9090"].map(|a| a.parse().unwrap()).into(),
        };
        let text = firewall.to_string();
        for line in [
            "iifname \"cam0\" ct state established ip saddr . tcp sport { 10.20.0.11 . 554, 10.20.0.12 . 8554 } accept",
            "iifname \"cam0\" drop",
            "iifname != { \"core0\", \"lo\" } tcp dport { 8554 } drop",
            "oifname \"cam0\" ip daddr . tcp dport { 10.20.0.11 . 554, 10.20.0.12 . 8554 } accept",
            "oifname \"cam0\" drop",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("ip6") && !text.contains("any address"), "{text}");

        firewall.cameras = [camera(None, 554), camera(Some("fd00::11"), 554)].into();
        let text = firewall.to_string();
        for line in [
            "ip6 daddr . tcp dport { fd00::11 . 554 } accept",
            "\" tcp dport { 554 } accept",
            "# Cameras given by name",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
