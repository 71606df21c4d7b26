//! What is printed: a table for people, a line of JSON for each round for programs.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::accounting::percentile;
use crate::cost::Part;
use crate::measure::Round;

/// All rounds of all subjects.
#[derive(Debug)]
pub(crate) struct Report {
    cameras: u8,
    rounds: Vec<Round>,
    no_peer: Option<String>,
}

/// One subject's rounds taken together.
struct Summary {
    /// p50, p95 and p99 of the added latency, in milliseconds.
    latency: [Option<f64>; 3],
    made: u64,
    lost: u64,
    repeated: u64,
    foreign: u64,
    packets_lost: u64,
    /// CPU milliseconds for each picture.
    cpu: f64,
    /// The same by part.
    cpu_parts: Vec<(&'static str, f64)>,
    /// Bytes for each camera, by part, in the last round.
    pss_parts: Vec<(&'static str, Option<f64>)>,
    pss: Option<f64>,
    kbps: f64,
    /// p50 and p95 of the joins, in milliseconds.
    joins: Option<[f64; 2]>,
}

impl Report {
    pub(crate) const fn new(cameras: u8) -> Self {
        Self { cameras, rounds: Vec::new(), no_peer: None }
    }

    pub(crate) fn add(&mut self, round: Round) {
        self.rounds.push(round);
    }

    /// The peer did not run to the end, for this reason: there will be no ratios.
    pub(crate) fn without_peer(&mut self, why: &str) {
        self.rounds.retain(|round| round.subject != "peer");
        self.no_peer = Some(why.to_owned());
    }

    fn summary(&self, subject: &str) -> Option<Summary> {
        let rounds: Vec<&Round> =
            self.rounds.iter().filter(|round| round.subject == subject).collect();
        let last = rounds.last()?;
        let streams = || rounds.iter().flat_map(|round| &round.streams);
        let latencies: Vec<u64> =
            streams().flat_map(|stream| stream.account.latencies.iter().copied()).collect();
        let units = float(rounds.iter().map(|round| round.units()).sum::<u64>()).max(1.0);
        let seconds: f64 = rounds.iter().map(|round| round.window.as_secs_f64()).sum();
        let cameras = f64::from(self.cameras);
        let part_cpu = |part: &Part| {
            let of_name = rounds.iter().flat_map(|round| &round.cost.parts);
            let of_name = of_name.filter(|other| other.name == part.name);
            (part.name, of_name.map(|part| part.cpu_ms).sum::<f64>() / units)
        };
        let megabytes = |bytes: u64| float(bytes) / 1e6 / cameras;
        Some(Summary {
            latency: [50, 95, 99].map(|p| percentile(&latencies, p).map(milliseconds)),
            made: streams().map(|stream| stream.account.made).sum(),
            lost: streams().map(|stream| stream.account.lost.len() as u64).sum(),
            repeated: streams().map(|stream| stream.account.repeated.len() as u64).sum(),
            foreign: streams().map(|stream| stream.account.foreign).sum(),
            packets_lost: streams().map(|stream| stream.packets_lost).sum(),
            cpu: rounds.iter().map(|round| round.cost.cpu_ms()).sum::<f64>() / units,
            cpu_parts: last.cost.parts.iter().map(part_cpu).collect(),
            pss_parts: last.cost.parts.iter().map(|p| (p.name, p.pss.map(megabytes))).collect(),
            pss: last.cost.pss().map(megabytes),
            kbps: float(streams().map(|stream| stream.bytes).sum::<u64>()) * 8.0
                / 1000.0
                / seconds
                / cameras,
            joins: percentile(&last.joins, 50)
                .zip(percentile(&last.joins, 95))
                .map(|(p50, p95)| [milliseconds(p50), milliseconds(p95)]),
        })
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let (ours, peer) = (self.summary("cofferdam"), self.summary("peer"));
        let mut table = Table::new();
        let pick = |get: &dyn Fn(&Summary) -> Option<f64>| {
            (ours.as_ref().and_then(get), peer.as_ref().and_then(get))
        };
        for (index, (name, goal)) in
            [("p50", "ratio <= 1.5"), ("p95", ""), ("p99", "ratio <= 1.2")].iter().enumerate()
        {
            let name = format!("added latency {name}, ms");
            table.row(&name, pick(&|summary| summary.latency[index]), 1, goal);
        }
        table.row("pictures made", pick(&|s| Some(float(s.made))), 0, "");
        table.row("pictures lost", pick(&|s| Some(float(s.lost))), 0, "0");
        table.row("pictures repeated", pick(&|s| Some(float(s.repeated))), 0, "0");
        table.row("pictures that are not the camera's", pick(&|s| Some(float(s.foreign))), 0, "");
        table.row("RTP packets lost", pick(&|s| Some(float(s.packets_lost))), 0, "");
        table.row("CPU for each picture, ms", pick(&|s| Some(s.cpu)), 2, "ratio <= 1.1");
        for (summary, column) in [(&ours, Column::Cofferdam), (&peer, Column::Peer)] {
            for (name, cpu) in summary.iter().flat_map(|summary| &summary.cpu_parts) {
                table.part(name, Some(*cpu), column);
            }
        }
        table.row("PSS for each camera, MB", pick(&|s| s.pss), 1, "<= 160");
        for (summary, column) in [(&ours, Column::Cofferdam), (&peer, Column::Peer)] {
            for (name, pss) in summary.iter().flat_map(|summary| &summary.pss_parts) {
                table.part(name, *pss, column);
            }
        }
        table.row("stream, kbit/s", pick(&|s| Some(s.kbps)), 0, "");
        table.row("join to first picture p50, ms", pick(&|s| s.joins.map(|j| j[0])), 1, "");
        table.row("join to first picture p95, ms", pick(&|s| s.joins.map(|j| j[1])), 1, "<= 150");
        let mut text = table.0;
        for round in &self.rounds {
            let _ = writeln!(text, "{}", round_line(round));
        }
        if let Some(why) = &self.no_peer {
            let _ = writeln!(text, "no ratios: the peer did not run: {why}");
        }
        text
    }

    /// Writes a line of JSON for each round to a file, or prints them.
    pub(crate) fn write_json(&self, file: Option<&Path>) -> anyhow::Result<()> {
        let lines: String = self.rounds.iter().map(|round| format!("{}\n", json(round))).collect();
        match file {
            None => print!("{lines}"),
            Some(path) => {
                let mut file = OpenOptions::new().create(true).append(true).open(path)?;
                file.write_all(lines.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Whose part a line is about.
#[derive(Clone, Copy)]
enum Column {
    Cofferdam,
    Peer,
}

/// Lines of name, cofferdam, peer, ratio and goal.
struct Table(String);

impl Table {
    fn new() -> Self {
        Self(format!("{:<36}{:>11}{:>11}{:>8}  goal\n", "", "cofferdam", "peer", "ratio"))
    }

    fn row(&mut self, name: &str, values: (Option<f64>, Option<f64>), digits: usize, goal: &str) {
        let show =
            |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.digits$}"));
        let ratio = values.0.zip(values.1).filter(|(_, peer)| digits > 0 && *peer > 0.0);
        let ratio = ratio.map_or(String::new(), |(ours, peer)| format!("{:.2}", ours / peer));
        let (ours, peer) = (show(values.0), show(values.1));
        let line = format!("{name:<36}{ours:>11}{peer:>11}{ratio:>8}  {goal}");
        let _ = writeln!(self.0, "{}", line.trim_end());
    }

    fn part(&mut self, name: &str, value: Option<f64>, column: Column) {
        let value = value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let _ = match column {
            Column::Cofferdam => writeln!(self.0, "  {name:<34}{value:>11}"),
            Column::Peer => writeln!(self.0, "  {name:<34}{:>11}{value:>11}", ""),
        };
    }
}

/// What each round was like, so that a disturbed one can be told.
fn round_line(round: &Round) -> String {
    let latencies: Vec<u64> =
        round.streams.iter().flat_map(|s| s.account.latencies.iter().copied()).collect();
    let at = |p| percentile(&latencies, p).map_or(f64::NAN, milliseconds);
    let mut line = format!(
        "round    {:<10} p50 {:.1}  p95 {:.1}  p99 {:.1}  max {:.1} ms; other programs had {:.0} % of the machine",
        round.subject,
        at(50),
        at(95),
        at(99),
        at(100),
        round.cost.foreign_load * 100.0,
    );
    if let Some(inside) = round.inside {
        let _ = write!(
            line,
            "; decode {:.1}, pacing {:.1}, encode {:.1} ms",
            inside.decode_ms, inside.pacing_offset_ms, inside.encode_ms
        );
    }
    if round.cost.processes_changed {
        line.push_str("; A PROCESS BEGAN OR ENDED");
    }
    line
}

fn json(round: &Round) -> Value {
    let streams: Vec<Value> = round
        .streams
        .iter()
        .map(|stream| {
            let account = &stream.account;
            let at = |p| percentile(&account.latencies, p).map(milliseconds);
            json!({
                "latency_ms": { "p50": at(50), "p95": at(95), "p99": at(99), "max": at(100) },
                "made": account.made,
                "lost": account.lost,
                "repeated": account.repeated,
                "foreign": account.foreign,
                "units": stream.units,
                "bytes": stream.bytes,
                "rtp_packets_lost": stream.packets_lost,
            })
        })
        .collect();
    let parts: Vec<Value> = round
        .cost
        .parts
        .iter()
        .map(|part| json!({ "name": part.name, "cpu_ms": part.cpu_ms, "pss_bytes": part.pss }))
        .collect();
    json!({
        "subject": round.subject,
        "seconds": round.window.as_secs_f64(),
        "streams": streams,
        "parts": parts,
        "foreign_load": round.cost.foreign_load,
        "processes_changed": round.cost.processes_changed,
        "join_ms": round.joins.iter().map(|nanos| milliseconds(*nanos)).collect::<Vec<_>>(),
        "inside_ms": round.inside.map(|inside| json!({
            "decode": inside.decode_ms,
            "pacing_offset": inside.pacing_offset_ms,
            "encode": inside.encode_ms,
        })),
    })
}

fn milliseconds(nanos: u64) -> f64 {
    float(nanos) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "counts and times of a benchmark are small")]
fn float(value: u64) -> f64 {
    value as f64
}
