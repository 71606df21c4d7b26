//! When a worker is started again, and when it is given up on. Sans-IO: time and chance come in.

use std::time::Duration;

use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::Fault;

/// The limits that contain what a camera, or a worker, does by merely going or staying. The dialer's are
/// [`SHIPPED`](Self::SHIPPED); tests show what is not contained without one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The first wait after a worker died.
    first_wait: Duration,
    /// The longest wait after a worker died, or after a network that did not answer.
    longest_wait: Duration,
    /// No sign of life for this long means that the worker is wedged. Its heart beats every 250 ms.
    wedged: Duration,
}

impl Limits {
    const SHIPPED: Self = Self {
        first_wait: Duration::from_millis(100),
        longest_wait: Duration::from_secs(1),
        wedged: Duration::from_secs(2),
    };
}

/// The first wait after the camera itself said no.
const FIRST_ANSWER_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after a refused connection: a camera that is starting refuses for a while.
const LONGEST_REFUSED_WAIT: Duration = Duration::from_secs(5);
/// The longest wait after an answer such as 401 or 453. Cameras lock accounts that fail too often.
const LONGEST_ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Pictures for this long mean that all is well again.
const PROVEN: Duration = Duration::from_secs(2);
/// Until its first sign of life a worker is given longer: a loaded host starts programs slowly.
const START_ALLOWANCE: Duration = Duration::from_secs(10);

/// One camera's worker, from start to start.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    limits: Limits,
    /// Ends in a row without two seconds of pictures between them.
    failures: u32,
    last_fault: Fault,
    run: Run,
}

/// The worker that runs now, or ran last.
#[derive(Clone, Copy, Debug)]
struct Run {
    started: MonotonicTime,
    beat: Option<MonotonicTime>,
    pictures: u64,
    first_picture: Option<MonotonicTime>,
    last_picture: Option<MonotonicTime>,
}

/// What is to be done about a running worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Leave it alone.
    Alive,
    /// Kill it: it shows no sign of life.
    Wedged,
}

impl Lifecycle {
    pub(crate) const fn new() -> Self {
        Self::within(Limits::SHIPPED)
    }

    const fn within(limits: Limits) -> Self {
        Self {
            limits,
            failures: 0,
            last_fault: Fault::None,
            run: Run::new(MonotonicTime::from_nanos(0), 0),
        }
    }

    /// A worker was started; `pictures` is the count it goes on from.
    pub(crate) const fn handle_started(&mut self, now: MonotonicTime, pictures: u64) {
        self.run = Run::new(now, pictures);
    }

    /// A look at a running worker: its last sign of life and its picture count.
    pub(crate) fn handle_look(
        &mut self,
        now: MonotonicTime,
        beat: MonotonicTime,
        pictures: u64,
    ) -> Verdict {
        let wedged = self.limits.wedged;
        let run = &mut self.run;
        // A stamp from before the start is the previous worker's.
        if beat > run.started {
            run.beat = Some(beat.min(now));
        }
        if pictures != run.pictures {
            run.pictures = pictures;
            run.first_picture.get_or_insert(now);
            run.last_picture = Some(now);
        }
        if run.proven() {
            self.failures = 0;
        }
        let silent = match run.beat {
            Some(beat) => now.since(beat) > wedged,
            None => now.since(run.started) > START_ALLOWANCE,
        };
        if silent { Verdict::Wedged } else { Verdict::Alive }
    }

    /// A worker ended, or could not be started: how long to wait before the next start. `chance` is
    /// a random number that spreads the wait by up to a quarter either way, so that cameras behind
    /// one switch do not come back in one burst.
    pub(crate) fn handle_end(&mut self, fault: Fault, chance: u8) -> Duration {
        let merely_ended = fault == Fault::StreamEnded && self.run.first_picture.is_some();
        if self.run.proven() || fault.is_answer() != self.last_fault.is_answer() {
            self.failures = 0;
        }
        self.last_fault = fault;
        let failures = self.failures;
        self.failures = self.failures.saturating_add(1);
        if merely_ended && failures == 0 {
            return Duration::ZERO;
        }
        let (first, longest) = match fault {
            Fault::ConnectionRefused => (FIRST_ANSWER_WAIT, LONGEST_REFUSED_WAIT),
            answer if answer.is_answer() => (FIRST_ANSWER_WAIT, LONGEST_ANSWER_WAIT),
            _ => (self.limits.first_wait, self.limits.longest_wait),
        };
        let wait = first.saturating_mul(1 << failures.min(16)).min(longest);
        wait.mul_f64(0.75 + f64::from(chance) / 510.0)
    }
}

impl Run {
    const fn new(started: MonotonicTime, pictures: u64) -> Self {
        Self { started, beat: None, pictures, first_picture: None, last_picture: None }
    }

    fn proven(&self) -> bool {
        match (self.first_picture, self.last_picture) {
            (Some(first), Some(last)) => last.since(first) >= PROVEN,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u8 = 127;
    const WEDGED: Duration = Limits::SHIPPED.wedged;

    fn at(millis: u64) -> MonotonicTime {
        MonotonicTime::from_nanos(1_000_000_000) + Duration::from_millis(millis)
    }

    /// Waits in milliseconds, to the nearest hundred, of `count` ends by `fault` in a row.
    fn waits(lifecycle: &mut Lifecycle, fault: Fault, count: usize) -> Vec<u128> {
        (0..count)
            .map(|_| {
                lifecycle.handle_started(at(0), 0);
                hundreds(lifecycle.handle_end(fault, MIDDLE))
            })
            .collect()
    }

    fn hundreds(wait: Duration) -> u128 {
        (wait.as_millis() + 50) / 100 * 100
    }

    #[test]
    fn a_dead_worker_comes_back_after_100_ms_doubling_to_a_second() {
        let mut lifecycle = Lifecycle::new();
        assert_eq!(waits(&mut lifecycle, Fault::WorkerKilled, 6), [100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn what_a_camera_answers_backs_off_further() {
        let mut lifecycle = Lifecycle::new();
        assert_eq!(
            waits(&mut lifecycle, Fault::AuthenticationFailed, 7),
            [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
        let mut lifecycle = Lifecycle::new();
        assert_eq!(
            waits(&mut lifecycle, Fault::ConnectionRefused, 5),
            [1000, 2000, 4000, 5000, 5000]
        );
    }

    #[test]
    fn a_stream_that_merely_ended_is_reconnected_at_once() {
        let mut lifecycle = Lifecycle::new();
        lifecycle.handle_started(at(0), 0);
        lifecycle.handle_look(at(100), at(100), 1);
        assert_eq!(lifecycle.handle_end(Fault::StreamEnded, MIDDLE), Duration::ZERO);
        // Again, without pictures: no longer a stream that merely ended.
        lifecycle.handle_started(at(200), 1);
        assert!(lifecycle.handle_end(Fault::StreamEnded, MIDDLE) > Duration::ZERO);
    }

    #[test]
    fn two_seconds_of_pictures_reset_the_wait() {
        for (millis, expected) in [(1900, 1000), (2000, 100)] {
            let mut lifecycle = Lifecycle::new();
            waits(&mut lifecycle, Fault::WorkerKilled, 5);
            lifecycle.handle_started(at(0), 7);
            lifecycle.handle_look(at(100), at(100), 8);
            lifecycle.handle_look(at(100 + millis), at(100 + millis), 60);
            assert_eq!(hundreds(lifecycle.handle_end(Fault::WorkerKilled, MIDDLE)), expected);
        }
    }

    #[test]
    fn chance_spreads_the_wait_by_a_quarter() {
        let wait = |chance| Lifecycle::new().handle_end(Fault::WorkerKilled, chance);
        assert_eq!(wait(0), Duration::from_millis(75));
        assert_eq!(wait(255), Duration::from_millis(125));
    }

    #[test]
    fn a_worker_without_a_heartbeat_is_wedged() {
        let mut lifecycle = Lifecycle::new();
        lifecycle.handle_started(at(0), 0);
        // The previous worker's heartbeat does not count, and a start may take its time.
        assert_eq!(lifecycle.handle_look(at(9000), at(0) - WEDGED, 0), Verdict::Alive);
        assert_eq!(lifecycle.handle_look(at(10_001), at(0) - WEDGED, 0), Verdict::Wedged);
        assert_eq!(lifecycle.handle_look(at(10_002), at(10_000), 0), Verdict::Alive);
        assert_eq!(lifecycle.handle_look(at(12_000), at(10_000), 0), Verdict::Alive);
        assert_eq!(lifecycle.handle_look(at(12_001), at(10_000), 0), Verdict::Wedged);
        // A stamp from the future (a worker that lies) ages like any other.
        lifecycle.handle_started(at(0), 0);
        assert_eq!(lifecycle.handle_look(at(1000), at(3_600_000), 0), Verdict::Alive);
    }

    /// Connections that a camera is asked for in a minute, when each lasts for 50 ms.
    fn connections_in_a_minute(mut lifecycle: Lifecycle) -> u32 {
        let (mut now, mut connections) = (at(0), 0);
        while now.since(at(0)) < Duration::from_secs(60) && connections < 10_000 {
            lifecycle.handle_started(now, 0);
            connections += 1;
            now = now + Duration::from_millis(50);
            now = now + lifecycle.handle_end(Fault::ProtocolViolation, MIDDLE);
        }
        connections
    }

    #[test]
    fn without_the_wait_a_camera_that_ends_at_once_is_asked_for_ever() {
        let shipped = connections_in_a_minute(Lifecycle::within(Limits::SHIPPED));
        assert!((50..70).contains(&shipped), "{shipped}");
        let none = Limits { longest_wait: Duration::ZERO, ..Limits::SHIPPED };
        let lifted = connections_in_a_minute(Lifecycle::within(none));
        assert!(lifted > 1000, "{lifted}");
    }

    #[test]
    fn without_the_limit_a_silent_worker_is_alive_for_ever() {
        let verdict = |limits| {
            let mut lifecycle = Lifecycle::within(limits);
            lifecycle.handle_started(at(0), 0);
            lifecycle.handle_look(at(100), at(50), 0);
            lifecycle.handle_look(at(3_600_000), at(50), 0)
        };
        assert_eq!(verdict(Limits::SHIPPED), Verdict::Wedged);
        assert_eq!(verdict(Limits { wedged: Duration::MAX, ..Limits::SHIPPED }), Verdict::Alive);
    }
}
