//! Waiting for an event, with a deadline.

use std::time::{Duration, Instant};

/// The deadline for anything that should happen soon on a loaded machine.
pub const SOON: Duration = Duration::from_secs(20);

/// Waits until `look` gives something.
///
/// # Panics
/// When it has not by the deadline; `what` says what was waited for.
pub fn until<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits, for as long as [`SOON`], until `look` is true.
///
/// # Panics
/// When it is not by then.
pub fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    until(SOON, what, || look().then_some(()));
}
