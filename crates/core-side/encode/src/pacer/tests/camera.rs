//! Simulated cameras, and the pacer run against them.

use std::collections::VecDeque;

use super::super::phase::signed;
use super::super::*;

pub(super) const MS: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1000 * MS;
pub(super) const START: u64 = 100 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// The picture of this number.
    Picture(usize),
    Repeat,
    Slate,
}

/// One thing that was shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// When the encoder got it, in nanoseconds.
    pub(super) at: u64,
    pub(super) tick: u64,
    pub(super) kind: Kind,
    pub(super) fresh: bool,
    /// Completion of the picture, the tick of others.
    pub(super) complete: u64,
}

pub(super) struct Run {
    pub(super) shown: Vec<Shown>,
    pub(super) counts: PacerCounts,
}

pub(super) struct Camera {
    pub(super) fps: u32,
    pub(super) encode: u64,
    pub(super) max_jitter: u64,
    pub(super) slots: usize,
    /// When each picture is complete.
    pub(super) complete: Vec<u64>,
}

/// A small generator: tests are the same in every run.
struct Dice(u64);

impl Dice {
    /// Uniform in ±`amplitude`.
    fn roll(&mut self, amplitude: u64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        if amplitude == 0 {
            return 0;
        }
        signed(self.0 % (2 * amplitude)) - signed(amplitude)
    }
}

impl Camera {
    /// `seconds` of pictures at `period` nanoseconds, each off by up to `jitter`.
    pub(super) fn new(fps: u32, period: f64, jitter: u64, seconds: u64) -> Self {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let count = (seconds * SECOND) as f64 / period;
        let mut complete: Vec<u64> = (0..count as u64)
            .map(|n| {
                (START + 50 * MS + (n as f64 * period) as u64)
                    .saturating_add_signed(dice.roll(jitter))
            })
            .collect();
        // Pictures come in order whatever their jitter.
        complete.sort_unstable();
        Self { fps, encode: MS, max_jitter: 20 * MS, slots: 4, complete }
    }

    pub(super) fn steady(fps: u32, jitter_ms: u64, seconds: u64) -> Self {
        Self::new(fps, SECOND as f64 / f64::from(fps), jitter_ms * MS, seconds)
    }

    /// Nothing comes from `from` on for `length`; what was due then comes all at once after it.
    pub(super) fn stall(mut self, from: u64, length: u64) -> Self {
        for complete in &mut self.complete {
            if (from..from + length).contains(complete) {
                *complete = from + length;
            }
        }
        self
    }

    /// Pictures complete in this span are lost.
    pub(super) fn gap(mut self, from: u64, to: u64) -> Self {
        self.complete.retain(|complete| !(from..to).contains(complete));
        self
    }

    pub(super) fn run(&self) -> Run {
        let settings = PacerSettings {
            rate: FrameRate::new(self.fps).unwrap(),
            stale_after: Duration::from_secs(1),
            max_jitter: Duration::from_nanos(self.max_jitter),
        };
        let time = MonotonicTime::from_nanos;
        let mut now = START;
        let mut pacer = Pacer::new(settings, time(now));
        let mut queue = VecDeque::new();
        let mut next = 0;
        let mut shown = Vec::new();
        let end = self.complete.last().copied().unwrap_or(START) + 3 * SECOND;
        while now < end {
            while self.complete.get(next).is_some_and(|complete| *complete <= now) {
                queue.push_back(next);
                next += 1;
                if queue.len() == self.slots {
                    queue.pop_front();
                    pacer.lapped(time(now), 1);
                }
            }
            let head = queue.front().map(|n: &usize| time(self.complete[*n]));
            let mut show = |tick: MonotonicTime, kind, fresh, complete| {
                let tick = tick.as_nanos();
                shown.push(Shown { at: now, tick, kind, fresh, complete });
            };
            match pacer.step(time(now), Queue { waiting: queue.len(), head }) {
                Step::Wait(until) => {
                    assert!(until.as_nanos() > now, "waits for the past");
                    now = until.as_nanos();
                    continue;
                }
                Step::Skip => {
                    queue.pop_front().expect("skips a waiting picture");
                    continue;
                }
                Step::Show { tick, fresh } => {
                    let n = queue.pop_front().expect("shows a waiting picture");
                    show(tick, Kind::Picture(n), fresh, self.complete[n]);
                }
                Step::Repeat(tick) => show(tick, Kind::Repeat, false, tick.as_nanos()),
                Step::Slate(tick) => show(tick, Kind::Slate, false, tick.as_nanos()),
            }
            now += self.encode;
        }
        Run { shown, counts: pacer.counts() }
    }
}

impl Run {
    /// What was shown from `from` seconds after the start to `to`.
    pub(super) fn between(&self, from: u64, to: u64) -> Vec<Shown> {
        let (from, to) = (START + from * SECOND, START + to * SECOND);
        self.shown.iter().copied().filter(|s| (from..to).contains(&s.tick)).collect()
    }
}
