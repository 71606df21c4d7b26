//! The interfaces themselves.

use crate::{Facts, Finding, InterfaceName, Link, Stance, Subject};

const CAMERA_KEY: &str = "camera_network.interface";
const CORE_KEY: &str = "core.interface";
const LOOPBACK: &str = "lo";

/// Two interfaces with nothing between them; apart, each side's own and no other.
pub(crate) fn interfaces(subject: &Subject, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match subject.stance {
        Stance::Together => {
            let camera = own(subject, CAMERA_KEY, subject.camera.as_ref(), facts, &mut findings);
            let core = own(subject, CORE_KEY, subject.core.as_ref(), facts, &mut findings);
            if let (Some(camera), Some(core)) = (camera, core) {
                apart(subject, camera, core, &mut findings);
            }
        }
        Stance::Camera => {
            let camera = own(subject, CAMERA_KEY, subject.camera.as_ref(), facts, &mut findings);
            let name = camera.map_or("", |camera| camera.name.as_str());
            for other in facts.networks_but(name) {
                findings.push(elsewhere(other, "the camera side's", "core"));
            }
        }
        Stance::Core => {
            if subject.core.is_some() {
                own(subject, CORE_KEY, subject.core.as_ref(), facts, &mut findings);
            }
            let camera = subject.camera_here().and_then(|name| facts.link(name.as_str()));
            findings.extend(camera.map(|link| elsewhere(&link.name, "the core side's", "camera")));
        }
    }
    findings
}

/// The interface that a key names, which has to be named, here, and a port of nothing.
fn own<'a>(
    subject: &Subject,
    key: &str,
    name: Option<&InterfaceName>,
    facts: &'a Facts,
    findings: &mut Vec<Finding>,
) -> Option<&'a Link> {
    let others = || {
        let links = facts.links.iter().map(|link| link.name.as_str());
        let names: Vec<_> = links.filter(|name| *name != LOOPBACK).collect();
        format!("in {}, set `{key}` to one of: {}", subject.config, names.join(", "))
    };
    let mut wrong = |expected: String, found: String, mend: String| {
        findings.push(Finding { expected, found, mend });
    };
    let Some(name) = name else {
        wrong(format!("`{key}`"), "none".into(), others());
        return None;
    };
    let Some(link) = facts.link(name.as_str()) else {
        let found = format!("\"{name}\": no such interface");
        wrong(format!("`{key}`: an interface of this network namespace"), found, others());
        return None;
    };
    if name.as_str() == LOOPBACK {
        wrong(format!("`{key}`: an interface that leads out"), "loopback".into(), others());
    }
    if let Some(master) = link.master {
        wrong(
            format!("{name} to stand alone"),
            format!("a port of {}", facts.link_name(master)),
            format!("ip link set {name} nomaster"),
        );
    }
    Some(link)
}

/// Both in one namespace: two of them, and neither a port of the other.
fn apart(subject: &Subject, camera: &Link, core: &Link, findings: &mut Vec<Finding>) {
    if camera.index == core.index {
        findings.push(Finding {
            expected: format!("`{CORE_KEY}` to be another interface than `{CAMERA_KEY}`"),
            found: camera.name.clone(),
            mend: format!("in {}, change one of the two", subject.config),
        });
    }
}

/// An interface that belongs into another network namespace.
fn elsewhere(link: &str, whose: &str, other: &str) -> Finding {
    Finding {
        expected: format!("no network but its own in {whose} network namespace"),
        found: link.to_owned(),
        mend: format!("ip netns add {other} && ip link set {link} netns {other}"),
    }
}
