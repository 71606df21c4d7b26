//! What all readers of a round saw.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use cofferdam_picture::MonotonicTime;
use serde_json::{Value, json};

use super::rtp::Assembly;

/// What is counted while it is measured.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Readers that have had a picture.
    pub(crate) playing: usize,
    measuring: bool,
    pictures: u64,
    lost: u64,
    /// From the stamp to a reader's last packet, in microseconds.
    delays: Vec<u32>,
}

impl Tally {
    pub(crate) fn begin(&mut self) {
        self.measuring = true;
    }

    pub(crate) fn end(&mut self) {
        self.measuring = false;
    }

    pub(crate) fn reading(&self, gone: usize, joins: Vec<Duration>) -> Reading {
        let mut delays = self.delays.clone();
        delays.sort_unstable();
        let mut joins: Vec<u32> = joins.into_iter().map(micros).collect();
        joins.sort_unstable();
        Reading {
            pictures: self.pictures,
            lost: self.lost,
            gone,
            delay_p50: percentile(&delays, 50),
            delay_p99: percentile(&delays, 99),
            join_p50: percentile(&joins, 50),
            join_p95: percentile(&joins, 95),
        }
    }
}

/// One reader's part in it.
pub(crate) struct Reader {
    tally: Rc<RefCell<Tally>>,
    unit: Assembly,
    last: Option<u32>,
}

impl Reader {
    pub(crate) fn new(tally: &Rc<RefCell<Tally>>) -> Self {
        Self { tally: Rc::clone(tally), unit: Assembly::default(), last: None }
    }

    /// Takes the next packet. Wants more.
    pub(crate) fn take(&mut self, packet: &[u8]) -> bool {
        let Some(picture) = self.unit.take(packet) else { return true };
        let mut tally = self.tally.borrow_mut();
        let Some(stamp) = picture.stamp else { return true };
        let last = self.last.replace(stamp.number);
        let Some(last) = last else {
            tally.playing += 1;
            return true;
        };
        if tally.measuring {
            tally.lost += u64::from(stamp.number.saturating_sub(last).saturating_sub(1));
            tally.lost += u64::from(!picture.whole);
            tally.pictures += u64::from(picture.whole);
            let nanos = MonotonicTime::now().as_nanos().saturating_sub(stamp.nanos);
            tally.delays.push(micros(Duration::from_nanos(nanos)));
        }
        true
    }
}

/// The outcome, in one line from the readers' process to the benchmark. Times in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) pictures: u64,
    pub(crate) lost: u64,
    /// Readers whose connection ended.
    pub(crate) gone: usize,
    pub(crate) delay_p50: Option<u32>,
    pub(crate) delay_p99: Option<u32>,
    pub(crate) join_p50: Option<u32>,
    pub(crate) join_p95: Option<u32>,
}

impl Reading {
    /// One that stands for several: the median of each time, and the sum of what was counted.
    pub(crate) fn median(readings: &[&Self]) -> Self {
        let time = |of: fn(&Self) -> Option<u32>| {
            let mut times: Vec<u32> = readings.iter().filter_map(|reading| of(reading)).collect();
            times.sort_unstable();
            times.get(times.len() / 2).copied()
        };
        Self {
            pictures: readings.iter().map(|reading| reading.pictures).sum(),
            lost: readings.iter().map(|reading| reading.lost).sum(),
            gone: readings.iter().map(|reading| reading.gone).sum(),
            delay_p50: time(|reading| reading.delay_p50),
            delay_p99: time(|reading| reading.delay_p99),
            join_p50: time(|reading| reading.join_p50),
            join_p95: time(|reading| reading.join_p95),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "pictures": self.pictures, "lost": self.lost, "gone": self.gone,
            "delay_p50": self.delay_p50, "delay_p99": self.delay_p99,
            "join_p50": self.join_p50, "join_p95": self.join_p95,
        })
    }

    pub(crate) fn parse(line: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let count = |name: &str| value[name].as_u64().with_context(|| name.to_owned());
        let time = |name: &str| value[name].as_u64().and_then(|time| u32::try_from(time).ok());
        Ok(Self {
            pictures: count("pictures")?,
            lost: count("lost")?,
            gone: usize::try_from(count("gone")?)?,
            delay_p50: time("delay_p50"),
            delay_p99: time("delay_p99"),
            join_p50: time("join_p50"),
            join_p95: time("join_p95"),
        })
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// The nearest-rank percentile of sorted values.
fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}
