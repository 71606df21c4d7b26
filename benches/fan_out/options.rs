//! What is asked for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::round::Plan;

#[derive(Debug, Parser)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    /// Numbers of readers, one round each.
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,300,500,1000")]
    readers: Vec<usize>,
    /// Transports.
    #[arg(long, value_delimiter = ',', default_value = "tcp,udp")]
    transport: Vec<Transport>,
    /// How long each round is measured.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How often each server has its turn. What is told is the median, and all that was lost.
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: usize,
    /// Readers that join and leave beside those of a round, one after the other.
    #[arg(long, default_value_t = 20)]
    joins: usize,
    /// Serve units with delimiters, as encoders have them by default (x264enc among them).
    #[arg(long)]
    pub(crate) delimiters: bool,
    /// Leave the peer out: no ratio.
    #[arg(long)]
    pub(crate) no_peer: bool,
    /// Skip the controls.
    #[arg(long)]
    pub(crate) no_controls: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The processes of a round are this program again.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    #[command(hide = true)]
    Serve(Serve),
    #[command(hide = true)]
    Read(Read),
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Access units, as `film` writes them.
    pub(crate) film: PathBuf,
    /// Without any protocol, instead of Cofferdam.
    #[arg(long)]
    pub(crate) bare: bool,
    /// A control: hold each unit back this long behind its stamp, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub(crate) hold: u64,
    /// A control: leave this unit out.
    #[arg(long)]
    pub(crate) leave_out: Option<u32>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Read {
    pub(crate) url: String,
    #[arg(long)]
    pub(crate) transport: Transport,
    #[arg(long)]
    pub(crate) readers: usize,
    /// In milliseconds.
    #[arg(long)]
    pub(crate) measure: u64,
    #[arg(long)]
    pub(crate) joins: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Options {
    /// Every round that is to be run.
    pub(crate) fn plans(&self) -> Vec<Plan> {
        let measure = Duration::from_secs(self.seconds);
        let of = |transport| {
            move |readers: &usize| Plan { transport, readers: *readers, measure, joins: self.joins }
        };
        self.transport.iter().flat_map(|t| self.readers.iter().map(of(*t))).collect()
    }
}
