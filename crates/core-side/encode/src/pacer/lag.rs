//! Whether pictures are shown a whole tick later than theirs: what a stall leaves behind.

use std::collections::VecDeque;

use super::phase::{Slack, TARGET_SLACK, signed};

/// Jitter hides a lag in single pictures, but not in so many.
const PICTURES: usize = 32;

/// The slacks of the last pictures shown.
#[derive(Debug)]
pub(super) struct Lag {
    period: i64,
    max_jitter: i64,
    recent: VecDeque<i64>,
}

impl Lag {
    pub(super) fn new(period: u64, max_jitter: u64) -> Self {
        Self {
            period: signed(period),
            max_jitter: signed(max_jitter),
            recent: VecDeque::with_capacity(PICTURES),
        }
    }

    pub(super) fn reset(&mut self) {
        self.recent.clear();
    }

    pub(super) fn note(&mut self, slack: i64) {
        if self.recent.len() == PICTURES {
            self.recent.pop_front();
        }
        self.recent.push_back(slack);
    }

    /// Whether a picture of this slack, with another behind it, belongs to an earlier tick.
    pub(super) fn is_behind(&self, slack: i64, known: Option<Slack>) -> bool {
        let known = known.unwrap_or_default();
        let mean = known.mean.clamp(TARGET_SLACK, self.max_jitter.max(TARGET_SLACK));
        // Taken as even to both sides of the mean: only what is later than it is measured well,
        // since pictures that pile up look early.
        let spread = (known.mean - known.least).clamp(0, self.max_jitter);
        let most = self.period * 3 / 4;
        let surely = slack > most + mean + spread;
        let steadily = self.recent.len() == PICTURES
            && self.recent.iter().all(|slack| *slack > most + TARGET_SLACK);
        surely || steadily
    }
}
