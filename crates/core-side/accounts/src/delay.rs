//! How long the next attempt waits: longer with each failure, never for ever.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The longest that an attempt waits: less than recorders wait for an answer, so that whoever has the
/// right password gets in, whatever others at the same address try.
pub const LONGEST_DELAY: Duration = Duration::from_secs(4);
/// After this long without an attempt, failures are forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What the second failure costs; each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_millis(125);
/// How many failing pairs of address and name are remembered.
const MOST: usize = 4096;

/// Failures by address and name.
///
/// A name is kept as a hash under a key of this process's: existing or not, every name is the same
/// here, and nothing that was typed stays in memory.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    hasher: RandomState,
    failures: HashMap<(IpAddr, u64), Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Delays {
    /// How long an attempt that arrives at `now` waits before it is judged.
    pub(crate) fn delay(&self, from: IpAddr, name: &str, now: Instant) -> Duration {
        let Some(failures) = self.failures.get(&self.key(from, name)) else {
            return Duration::ZERO;
        };
        if now.saturating_duration_since(failures.last) > FORGOTTEN_AFTER {
            return Duration::ZERO;
        }
        // One mistake is free.
        let Some(doublings) = failures.count.checked_sub(2) else { return Duration::ZERO };
        FIRST_DELAY.saturating_mul(1 << doublings.min(16)).min(LONGEST_DELAY)
    }

    /// Takes note of a failure.
    pub(crate) fn failed(&mut self, from: IpAddr, name: &str, now: Instant) {
        let key = self.key(from, name);
        if self.failures.len() >= MOST && !self.failures.contains_key(&key) {
            self.make_room(now);
        }
        let failures = self.failures.entry(key).or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(failures.last) > FORGOTTEN_AFTER {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// Forgets the failures of whoever has proved who they are.
    pub(crate) fn succeeded(&mut self, from: IpAddr, name: &str) {
        self.failures.remove(&self.key(from, name));
    }

    fn make_room(&mut self, now: Instant) {
        self.failures.retain(|_, f| now.saturating_duration_since(f.last) <= FORGOTTEN_AFTER);
        if self.failures.len() >= MOST
            && let Some(oldest) = self.failures.iter().min_by_key(|(_, f)| f.last).map(|(k, _)| *k)
        {
            self.failures.remove(&oldest);
        }
    }

    fn key(&self, from: IpAddr, name: &str) -> (IpAddr, u64) {
        (host(from), self.hasher.hash_one(name))
    }
}

/// Whom `address` stands for where strangers are counted: over IPv6 one host has a whole /64 to choose from
/// (RFC 4291 §2.5.1), and over IPv4 the address that it has. An IPv4 address in IPv6 form is the same.
#[must_use]
pub fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => (address.to_bits() & !u128::from(u64::MAX)).to_be_bytes().into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn each_failure_doubles_the_wait_up_to_a_bound() {
        let (mut delays, now) = (Delays::default(), Instant::now());
        let waits: Vec<u128> = (0..9)
            .map(|_| {
                delays.failed(A, "vms", now);
                delays.delay(A, "vms", now).as_millis()
            })
            .collect();
        assert_eq!(waits, [0, 125, 250, 500, 1000, 2000, 4000, 4000, 4000]);
        for _ in 0..1000 {
            delays.failed(A, "vms", now);
        }
        assert_eq!(delays.delay(A, "vms", now), LONGEST_DELAY);
    }

    #[test]
    fn others_do_not_wait_and_success_forgets() {
        let (mut delays, now) = (Delays::default(), Instant::now());
        for _ in 0..5 {
            delays.failed(A, "vms", now);
        }
        assert!(!delays.delay(A, "vms", now).is_zero());
        assert!(delays.delay(B, "vms", now).is_zero());
        assert!(delays.delay(A, "other", now).is_zero());
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert!(!delays.delay(mapped, "vms", now).is_zero());
        delays.succeeded(A, "vms");
        assert!(delays.delay(A, "vms", now).is_zero());
    }

    #[test]
    fn time_forgets() {
        let (mut delays, now) = (Delays::default(), Instant::now());
        for _ in 0..9 {
            delays.failed(A, "vms", now);
        }
        let later = now + FORGOTTEN_AFTER + Duration::from_secs(1);
        assert!(delays.delay(A, "vms", later).is_zero());
        delays.failed(A, "vms", later);
        assert!(delays.delay(A, "vms", later).is_zero(), "the count begins anew");
    }

    #[test]
    fn a_host_with_a_whole_network_is_one_host() {
        let (mut delays, now) = (Delays::default(), Instant::now());
        for host in 1..9u8 {
            delays.failed(format!("2001:db8::{host}").parse().unwrap(), "vms", now);
        }
        assert_eq!(delays.delay("2001:db8::ffff".parse().unwrap(), "vms", now), LONGEST_DELAY);
        assert!(delays.delay("2001:db8:0:1::1".parse().unwrap(), "vms", now).is_zero());
    }

    #[test]
    fn memory_is_bounded_and_the_latest_is_kept() {
        let (mut delays, now) = (Delays::default(), Instant::now());
        for n in 0..MOST + 100 {
            delays.failed(A, &n.to_string(), now + Duration::from_millis(n as u64));
        }
        assert_eq!(delays.failures.len(), MOST);
        let last = (MOST + 99).to_string();
        delays.failed(A, &last, now + Duration::from_secs(10));
        assert!(!delays.delay(A, &last, now + Duration::from_secs(10)).is_zero());
    }
}
