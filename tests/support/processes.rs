//! The processes of a gateway, as `/proc` shows them.

use std::collections::HashSet;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// The name of its program.
    pub program: String,
    /// Its command line, words separated by spaces.
    pub arguments: String,
}

impl Process {
    /// Sends it a signal; false when it is gone.
    pub fn signal(&self, signal: Signal) -> bool {
        Pid::from_raw(self.pid).is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    /// A file of its folder in `/proc`, as text; empty where it may not be read.
    #[must_use]
    pub fn proc_file(&self, name: &str) -> String {
        let bytes = std::fs::read(PathBuf::from(format!("/proc/{}/{name}", self.pid)));
        String::from_utf8_lossy(&bytes.unwrap_or_default()).replace('\0', " ")
    }
}

/// A process that does not outlive the test that started it, whatever becomes of the test.
#[derive(Debug)]
pub struct Owned(pub std::process::Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // Fails only for a process that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Every process of the machine.
#[must_use]
pub fn all() -> Vec<Process> {
    let folders = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(process).collect()
}

fn process(pid: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may hold spaces.
    let (head, tail) = stat.rsplit_once(')')?;
    let mut fields = tail.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let program = head.split_once('(')?.1.to_owned();
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ").trim().to_owned();
    Some(Process { pid, parent, program, arguments })
}

/// A process and everything below it.
#[must_use]
pub fn tree(root: i32) -> Vec<Process> {
    let everything = all();
    let mut pids = HashSet::from([root]);
    loop {
        let before = pids.len();
        for process in &everything {
            if pids.contains(&process.parent) {
                pids.insert(process.pid);
            }
        }
        if pids.len() == before {
            return everything.into_iter().filter(|p| pids.contains(&p.pid)).collect();
        }
    }
}
