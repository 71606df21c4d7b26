//! The phase lock: how far the next tick is moved, from how early pictures were before theirs.
//!
//! The *slack* of a picture is the time from its completion to its tick. A camera's jitter spreads
//! slacks; the lock moves the grid so that the least slack of the last seconds stays at
//! [`TARGET_SLACK`]: the jitter is covered and no more delay is added than that takes.

use std::collections::VecDeque;

/// The least slack aimed at, in nanoseconds: room for the difference between the extremes of one
/// window and the next.
pub(super) const TARGET_SLACK: i64 = 1_500_000;

/// The least slack is taken over this long, in nanoseconds.
const SLACK_WINDOW: u64 = 5_000_000_000;

/// Drift between the camera's clock and ours is taken over this long, in nanoseconds.
const DRIFT_WINDOW: u64 = 20_000_000_000;

/// However slow the rate, the windows hold this many pictures.
const FEWEST_SAMPLES: u64 = 16;

/// The most the grid is moved with one tick, in nanoseconds (and at most a hundredth of a period).
const MAX_SLEW: i64 = 500_000;

/// The part of the present error that one tick corrects.
const GAIN: i64 = 8;

/// Clocks that deviate by more than this are not followed: that is another rate, not drift.
const MAX_DRIFT: f64 = 0.003;

/// Corrections the lock may make in one go before it is down to [`SUSTAINED_SLEW`], in nanoseconds.
const SLEW_BUDGET: i64 = 60_000_000;

/// The part of each period that corrections may take up for ever, in thousandths.
const SUSTAINED_SLEW: i64 = 4;

/// One picture in so many may be late without being taken for jitter.
const HICCUP_SHARE: usize = 64;

/// So many samples in a row far from the others are a new phase, not a hiccup.
const NEW_PHASE: u32 = 8;

/// One picture's slack, as it would have been had the grid never been moved.
#[derive(Clone, Copy, Debug)]
struct Sample {
    tick: u64,
    unmoved: i64,
}

/// What the samples say about the grid as it stands, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slack {
    /// The least slack, hiccups left out.
    pub(super) least: i64,
    /// The mean slack: the delay the grid adds.
    pub(super) mean: i64,
}

#[derive(Debug)]
pub(super) struct PhaseLock {
    period: i64,
    max_jitter: i64,
    slack_window: u64,
    drift_window: u64,
    samples: VecDeque<Sample>,
    /// Far samples in a row.
    far: u32,
    /// How far the grid was moved in all.
    moved: i64,
    /// Change of slack per nanosecond of time.
    drift: f64,
    budget: i64,
    slack: Option<Slack>,
}

impl PhaseLock {
    pub(super) fn new(period: u64, max_jitter: u64) -> Self {
        let window = |nanos: u64| nanos.max(period.saturating_mul(FEWEST_SAMPLES));
        Self {
            period: signed(period),
            max_jitter: signed(max_jitter),
            slack_window: window(SLACK_WINDOW),
            drift_window: window(DRIFT_WINDOW),
            samples: VecDeque::new(),
            far: 0,
            moved: 0,
            drift: 0.0,
            budget: SLEW_BUDGET,
            slack: None,
        }
    }

    /// Forgets all samples: a new stream, or a new phase.
    pub(super) fn reset(&mut self) {
        self.samples.clear();
        self.far = 0;
        self.drift = 0.0;
        self.slack = None;
    }

    /// Takes the slack of the picture shown at `tick`.
    pub(super) fn note(&mut self, tick: u64, slack: i64) {
        if let Some(known) = self.slack
            && (slack - known.mean).abs() > 2 * self.max_jitter.max(TARGET_SLACK)
        {
            self.far += 1;
            if self.far < NEW_PHASE {
                return;
            }
            self.reset();
        }
        self.far = 0;
        let oldest = tick.saturating_sub(self.drift_window);
        while self.samples.front().is_some_and(|sample| sample.tick < oldest) {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { tick, unmoved: slack - self.moved });
        self.drift = self.fit_drift();
        self.slack = self.fit_slack();
    }

    /// How far the tick after the last is to be moved against the nominal grid, in nanoseconds.
    pub(super) fn advance(&mut self) -> i64 {
        let most = MAX_SLEW.min(self.period / 100);
        self.budget = (self.budget + self.period * SUSTAINED_SLEW / 1000).min(SLEW_BUDGET);
        let Some(slack) = self.slack else { return 0 };
        // Never later than the bound allows, even if that leaves some jitter uncovered.
        let error = (TARGET_SLACK - slack.least).min(self.max_jitter - slack.mean);
        let bound = most.min(self.budget);
        let step = (error / GAIN - self.drift_in(self.period)).clamp(-bound, bound);
        self.budget -= step.abs();
        self.moved += step;
        self.slack = Some(Slack {
            least: slack.least + step + self.drift_in(self.period),
            mean: slack.mean + step + self.drift_in(self.period),
        });
        step
    }

    /// What the samples say; `None` before the first.
    pub(super) const fn slack(&self) -> Option<Slack> {
        self.slack
    }

    /// By how much slack grows in `nanos`, if the clocks go on deviating as they did.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "small numbers"
    )]
    fn drift_in(&self, nanos: i64) -> i64 {
        (self.drift * nanos as f64) as i64
    }

    /// A sample's slack against the grid and clocks of the time `now`.
    fn present(&self, sample: Sample, now: u64) -> i64 {
        let age = signed(now.saturating_sub(sample.tick));
        sample.unmoved + self.moved + self.drift_in(age)
    }

    fn fit_slack(&self) -> Option<Slack> {
        let now = self.samples.back()?.tick;
        let oldest = now.saturating_sub(self.slack_window);
        let recent = || {
            self.samples
                .iter()
                .rev()
                .take_while(|s| s.tick >= oldest)
                .map(|s| self.present(*s, now))
        };
        let count = i64::try_from(recent().count()).unwrap_or(i64::MAX).max(1);
        let mean = recent().sum::<i64>() / count;
        // A picture later than any that can be covered is a hiccup, and so is one that is late all
        // alone: those are waited for when they come, not every time.
        let mut coverable: Vec<i64> = recent().filter(|s| *s >= mean - self.max_jitter).collect();
        coverable.sort_unstable();
        let least = coverable.get(coverable.len() / HICCUP_SHARE).copied().unwrap_or(mean);
        Some(Slack { least, mean })
    }

    /// The slope of a least-squares line through the samples, as far as it is beyond doubt.
    #[expect(clippy::cast_precision_loss, reason = "statistics of a few hundred small numbers")]
    fn fit_drift(&self) -> f64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0.0;
        };
        let n = self.samples.len() as f64;
        if last.tick - first.tick < self.slack_window / 2 || n < 8.0 {
            return self.drift;
        }
        let points = || {
            self.samples
                .iter()
                .map(|s| ((s.tick - first.tick) as f64, (s.unmoved - first.unmoved) as f64))
        };
        let (sum_x, sum_y) = points().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
        let (mean_x, mean_y) = (sum_x / n, sum_y / n);
        let (sxx, sxy, syy) = points().fold((0.0, 0.0, 0.0), |(xx, xy, yy), (x, y)| {
            let (dx, dy) = (x - mean_x, y - mean_y);
            (xx + dx * dx, xy + dx * dy, yy + dy * dy)
        });
        if sxx <= 0.0 {
            return 0.0;
        }
        let slope = sxy / sxx;
        let doubt = 2.0 * ((syy - slope * sxy).max(0.0) / (n - 2.0) / sxx).sqrt();
        let sure = (slope.abs() - doubt).max(0.0);
        sure.min(MAX_DRIFT).copysign(slope)
    }
}

/// Nanoseconds as a signed number; centuries fit.
pub(super) fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}
