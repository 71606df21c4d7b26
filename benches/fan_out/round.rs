//! One server, so many readers, for so long.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::cost::Cost;
use crate::film::RATE;
use crate::options::Transport;
use crate::readers::Reading;
use crate::subject::{READER_CORE, Subject, pinned};

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) transport: Transport,
    pub(crate) readers: usize,
    pub(crate) measure: Duration,
    pub(crate) joins: usize,
}

/// What came out.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// The server's CPU time for each reader and access unit, in microseconds.
    pub(crate) cpu_us: f64,
    /// The server's memory for each reader, in bytes: what it has on top of what it had with none.
    pub(crate) memory: f64,
    pub(crate) reading: Reading,
}

/// The process of the readers.
struct Readers {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

pub(crate) fn run(subject: &Subject, plan: Plan) -> anyhow::Result<Round> {
    let alone = Cost::now(subject.pid())?;
    let mut readers = Readers::start(subject, plan)?;
    readers.expect("measuring")?;
    let begin = Cost::now(subject.pid())?;
    readers.expect("measured")?;
    let end = Cost::now(subject.pid())?;
    let reading = Reading::parse(&readers.line()?)?;

    let units = plan.measure.as_secs_f64() * f64::from(RATE);
    let count = plan.readers as f64;
    Ok(Round {
        cpu_us: end.cpu_since(&begin).as_secs_f64() * 1e6 / units / count,
        memory: end.pss.saturating_sub(alone.pss) as f64 / count,
        reading,
    })
}

impl Round {
    /// One that stands for several: the median of each number, and all that was lost. `None` for none.
    pub(crate) fn median(rounds: &[Self]) -> Option<Self> {
        let number = |of: &dyn Fn(&Self) -> f64| {
            let mut numbers: Vec<f64> = rounds.iter().map(of).collect();
            numbers.sort_by(f64::total_cmp);
            numbers.get(numbers.len() / 2).copied()
        };
        let readings: Vec<&Reading> = rounds.iter().map(|round| &round.reading).collect();
        Some(Self {
            cpu_us: number(&|round| round.cpu_us)?,
            memory: number(&|round| round.memory)?,
            reading: Reading::median(&readings),
        })
    }
}

impl Readers {
    fn start(subject: &Subject, plan: Plan) -> anyhow::Result<Self> {
        let mut command = pinned(READER_CORE, &std::env::current_exe()?);
        command.args(["read", &subject.url, "--transport", plan.transport.label()]);
        command.args(["--readers", &plan.readers.to_string()]);
        command.args(["--measure", &plan.measure.as_millis().to_string()]);
        command.args(["--joins", &plan.joins.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("standard output is piped")?;
        Ok(Self { child, lines: BufReader::new(output).lines() })
    }

    fn line(&mut self) -> anyhow::Result<String> {
        Ok(self.lines.next().context("the readers ended")??)
    }

    fn expect(&mut self, word: &str) -> anyhow::Result<()> {
        let line = self.line()?;
        ensure!(line == word, "expected the readers to say {word}, found {line}");
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
