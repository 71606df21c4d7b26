//! What a server costs, as the kernel counts it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::Duration;

use anyhow::Context as _;

/// CPU time and memory of a process at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    /// Nanoseconds on a processor of each thread that lives.
    threads: HashMap<OsString, u64>,
    /// Proportional set size, in bytes.
    pub(crate) pss: u64,
}

impl Cost {
    /// That of `pid` now.
    pub(crate) fn now(pid: u32) -> anyhow::Result<Self> {
        let mut threads = HashMap::new();
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).context("the server is gone")? {
            let task = task?;
            // A thread may end between the two.
            let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos = stat.split(' ').next().and_then(|n| n.parse::<u64>().ok());
            threads.insert(task.file_name(), nanos.unwrap_or_default());
        }
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let pss = rollup
            .lines()
            .find_map(|line| {
                line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse().ok()
            })
            .unwrap_or(0_u64);
        Ok(Self { threads, pss: pss * 1024 })
    }

    /// Time on a processor since `earlier`, of the threads that live now: one that has ended meanwhile, as
    /// an idle thread of a pool does, is left out.
    pub(crate) fn cpu_since(&self, earlier: &Self) -> Duration {
        let before = |thread| earlier.threads.get(thread).copied().unwrap_or_default();
        let spent = self.threads.iter().map(|(thread, now)| now.saturating_sub(before(thread)));
        Duration::from_nanos(spent.sum())
    }
}
