//! The numbers, as a table.

use std::fmt::Write as _;

use crate::round::{Plan, Round};

#[derive(Default)]
pub(crate) struct Report {
    rounds: Vec<(Plan, &'static str, Round)>,
    shown: usize,
}

/// The names of rows.
pub(crate) const OURS: &str = "Cofferdam";
pub(crate) const PEER: &str = "peer";
pub(crate) const BARE: &str = "bare loop";

const HEAD: &str = "| transport | readers | server | CPU, µs a reader and unit | ratio | delay p50, ms \
                    | p99, ms | lost | put out | KiB a reader | join p50, ms | p95, ms |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|\n";

impl Report {
    pub(crate) fn add(&mut self, plan: Plan, server: &'static str, round: Round) {
        self.rounds.push((plan, server, round));
    }

    /// The rows that have not been shown yet.
    pub(crate) fn newest(&mut self) -> String {
        let rows = (self.shown..self.rounds.len()).map(|index| self.row(index)).collect();
        self.shown = self.rounds.len();
        rows
    }

    pub(crate) fn table(&self) -> String {
        let rows: String = (0..self.rounds.len()).map(|index| self.row(index)).collect();
        format!("\n{HEAD}{rows}")
    }

    fn row(&self, index: usize) -> String {
        let Some((plan, server, round)) = self.rounds.get(index) else { return String::new() };
        let reading = &round.reading;
        let millis = |micros: Option<u32>| {
            micros.map_or_else(|| "–".to_owned(), |us| format!("{:.1}", f64::from(us) / 1e3))
        };
        let mut row = format!("| {} | {} | {server} ", plan.transport.label(), plan.readers);
        let _ = write!(row, "| {:.1} | {} ", round.cpu_us, self.ratio(index));
        let _ = write!(row, "| {} | {} ", millis(reading.delay_p50), millis(reading.delay_p99));
        let total = reading.pictures + reading.lost;
        let _ = write!(row, "| {} of {total} | {} ", reading.lost, reading.gone);
        let _ = write!(row, "| {:.1} ", round.memory / 1024.0);
        let _ = writeln!(row, "| {} | {} |", millis(reading.join_p50), millis(reading.join_p95));
        row
    }

    /// To the peer's round of the same plan.
    fn ratio(&self, index: usize) -> String {
        let Some((plan, server, round)) = self.rounds.get(index) else { return String::new() };
        let of_plan = |(other, server, _): &&(Plan, &str, Round)| {
            *server == PEER && (other.transport, other.readers) == (plan.transport, plan.readers)
        };
        let peer = self.rounds.iter().find(of_plan).filter(|_| *server != PEER);
        peer.map_or_else(String::new, |(_, _, peer)| format!("{:.2}", round.cpu_us / peer.cpu_us))
    }
}
