//! A state as gauges: 1 for the present one, 0 for the others.

use std::hash::Hash;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

/// Which of a family's gauges is 1.
#[derive(Debug)]
pub(super) struct OneHot<L> {
    family: Family<L, Gauge>,
    present: Option<L>,
}

impl<L: Clone + Eq + Hash> OneHot<L> {
    /// None of `all` is present; all of them are shown as 0 from the start.
    pub(super) fn new(family: Family<L, Gauge>, all: impl IntoIterator<Item = L>) -> Self {
        for labels in all {
            family.get_or_create(&labels).set(0);
        }
        Self { family, present: None }
    }

    /// Makes `labels` the present one. True when it was another before.
    pub(super) fn set(&mut self, labels: Option<L>) -> bool {
        if self.present == labels {
            return false;
        }
        if let Some(before) = &self.present {
            self.family.get_or_create(before).set(0);
        }
        if let Some(labels) = &labels {
            self.family.get_or_create(labels).set(1);
        }
        self.present = labels;
        true
    }
}
