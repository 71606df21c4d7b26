//! When to ask the encode worker for a key frame: for whoever needs one, but seldom.

use std::time::Duration;

use cofferdam_picture::MonotonicTime;

/// At most one key frame is forced in this time, however many readers come.
pub(crate) const KEY_INTERVAL: Duration = Duration::from_millis(500);

/// Remembers that somebody waits for a key frame, and when one was last asked for.
#[derive(Debug, Default)]
pub(crate) struct KeyRequests {
    wanted: bool,
    asked: Option<MonotonicTime>,
    came: bool,
}

impl KeyRequests {
    /// Somebody needs a key frame. True when it is to be asked for now; otherwise
    /// [`is_due`](Self::is_due) will say so later.
    pub(crate) fn want(&mut self, now: MonotonicTime) -> bool {
        self.wanted = true;
        self.is_due(now)
    }

    /// Whether a key frame is to be asked for now. Saying yes counts as having asked; the question
    /// comes up again after [`KEY_INTERVAL`] as long as no key frame came.
    pub(crate) fn is_due(&mut self, now: MonotonicTime) -> bool {
        let due = self.wanted && !self.asked_recently(now);
        if due {
            self.asked = Some(now);
            self.came = false;
        }
        due
    }

    /// A key frame came.
    pub(crate) const fn answered(&mut self) {
        self.wanted = false;
        self.came = true;
    }

    /// Nobody needs a key frame any more.
    pub(crate) const fn give_up(&mut self) {
        self.wanted = false;
    }

    /// Whether the newest key frame came in answer to a recent request: then it is good enough for
    /// a newcomer, even if somebody else wants yet another.
    pub(crate) fn is_fresh(&self, now: MonotonicTime) -> bool {
        self.came && self.asked_recently(now)
    }

    /// Whether one was asked for so recently that another must not be.
    pub(crate) fn asked_recently(&self, now: MonotonicTime) -> bool {
        self.asked.is_some_and(|asked| now.since(asked) < KEY_INTERVAL)
    }

    /// The worker is another one: what the last was asked no longer counts.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn one_request_an_interval_and_none_is_forgotten() {
        let mut requests = KeyRequests::default();
        assert!(!requests.is_due(at(0)));
        assert!(requests.want(at(1_000)));
        requests.answered();
        assert!(!requests.want(at(1_499)));
        assert!(requests.is_fresh(at(1_499)) && !requests.is_due(at(1_499)));
        assert!(requests.is_due(at(1_500)));
        assert!(!requests.is_fresh(at(1_500)));
        assert!(!requests.is_due(at(1_500)));
    }

    #[test]
    fn an_unanswered_request_is_repeated() {
        let mut requests = KeyRequests::default();
        assert!(requests.want(at(0)));
        assert!(!requests.is_due(at(499)));
        assert!(requests.is_due(at(500)));
        requests.answered();
        assert!(!requests.is_due(at(5_000)));
    }
}
