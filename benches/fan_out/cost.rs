//! What a server costs, as the kernel counts it.

use std::time::Duration;

use anyhow::Context as _;

/// CPU time and memory of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Time on a processor, of all threads that live.
    pub(crate) cpu: Duration,
    /// Proportional set size, in bytes.
    pub(crate) pss: u64,
}

impl Cost {
    /// That of `pid` now.
    pub(crate) fn now(pid: u32) -> anyhow::Result<Self> {
        let mut nanos = 0;
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).context("the server is gone")? {
            // A thread may end between the two.
            let stat = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            nanos += stat.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
        }
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let pss = rollup
            .lines()
            .find_map(|line| {
                line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse().ok()
            })
            .unwrap_or(0_u64);
        Ok(Self { cpu: Duration::from_nanos(nanos), pss: pss * 1024 })
    }
}
