//! What a subject costs, as the kernel counts it: CPU time and memory of each of its processes.

use std::collections::BTreeMap;

use cofferdam_system_tests::processes::Process;

/// CPU time up to one moment, in the kernel's ticks.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// Each process of the subject: what the report calls it, and its time.
    subject: BTreeMap<i32, (&'static str, u64)>,
    /// The processes that are part of the measurement and not of the subject, together.
    harness: u64,
    machine: Machine,
}

/// CPU time of all cores together.
#[derive(Clone, Copy, Debug, Default)]
struct Machine {
    busy: u64,
    total: u64,
}

/// What one part of a subject cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// CPU time, in milliseconds.
    pub(crate) cpu_ms: f64,
    /// Proportional set size, in bytes; `None` where the kernel does not show it to this user.
    pub(crate) pss: Option<u64>,
}

/// What a subject cost between two moments.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// Parts of one name taken together.
    pub(crate) parts: Vec<Part>,
    /// Whether a process began or ended in between, which a steady subject's do not.
    pub(crate) processes_changed: bool,
    /// The part of the machine's CPU time that was neither the subject's nor the measurement's.
    pub(crate) foreign_load: f64,
}

impl Snapshot {
    /// The CPU times now. `harness` are the processes of cameras and readers.
    pub(crate) fn take(subject: &[(&'static str, Process)], harness: &[u32]) -> Self {
        let subject = subject.iter().map(|(name, process)| {
            let stat = process.proc_file("stat");
            (process.pid, (*name, cpu_ticks(&stat)))
        });
        let harness = harness.iter().copied().chain([std::process::id()]).map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            cpu_ticks(&stat.unwrap_or_default())
        });
        Self { subject: subject.collect(), harness: harness.sum(), machine: Machine::now() }
    }

    /// What was spent since `earlier`; memory is that of `subject` now.
    pub(crate) fn since(&self, earlier: &Self, subject: &[(&'static str, Process)]) -> Cost {
        let mut parts: BTreeMap<&'static str, Part> = BTreeMap::new();
        let mut spent = 0;
        for (pid, (name, ticks)) in &self.subject {
            let before = earlier.subject.get(pid).map_or(0, |(_, ticks)| *ticks);
            let ticks = ticks.saturating_sub(before);
            spent += ticks;
            let pss =
                subject.iter().find(|(_, process)| process.pid == *pid).and_then(|(_, p)| pss(p));
            let part = parts.entry(name).or_insert(Part { name, cpu_ms: 0.0, pss: Some(0) });
            part.cpu_ms += milliseconds(ticks);
            part.pss = part.pss.zip(pss).map(|(a, b)| a + b);
        }
        let total = self.machine.total.saturating_sub(earlier.machine.total).max(1);
        let ours = spent + self.harness.saturating_sub(earlier.harness);
        let busy = self.machine.busy.saturating_sub(earlier.machine.busy);
        Cost {
            parts: parts.into_values().collect(),
            processes_changed: !self.subject.keys().eq(earlier.subject.keys()),
            foreign_load: ratio(busy.saturating_sub(ours), total),
        }
    }
}

impl Machine {
    /// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let times: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
        let total = times.iter().sum();
        let idle: u64 = times.iter().skip(3).take(2).sum();
        Self { busy: total - idle, total }
    }
}

impl Cost {
    /// CPU time of all parts, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.parts.iter().map(|part| part.cpu_ms).sum()
    }

    /// Memory of all parts, in bytes.
    pub(crate) fn pss(&self) -> Option<u64> {
        self.parts.iter().map(|part| part.pss).sum()
    }
}

/// User and system time in a `stat` file.
fn cpu_ticks(stat: &str) -> u64 {
    // The program's name is in parentheses and may hold spaces; the first field after it is the
    // third, and the times are the 14th and the 15th.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum()
}

fn pss(process: &Process) -> Option<u64> {
    let text = process.proc_file("smaps_rollup");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a benchmark are few")]
fn milliseconds(ticks: u64) -> f64 {
    ticks as f64 * 1000.0 / rustix::param::clock_ticks_per_second() as f64
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a benchmark are few")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}
