//! Every scenario.

mod account;
mod answers;
mod bomb;
mod decoder;
mod description;
mod pace;
mod packets;
mod second_host;

use std::sync::Arc;
use std::time::Duration;

use cofferdam_picture_ring::Fault;

use crate::act::{Act, Make};
use crate::limit::Held;
use crate::media::{h264, rtp};
use crate::scenario::{Account, Expected, Scenario, Threat};

/// Between two honest pictures.
const TENTH: Duration = Duration::from_millis(100);
/// Between two pictures of a camera whose failures are to be many.
const SOON: Duration = Duration::from_millis(10);

/// Every scenario, by what it attacks.
#[must_use]
pub fn catalogue() -> Vec<Scenario> {
    [
        answers::all(),
        description::all(),
        account::all(),
        second_host::all(),
        pace::all(),
        packets::all(),
        decoder::all(),
        bomb::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Scenarios of one threat.
struct Family(Threat);

impl Family {
    /// A scenario without an account.
    const fn scenario(
        &self,
        name: &'static str,
        does: &'static str,
        expected: Expected,
        held: Held,
        acts: fn() -> Vec<Act>,
    ) -> Scenario {
        Scenario {
            name,
            threat: self.0,
            does,
            expected,
            contained_by: held.limit,
            behind: held.behind,
            path: held.path,
            rows: held.rows,
            account: Account::None,
            acts,
        }
    }

    /// A scenario that ends in one fault.
    const fn fault(
        &self,
        name: &'static str,
        does: &'static str,
        fault: &'static [Fault],
        held: Held,
        acts: fn() -> Vec<Act>,
    ) -> Scenario {
        self.scenario(name, does, Expected::Fault(fault), held, acts)
    }
}

/// A stream of these, `pause` apart.
fn stream(pause: Duration, make: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Act {
    Act::Stream(pause, made(make))
}

fn made(make: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Make {
    Arc::new(make)
}

/// A stream of the same units for every picture.
fn pictures(pause: Duration, units: Vec<Vec<u8>>) -> Act {
    stream(pause, move |number| rtp::picture(number, &units))
}

/// `count` honest pictures.
fn honest(count: u32) -> Act {
    Act::Times(count, TENTH, made(|number| rtp::picture(number, &h264::key())))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;
    use crate::Limit;

    #[test]
    fn names_are_distinct_and_camera_ids() {
        let all = catalogue();
        let names: HashSet<_> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all.len());
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.len() <= 32 && name.chars().all(plain), "{name}");
        }
    }

    #[test]
    fn every_threat_and_every_limit_has_its_scenarios() {
        let all = catalogue();
        let threats: BTreeSet<_> = all.iter().map(|scenario| scenario.threat).collect();
        assert_eq!(threats, Threat::ALL.into());
        let limits: BTreeSet<_> =
            all.iter().flat_map(|s| [s.contained_by].into_iter().chain(s.behind)).collect();
        assert_eq!(limits, Limit::ALL.into());
    }

    /// Attacks that the same limit stops at the same place count once, and those that do no harm not at all.
    #[test]
    fn there_are_sixty_that_differ() {
        let contained = catalogue();
        let contained = contained.iter().filter(|s| s.contained_by != Limit::NoneNeeded);
        let distinct: HashSet<_> = contained.map(|s| (s.contained_by, s.path)).collect();
        assert!(distinct.len() >= 60, "{} scenarios that differ", distinct.len());
    }

    #[test]
    fn every_scenario_names_its_rows() {
        for scenario in catalogue() {
            assert!(!scenario.rows.is_empty(), "{}", scenario.name);
        }
    }
}
