//! Sockets that cameras reach.

use std::collections::BTreeSet;

use super::Verdict;
use crate::{Device, Facts, Finding, Link, OpenSocket, Subject};

/// Every socket that is open to anyone is bound to another interface, or to loopback. An address of
/// the core network is no bar: Linux takes packets for any of its addresses on any interface.
pub(crate) fn listeners(camera: &Link, subject: &Subject, facts: &Facts) -> Verdict {
    let mut findings = Vec::new();
    if subject.core.is_none() {
        let own = subject.listeners.iter().filter(|own| !own.address.ip().is_loopback());
        findings.extend(own.map(|own| Finding {
            expected: format!("`{}` to be bound to an interface", own.key),
            found: format!("{} on all of them", own.address),
            mend: format!("in {}, set `core.interface`", subject.config),
        }));
    }
    let ipv6 = facts.settings.get(&format!("ipv6/conf/{}/disable_ipv6", camera.name)) == Some(0);
    let reached: BTreeSet<String> = facts
        .sockets
        .iter()
        .filter(|socket| reaches(socket, camera, ipv6))
        .map(|socket| told(socket, facts))
        .collect();
    if !reached.is_empty() {
        let reached: Vec<_> = reached.into_iter().collect();
        findings.push(Finding {
            expected: format!("no socket that hosts on {} reach", camera.name),
            found: reached.join(", "),
            mend: format!(
                "stop it or bind it elsewhere (ss -lnptuw tells whose it is), or close it off \
                 with `cofferdam nft --config {} | nft -f -` and set `[isolation] allow = \
                 [\"listeners\"]`: firewall rules cannot be seen from here",
                subject.config
            ),
        });
    }
    Ok(findings)
}

/// Whether what comes in on `camera` may reach `socket`.
fn reaches(socket: &OpenSocket, camera: &Link, ipv6: bool) -> bool {
    let by_device = match socket.device {
        Device::Any | Device::Unknown => true,
        Device::Link(index) => index == camera.index,
    };
    let by_address = socket.local.is_none_or(|local| {
        let ip = local.ip();
        // One that is bound to no IPv6 address in particular takes IPv4 as well.
        !ip.is_loopback() && (ip.is_ipv4() || ip.is_unspecified() || ipv6)
    });
    by_device && by_address
}

fn told(socket: &OpenSocket, facts: &Facts) -> String {
    let bound = match socket.device {
        Device::Any => String::new(),
        Device::Link(index) => format!(" on {}", facts.link_name(index)),
        Device::Unknown => " (the kernel does not tell its interface)".into(),
    };
    let protocol = socket.protocol.name();
    match socket.local {
        Some(local) => format!("{protocol} {local}{bound}"),
        None => format!("{protocol}{bound}"),
    }
}
