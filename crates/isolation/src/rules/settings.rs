//! What `/proc/sys/net` says (ip-sysctl in the kernel's documentation). Most settings exist once for
//! all interfaces and once for each; how the two are combined differs, and stands with each rule.

use super::Verdict;
use crate::{Facts, Finding, Link, Subject};

/// Settings of IPv4 that are looked at for the camera interface and for all.
const CAMERA_SETTINGS: [&str; 9] = [
    "arp_ignore",
    "arp_announce",
    "proxy_arp",
    "rp_filter",
    "accept_source_route",
    "accept_local",
    "route_localnet",
    "accept_redirects",
    "send_redirects",
];

/// Every setting that the rules look at.
pub(crate) fn wanted(subject: &Subject, links: &[Link]) -> Vec<String> {
    let mut paths = vec!["ipv4/ip_forward".to_owned(), "ipv6/conf/all/forwarding".to_owned()];
    for link in links {
        paths.push(ipv4(&link.name, "forwarding"));
        paths.push(format!("ipv6/conf/{}/force_forwarding", link.name));
    }
    if let Some(camera) = subject.camera_here() {
        paths.push(format!("ipv6/conf/{camera}/disable_ipv6"));
        for setting in CAMERA_SETTINGS {
            paths.push(ipv4("all", setting));
            paths.push(ipv4(camera.as_str(), setting));
        }
    }
    paths
}

/// Forwarding is off, as a whole and for each interface: the whole shows 0 when only some forward.
pub(crate) fn forwarding(facts: &Facts) -> Vec<Finding> {
    let mut paths = vec!["ipv4/ip_forward".to_owned(), "ipv6/conf/all/forwarding".to_owned()];
    let whole = facts.settings.get("ipv4/ip_forward").is_some_and(|value| value != 0);
    for link in &facts.links {
        // The whole being set to 0 sets each to 0.
        if !whole {
            paths.push(ipv4(&link.name, "forwarding"));
        }
        paths.push(format!("ipv6/conf/{}/force_forwarding", link.name));
    }
    let mut findings: Vec<_> =
        paths.iter().filter_map(|path| unless(facts, path, |value| value == 0, 0)).collect();
    if whole && let Some(first) = findings.first_mut() {
        // The kernel turns that on when this is turned off (inet_forward_change).
        first.mend.push_str(" net.ipv4.conf.all.accept_redirects=0");
    }
    findings
}

/// The camera interface has no IPv6: with it comes a link-local address, and listeners on it.
pub(crate) fn ipv6(camera: &Link, facts: &Facts) -> Verdict {
    let path = format!("ipv6/conf/{}/disable_ipv6", camera.name);
    Ok(unless(facts, &path, |value| value != 0, 1).into_iter().collect())
}

/// The camera interface answers for its own addresses only, and asks with them. The kernel takes the
/// larger value of the two; of `proxy_arp`, either.
pub(crate) fn arp(camera: &Link, facts: &Facts) -> Verdict {
    let mut findings = Vec::new();
    findings.extend(larger(facts, camera, "arp_ignore", |value| value >= 1, 1));
    findings.extend(larger(facts, camera, "arp_announce", |value| value >= 2, 2));
    findings.extend(neither(facts, camera, "proxy_arp"));
    Ok(findings)
}

/// Nothing from the cameras' network passes for something of another one. Of `rp_filter` the larger
/// value counts, and 2 is looser than 1; `accept_source_route` needs both; of the rest, either will do.
pub(crate) fn sources(camera: &Link, facts: &Facts) -> Verdict {
    let mut findings = Vec::new();
    findings.extend(larger(facts, camera, "rp_filter", |value| value == 1, 1));
    let route = [ipv4("all", "accept_source_route"), ipv4(&camera.name, "accept_source_route")];
    if route.iter().all(|path| facts.settings.get(path).is_some_and(|value| value != 0)) {
        findings.extend(unless(facts, &route[1], |value| value == 0, 0));
    }
    findings.extend(neither(facts, camera, "accept_local"));
    findings.extend(neither(facts, camera, "route_localnet"));
    Ok(findings)
}

/// Cameras neither change this host's routes nor learn of others.
pub(crate) fn redirects(camera: &Link, facts: &Facts) -> Verdict {
    let mut findings = neither(facts, camera, "accept_redirects");
    findings.extend(neither(facts, camera, "send_redirects"));
    Ok(findings)
}

fn ipv4(interface: &str, setting: &str) -> String {
    format!("ipv4/conf/{interface}/{setting}")
}

/// What is wrong with the setting at `path`, unless it is `good`. One that the kernel has not is good:
/// it belongs to something that is not there.
fn unless(facts: &Facts, path: &str, good: fn(i64) -> bool, wanted: i64) -> Option<Finding> {
    let value = facts.settings.get(path)?;
    (!good(value)).then(|| finding(path, value, wanted))
}

fn finding(path: &str, found: i64, wanted: i64) -> Finding {
    let name = name(path);
    Finding {
        expected: format!("{name} = {wanted}"),
        found: found.to_string(),
        mend: format!("sysctl -w {name}={wanted}"),
    }
}

/// The larger of the two values, where it is not `good`.
fn larger(
    facts: &Facts,
    camera: &Link,
    setting: &str,
    good: fn(i64) -> bool,
    wanted: i64,
) -> Option<Finding> {
    let (all, own) = (ipv4("all", setting), ipv4(&camera.name, setting));
    let values = [facts.settings.get(&all)?, facts.settings.get(&own)?];
    let value = values[0].max(values[1]);
    if good(value) {
        return None;
    }
    // The one that stands in the way is the one to change.
    let path = if values[0] > wanted { &all } else { &own };
    Some(finding(path, value, wanted))
}

/// Each of the two that is not 0.
fn neither(facts: &Facts, camera: &Link, setting: &str) -> Vec<Finding> {
    let paths = [ipv4("all", setting), ipv4(&camera.name, setting)];
    paths.iter().filter_map(|path| unless(facts, path, |value| value == 0, 0)).collect()
}

/// A path as `sysctl` names it: with dots, unless the interface's name has some.
fn name(path: &str) -> String {
    if path.contains('.') {
        format!("net/{path}")
    } else {
        format!("net.{}", path.replace('/', "."))
    }
}
