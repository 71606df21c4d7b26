//! When to tick and what to show: the core's own cadence, sans-IO.
//!
//! Ticks lie on a grid of the published rate. While the camera keeps that rate the grid is locked
//! to it ([`phase`]): slowly, so that the camera's jitter does not pass, and with just enough delay
//! that every picture is there when its tick is due. A picture that is late all the same is waited
//! for as long as the ring can hold those behind it, so that a hiccup delays instead of costing
//! repeats and skips: what piled up meanwhile is shown at once, each at the tick that was its own.
//! When the camera comes at another rate ([`balance`]) the grid runs free and shows the newest
//! picture of each tick.

mod balance;
mod lag;
mod phase;
#[cfg(test)]
mod tests;

use std::time::Duration;

use cofferdam_picture::{FrameRate, MonotonicTime};

use self::balance::Balance;
use self::lag::Lag;
use self::phase::{PhaseLock, TARGET_SLACK, signed};

/// While a late picture is waited for, the ring is looked at this often.
const LATE_LOOK: Duration = Duration::from_micros(700);

/// While the slate is shown, the ring is looked at this often for the first picture.
const SLATE_LOOK: Duration = Duration::from_millis(5);

/// A slate changes once a second: it needs no more than this rate, whatever the camera's. Cameras that
/// are away for long are many when a network is.
const SLATE_PERIOD: Duration = Duration::from_millis(200);

/// The least time between two ticks: RTP timestamps are to differ, and readers to tell them apart.
const LEAST_GAP: Duration = Duration::from_millis(1);

/// A worker that is this many periods behind leaves ticks out instead of catching up.
const MOST_BEHIND: u64 = 3;

/// A late picture is waited for so many eighths of a period: a ring of four slots still holds the
/// three pictures that come behind it.
const PATIENCE_EIGHTHS: u32 = 23;

/// Nor is it waited for any longer than this: at a low rate the ring is not what bounds it.
const MOST_PATIENCE: Duration = Duration::from_millis(150);

/// So many pictures in a row that come this late, in eighths of a period, with none behind them: those
/// of the ticks before were lost, and the grid moves on to where the camera is.
const LATE_IN_A_ROW: u32 = 4;
const LATE_EIGHTHS: u32 = 7;

/// What the pacer goes by.
#[derive(Clone, Copy, Debug)]
pub struct PacerSettings {
    /// The published rate.
    pub rate: FrameRate,
    /// A picture older than this is never shown as live. At least two and a half periods are used,
    /// or a camera of one picture a second would be shown as lost between two pictures.
    pub stale_after: Duration,
    /// The most delay, on the mean, that covering jitter may add.
    pub max_jitter: Duration,
}

/// The ring as it is seen at one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Pictures that wait.
    pub waiting: usize,
    /// When the first of them was complete; `None` when none waits.
    pub head: Option<MonotonicTime>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is due: look again at this time.
    Wait(MonotonicTime),
    /// Pass over the first waiting picture, then ask again.
    Skip,
    /// Show the first waiting picture at this tick. `fresh` when the last tick showed a slate, or
    /// nothing: what follows must not need what came before.
    Show {
        /// When the picture is due.
        tick: MonotonicTime,
        /// The first picture after a slate.
        fresh: bool,
    },
    /// Show the last picture once more.
    Repeat(MonotonicTime),
    /// Show the slate.
    Slate(MonotonicTime),
}

/// What the pacer did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacerCounts {
    /// Ticks that showed a new picture.
    pub shown: u64,
    /// Ticks that showed the last picture again.
    pub repeated: u64,
    /// Pictures never shown.
    pub skipped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// No picture, or none young enough.
    Slate,
    /// The grid follows the camera.
    Locked,
    /// The camera comes at another rate.
    Free,
}

/// Decides, given the time and what waits, what to show when.
#[derive(Debug)]
pub struct Pacer {
    period: Duration,
    stale_after: Duration,
    mode: Mode,
    /// The next tick.
    due: MonotonicTime,
    last_tick: Option<MonotonicTime>,
    /// Completion of the last picture shown.
    last_complete: MonotonicTime,
    phase: PhaseLock,
    lag: Lag,
    /// Pictures in a row that came a period or more after their tick.
    late: u32,
    balance: Balance,
    counts: PacerCounts,
}

impl Pacer {
    /// A pacer whose first tick, a slate unless a picture waits, is due at `now`.
    #[must_use]
    pub fn new(settings: PacerSettings, now: MonotonicTime) -> Self {
        let period = settings.rate.period_nanos();
        let max_jitter = u64::try_from(settings.max_jitter.as_nanos()).unwrap_or(u64::MAX);
        Self {
            period: Duration::from_nanos(period),
            stale_after: settings.stale_after.max(Duration::from_nanos(period * 5 / 2)),
            mode: Mode::Slate,
            due: now,
            last_tick: None,
            last_complete: MonotonicTime::default(),
            phase: PhaseLock::new(period, max_jitter),
            lag: Lag::new(period, max_jitter),
            late: 0,
            balance: Balance::default(),
            counts: PacerCounts::default(),
        }
    }

    /// What to do at `now`, with `queue` waiting.
    pub fn step(&mut self, now: MonotonicTime, queue: Queue) -> Step {
        if let Some(complete) = queue.head
            && now.since(complete) >= self.stale_after
        {
            return self.skip(now);
        }
        match self.mode {
            Mode::Slate => self.step_slate(now, queue),
            Mode::Locked | Mode::Free if now < self.due => Step::Wait(self.due),
            Mode::Locked => self.step_locked(now, queue),
            Mode::Free => self.step_free(now, queue),
        }
    }

    /// Takes note of `count` pictures that were overwritten before they could be read.
    pub fn lapped(&mut self, now: MonotonicTime, count: u64) {
        if count > 0 {
            self.counts.skipped += count;
            self.balance.skipped(now.as_nanos());
        }
    }

    /// What was done so far.
    #[must_use]
    pub const fn counts(&self) -> PacerCounts {
        self.counts
    }

    /// The delay the grid adds at present: from a picture's completion to its tick, on the mean.
    #[must_use]
    pub fn offset(&self) -> Duration {
        let mean = self.phase.slack().map_or(0, |slack| slack.mean);
        Duration::from_nanos(u64::try_from(mean).unwrap_or_default())
    }

    fn step_slate(&mut self, now: MonotonicTime, queue: Queue) -> Step {
        if let Some(complete) = queue.head {
            return self.acquire(now, complete);
        }
        if now < self.due {
            return Step::Wait(self.due.min(now + SLATE_LOOK));
        }
        self.leave_out_missed(now);
        self.slate()
    }

    fn slate(&mut self) -> Step {
        let tick = self.take_tick(0);
        self.due = self.due.max(tick + SLATE_PERIOD);
        Step::Slate(tick)
    }

    /// The first picture: it is shown at once, and the grid begins where it was complete.
    fn acquire(&mut self, now: MonotonicTime, complete: MonotonicTime) -> Step {
        self.mode = Mode::Locked;
        self.phase.reset();
        self.lag.reset();
        self.late = 0;
        self.balance.reset(now.as_nanos());
        let after_last = self.last_tick.map_or(complete, |last| last + LEAST_GAP);
        let tick = complete.max(after_last);
        self.last_tick = Some(tick);
        self.due = (complete + Duration::from_nanos(TARGET_SLACK.unsigned_abs()) + self.period)
            .max(tick + LEAST_GAP);
        self.show(complete);
        Step::Show { tick, fresh: true }
    }

    fn step_locked(&mut self, now: MonotonicTime, queue: Queue) -> Step {
        let patience = self.due + self.patience();
        let Some(complete) = queue.head else {
            if now < patience {
                return Step::Wait((now + LATE_LOOK).min(patience));
            }
            return self.nothing_new(now);
        };
        if complete > patience {
            return self.nothing_new(now);
        }
        self.leave_out_missed(now);
        self.leave_out_lost(now, complete, queue.waiting);
        let slack = difference(self.due, complete);
        if queue.waiting > 1 && self.lag.is_behind(slack, self.phase.slack()) {
            self.lag.reset();
            return self.skip(now);
        }
        self.lag.note(slack);
        // A stall says nothing of the camera's phase. Before `take_tick`, so that what this picture
        // says moves the very next tick.
        if !self.is_stalled(complete) {
            self.phase.note(self.due.as_nanos(), slack);
        }
        let step = self.phase.advance();
        let tick = self.take_tick(step);
        self.show(complete);
        if self.balance.is_another_rate(now.as_nanos()) {
            self.switch(Mode::Free, now);
        }
        Step::Show { tick, fresh: false }
    }

    fn step_free(&mut self, now: MonotonicTime, queue: Queue) -> Step {
        let Some(complete) = queue.head else { return self.nothing_new(now) };
        if queue.waiting > 1 {
            return self.skip(now);
        }
        self.leave_out_missed(now);
        let tick = self.take_tick(0);
        self.show(complete);
        if self.balance.is_same_rate(now.as_nanos()) {
            self.switch(Mode::Locked, now);
        }
        Step::Show { tick, fresh: false }
    }

    /// A tick is due, or overdue as long as is waited, and there is no picture.
    fn nothing_new(&mut self, now: MonotonicTime) -> Step {
        self.leave_out_missed(now);
        if now.since(self.last_complete) >= self.stale_after {
            self.mode = Mode::Slate;
            self.phase.reset();
            return self.slate();
        }
        self.balance.repeated(now.as_nanos());
        self.counts.repeated += 1;
        if self.mode == Mode::Locked && self.balance.is_another_rate(now.as_nanos()) {
            self.switch(Mode::Free, now);
        }
        Step::Repeat(self.take_tick(0))
    }

    fn switch(&mut self, mode: Mode, now: MonotonicTime) {
        self.mode = mode;
        self.phase.reset();
        self.lag.reset();
        self.balance.reset(now.as_nanos());
    }

    /// How long after its tick a picture may still come.
    fn patience(&self) -> Duration {
        let least = self.period * 7 / 8;
        (self.period * PATIENCE_EIGHTHS / 8).min(MOST_PATIENCE).max(least)
    }

    /// Whether the picture that was complete then comes about a period after its tick, or later.
    fn is_stalled(&self, complete: MonotonicTime) -> bool {
        complete.since(self.due) >= self.period * LATE_EIGHTHS / 8
    }

    /// Counts pictures that come a period late one after the other. After a stall the next ones are
    /// there already, or come at once, and are in time again; when they keep coming late, as many
    /// pictures as that were lost before the ring, and so are their ticks.
    fn leave_out_lost(&mut self, now: MonotonicTime, complete: MonotonicTime, waiting: usize) {
        if waiting > 1 || !self.is_stalled(complete) {
            self.late = 0;
            return;
        }
        self.late += 1;
        if self.late < LATE_IN_A_ROW {
            return;
        }
        self.late = 0;
        let late = complete.since(self.due) + self.period * (8 - LATE_EIGHTHS) / 8;
        let periods = late.as_nanos() / self.period.as_nanos().max(1);
        self.due = self.due + self.period * u32::try_from(periods).unwrap_or(u32::MAX);
        self.balance.repeated(now.as_nanos());
    }

    const fn show(&mut self, complete: MonotonicTime) {
        self.counts.shown += 1;
        self.balance.shown();
        self.last_complete = complete;
    }

    fn skip(&mut self, now: MonotonicTime) -> Step {
        self.counts.skipped += 1;
        self.balance.skipped(now.as_nanos());
        Step::Skip
    }

    /// The tick that is due; the next is a period later, moved by `step` nanoseconds.
    fn take_tick(&mut self, step: i64) -> MonotonicTime {
        let tick = self.due;
        let moved = Duration::from_nanos(step.unsigned_abs());
        let next = tick + self.period;
        self.due = if step < 0 { next - moved } else { next + moved };
        self.last_tick = Some(tick);
        tick
    }

    /// A worker too far behind gives up the ticks it missed, by whole periods.
    fn leave_out_missed(&mut self, now: MonotonicTime) {
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX).max(1);
        let behind = now.as_nanos().saturating_sub(self.due.as_nanos()) / period;
        if behind > MOST_BEHIND {
            self.due = MonotonicTime::from_nanos(self.due.as_nanos() + behind * period);
        }
    }
}

/// `a − b` in nanoseconds.
fn difference(a: MonotonicTime, b: MonotonicTime) -> i64 {
    signed(a.as_nanos()) - signed(b.as_nanos())
}
