//! Accounts that a running gateway is asked to take over, as the parent of both sides sees it.
//!
//! The core side takes them over or refuses them; the parent keeps the text that it took, for a core side that comes
//! back. One attempt at a time, so that an answer is that attempt's.

use crate::config::Texts;

/// Where it stands.
#[derive(Debug, Default)]
pub(crate) struct TakeOver {
    state: State,
    /// It was asked for meanwhile.
    again: bool,
    /// How often in a row the core side took what is not known here.
    unknown: u32,
}

/// How often what the core side took is looked for: what it can read and this process cannot is not to keep both busy.
const MOST_UNKNOWN: u32 = 3;

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// The file is being read.
    Reading,
    /// The core side has been asked. `None` where the text was not valid when it was read here.
    Asked(Option<Texts>),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing at present.
    Wait,
    /// Read the file, and say what came of it by [`TakeOver::handle_read`].
    Read,
    /// Ask the core side.
    Ask,
}

impl TakeOver {
    /// Somebody asks for it.
    pub(crate) fn handle_request(&mut self) -> Step {
        if matches!(self.state, State::Idle) {
            self.state = State::Reading;
            return Step::Read;
        }
        self.again = true;
        Step::Wait
    }

    /// The file has been read: `None` where it is not valid. The core side is asked all the same, to say so.
    pub(crate) fn handle_read(&mut self, texts: Option<Texts>) -> Step {
        self.state = State::Asked(texts);
        Step::Ask
    }

    /// The core side has taken accounts over, or refused them. Gives the texts to keep.
    pub(crate) fn handle_answer(&mut self, taken: bool) -> (Option<Texts>, Step) {
        let asked = match std::mem::take(&mut self.state) {
            State::Asked(texts) => Some(texts),
            // Somebody asked it past the parent; the answer to what is about to be asked is yet to come.
            State::Reading => {
                self.state = State::Reading;
                return (None, Step::Wait);
            }
            State::Idle => None,
        };
        let texts = asked.flatten().filter(|_| taken);
        // What it took is not known here, so it is asked to take what is known.
        self.unknown = if taken && texts.is_none() { self.unknown + 1 } else { 0 };
        let is_looked_for = (1..=MOST_UNKNOWN).contains(&self.unknown);
        if std::mem::take(&mut self.again) || is_looked_for {
            self.state = State::Reading;
            return (texts, Step::Read);
        }
        (texts, Step::Wait)
    }

    /// Whether a core side that comes back is to be asked: the one before it has not answered.
    pub(crate) const fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(accounts: &str) -> Texts {
        Texts::of("started", accounts)
    }

    #[test]
    fn what_is_taken_is_kept_and_what_is_refused_is_not() {
        for (taken, kept) in [(true, Some(texts("new"))), (false, None)] {
            let mut it = TakeOver::default();
            assert_eq!(it.handle_request(), Step::Read);
            assert!(!it.is_asked());
            assert_eq!(it.handle_read(Some(texts("new"))), Step::Ask);
            assert!(it.is_asked());
            assert_eq!(it.handle_answer(taken), (kept, Step::Wait));
            assert!(!it.is_asked());
        }
    }

    #[test]
    fn whoever_asks_meanwhile_gets_another_attempt() {
        let mut it = TakeOver::default();
        assert_eq!(it.handle_request(), Step::Read);
        assert_eq!(it.handle_request(), Step::Wait);
        assert_eq!(it.handle_read(Some(texts("one"))), Step::Ask);
        assert_eq!(it.handle_request(), Step::Wait);
        assert_eq!(it.handle_answer(true), (Some(texts("one")), Step::Read));
        assert_eq!(it.handle_read(Some(texts("two"))), Step::Ask);
        assert_eq!(it.handle_answer(false), (None, Step::Wait));
    }

    #[test]
    fn what_the_core_side_took_without_this_one_is_found_out() {
        let mut it = TakeOver::default();
        // Half written when it was read here, and whole when it was read there.
        it.handle_request();
        it.handle_read(None);
        assert_eq!(it.handle_answer(true), (None, Step::Read));
        it.handle_read(Some(texts("whole")));
        assert_eq!(it.handle_answer(true), (Some(texts("whole")), Step::Wait));
        // Asked by somebody else.
        assert_eq!(it.handle_answer(true), (None, Step::Read));
        assert_eq!(
            it.handle_answer(true),
            (None, Step::Wait),
            "not the answer to what will be asked"
        );
        it.handle_read(Some(texts("else")));
        assert_eq!(it.handle_answer(true), (Some(texts("else")), Step::Wait));
        assert_eq!(it.handle_answer(false), (None, Step::Wait), "nothing has changed");
    }

    #[test]
    fn what_only_the_core_side_can_read_does_not_keep_both_busy() {
        let mut it = TakeOver::default();
        it.handle_request();
        let mut attempts = 1;
        it.handle_read(None);
        while it.handle_answer(true) == (None, Step::Read) {
            attempts += 1;
            assert!(attempts < 10);
            it.handle_read(None);
        }
        assert_eq!(attempts, 1 + MOST_UNKNOWN);
        // And it is no end of it.
        assert_eq!(it.handle_request(), Step::Read);
        it.handle_read(Some(texts("new")));
        assert_eq!(it.handle_answer(true), (Some(texts("new")), Step::Wait));
    }
}
