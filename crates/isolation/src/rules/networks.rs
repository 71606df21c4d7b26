//! Routes and prefixes of the camera interface.

use super::Verdict;
use crate::{Facts, Finding, Link, Prefix};

/// No way to everywhere through the camera interface: what the host sends to an address that nothing
/// else knows would go to the cameras' network, and answers would come from there.
pub(crate) fn routes(camera: &Link, facts: &Facts) -> Verdict {
    let mut defaults: Vec<Prefix> = facts
        .routes
        .iter()
        .filter(|route| route.link == camera.index && route.to.is_default())
        .map(|route| route.to)
        .collect();
    defaults.sort();
    defaults.dedup();
    let name = &camera.name;
    Ok(defaults
        .into_iter()
        .map(|to| Finding {
            expected: format!("no default route through {name}"),
            found: to.to_string(),
            mend: format!("ip route del {to} dev {name}"),
        })
        .collect())
}

/// A prefix that is on both sides makes one address mean two hosts.
pub(crate) fn prefixes(camera: &Link, facts: &Facts) -> Verdict {
    let (mine, theirs): (Vec<_>, Vec<_>) =
        networks(facts).into_iter().partition(|(link, _)| *link == camera.index);
    let mut findings = Vec::new();
    for (_, prefix) in &mine {
        for (link, other) in theirs.iter().filter(|(_, other)| other.overlaps(*prefix)) {
            let link = facts.link_name(*link);
            findings.push(Finding {
                expected: format!("{prefix} of {} nowhere else", camera.name),
                found: format!("{other} of {link}"),
                mend: format!("ip route del {other} dev {link}"),
            });
        }
    }
    Ok(findings)
}

/// The networks that each interface leads to, but for default routes, and for networks that every
/// interface has.
fn networks(facts: &Facts) -> Vec<(u32, Prefix)> {
    let routes = facts.routes.iter().map(|route| (route.link, route.to));
    let addresses = facts.addresses.iter().map(|address| (address.link, address.network));
    let mut networks: Vec<_> = routes
        .chain(addresses)
        .filter(|(_, prefix)| !prefix.is_default() && !prefix.is_of_every_link())
        .collect();
    networks.sort();
    networks.dedup();
    networks
}
