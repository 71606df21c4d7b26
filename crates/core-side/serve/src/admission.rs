//! Who may connect at all: limits, in total and, for those who have not proved who they are, for each
//! address. One recorder holds hundreds of connections; a stranger needs few.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_rtsp::host;

use crate::Limits;
use crate::metrics::Refusal;

/// Counts connections. Clones share the count.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    limits: Limits,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Place {
    counts: Arc<Mutex<Counts>>,
    address: IpAddr,
    is_proven: bool,
}

impl Admission {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, counts: Arc::default() }
    }

    /// A place for a connection from `address`.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<Place, Refusal> {
        let address = host(address);
        let mut counts = lock(&self.counts);
        if counts.total >= self.limits.connections {
            return Err(Refusal::Connections);
        }
        let here = counts.by_address.entry(address).or_default();
        if *here >= self.limits.per_address {
            return Err(Refusal::PerAddress);
        }
        *here += 1;
        counts.total += 1;
        drop(counts);
        Ok(Place { counts: Arc::clone(&self.counts), address, is_proven: false })
    }
}

impl Place {
    /// Whether [`prove`](Self::prove) was called.
    pub(crate) const fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// The reader has proved who it is, and no longer counts for its address.
    pub(crate) fn prove(&mut self) {
        if !std::mem::replace(&mut self.is_proven, true) {
            lock(&self.counts).leave(self.address);
        }
    }
}

impl Counts {
    fn leave(&mut self, address: IpAddr) {
        if let Some(here) = self.by_address.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.total -= 1;
        if !self.is_proven {
            counts.leave(self.address);
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let limits = Limits { connections: 3, per_address: 2, ..Limits::default() };
        let admission = Admission::new(limits);
        let [a, b]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let first = admission.admit(a).unwrap();
        let _second = admission.admit(mapped).unwrap();
        assert_eq!(admission.admit(a).err(), Some(Refusal::PerAddress));
        let _third = admission.admit(b).unwrap();
        assert_eq!(admission.admit(b).err(), Some(Refusal::Connections));
        drop(first);
        let _fourth = admission.admit(a).unwrap();
        assert_eq!(lock(&admission.counts).total, 3);
    }

    #[test]
    fn who_has_proved_who_it_is_counts_in_total_only() {
        let limits = Limits { connections: 3, per_address: 1, ..Limits::default() };
        let admission = Admission::new(limits);
        let address = IpAddr::from([10, 0, 0, 1]);
        let mut places: Vec<Place> = (0..2)
            .map(|_| {
                let mut place = admission.admit(address).unwrap();
                place.prove();
                place.prove();
                place
            })
            .collect();
        places.push(admission.admit(address).unwrap());
        assert_eq!(admission.admit(address).err(), Some(Refusal::Connections));
        places.remove(0);
        assert_eq!(admission.admit(address).err(), Some(Refusal::PerAddress));
        drop(places);
        let counts = lock(&admission.counts);
        assert!(counts.total == 0 && counts.by_address.is_empty());
    }

    #[test]
    fn a_host_with_a_whole_network_is_one_host() {
        let limits = Limits { per_address: 2, ..Limits::default() };
        let admission = Admission::new(limits);
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let _places = [admit("2001:db8::1").unwrap(), admit("2001:db8::2").unwrap()];
        assert_eq!(admit("2001:db8::3").err(), Some(Refusal::PerAddress));
        assert!(admit("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn a_refused_address_leaves_nothing_behind() {
        let limits = Limits { per_address: 1, ..Limits::default() };
        let admission = Admission::new(limits);
        let address = IpAddr::from([10, 0, 0, 1]);
        let place = admission.admit(address).unwrap();
        assert!(admission.admit(address).is_err());
        drop(place);
        assert!(lock(&admission.counts).by_address.is_empty());
    }
}
