//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::measure::Plan;
use crate::reader::ReadOptions;

/// Measures the running gateway, and a GStreamer transcoder beside it, end to end.
///
/// The controls run first: numbers of a measurement that does not see a known delay and a known
/// loss are not printed.
#[derive(Debug, Parser)]
#[command(name = "end_to_end")]
pub(crate) struct Options {
    /// How long each round measures.
    #[arg(long, default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
    /// How many cameras each subject reads, 1920x1080 at 25 pictures a second each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) cameras: u8,
    /// How often each subject is measured, in turn with the other.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    rounds: u8,
    /// How many readers join each subject in its last round.
    #[arg(long, default_value_t = 40)]
    joins: usize,
    /// One round of ten seconds and ten joins.
    #[arg(long)]
    quick: bool,
    /// The controls, and nothing else.
    #[arg(long)]
    controls: bool,
    /// No controls, which is for those who work on the benchmark.
    #[arg(long, conflicts_with = "controls")]
    no_controls: bool,
    /// The gateway only.
    #[arg(long)]
    pub(crate) no_peer: bool,
    /// Measure the release binaries as they are instead of building them first.
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Append the results to this file, one line of JSON each, instead of printing them so.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

/// What this program does in the processes that it starts.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Receives one mount.
    #[command(hide = true)]
    Read(ReadOptions),
}

impl Options {
    /// Whether to run the controls.
    pub(crate) const fn wants_controls(&self) -> bool {
        !self.no_controls
    }

    /// Whether to measure.
    pub(crate) const fn wants_numbers(&self) -> bool {
        !self.controls
    }

    /// How the rounds of each subject go.
    pub(crate) fn plans(&self) -> Vec<Plan> {
        let (rounds, seconds, joins) = match self.quick {
            true => (1, 10, 10),
            false => (self.rounds, self.seconds, self.joins),
        };
        let plan = |round| Plan {
            // The pacer looks back five seconds, the drift of the clocks shows in twenty.
            warm_up: Duration::from_secs(if self.quick { 6 } else { 12 }),
            window: Duration::from_secs(seconds),
            joins: if round + 1 == rounds { joins } else { 0 },
        };
        (0..rounds).map(plan).collect()
    }
}
