//! The rules: one a check. A rule gives what is not as it should be, or why it has nothing to say.

mod links;
mod listeners;
mod networks;
mod process;
pub(crate) mod settings;

#[cfg(test)]
mod tests;

use crate::{Check, Facts, Finding, Link, Stance, Subject};

/// Findings, or why there can be none.
pub(crate) type Verdict = Result<Vec<Finding>, &'static str>;

const NO_CAMERAS: &str = "the cameras' network is not in this network namespace";
const NO_OTHERS: &str = "no other network is in this network namespace";

/// What `check` finds.
pub(crate) fn judge(check: Check, subject: &Subject, facts: &Facts) -> Verdict {
    if check.is_of_the_process() {
        if !subject.locked {
            return Err("each side looks at itself once it is locked in");
        }
    } else if subject.process_only {
        return Err("the core side looks at the host");
    }
    match check {
        Check::Interfaces => Ok(links::interfaces(subject, facts)),
        Check::Forwarding => Ok(settings::forwarding(facts)),
        Check::Ipv6 => settings::ipv6(camera(subject, facts)?, facts),
        Check::Routes => networks::routes(camera(subject, facts)?, facts),
        Check::Prefixes => networks::prefixes(camera(subject, facts)?, facts),
        Check::Listeners => listeners::listeners(camera(subject, facts)?, subject, facts),
        Check::Arp => settings::arp(camera_among_others(subject, facts)?, facts),
        Check::Sources => settings::sources(camera_among_others(subject, facts)?, facts),
        Check::Redirects => settings::redirects(camera_among_others(subject, facts)?, facts),
        Check::Privileges => Ok(process::privileges(facts)),
        Check::User => Ok(process::user(facts)),
    }
}

/// The camera interface, if it is here.
fn camera<'a>(subject: &Subject, facts: &'a Facts) -> Result<&'a Link, &'static str> {
    let name = subject.camera_here().ok_or(NO_CAMERAS)?;
    facts.link(name.as_str()).ok_or(NO_CAMERAS)
}

/// The camera interface, if another network is here as well. In a namespace of its own it has nothing
/// to answer for, and nowhere to lead.
fn camera_among_others<'a>(subject: &Subject, facts: &'a Facts) -> Result<&'a Link, &'static str> {
    let link = camera(subject, facts)?;
    let alone = facts.networks_but(&link.name).is_empty();
    if alone && subject.stance != Stance::Together { Err(NO_OTHERS) } else { Ok(link) }
}
