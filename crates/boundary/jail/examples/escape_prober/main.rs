//! Tries to get out of a worker's jail, action by action, and says what came of each.
//!
//! ```text
//! escape_prober ingest|encode      in the real jail of that kind, as the workers lock themselves in
//! escape_prober none               without a jail: the control
//! ```
//!
//! Prints a line for each layer (`layer NAME yes|no`) and one for each action (`NAME RESULT`, where the
//! result is `done`, `killed` for SIGSYS, an error's name, or `signal-N`). Each action is tried in a
//! child of its own; those that are not killed are tried once more in one process, one after the other
//! (`again NAME RESULT`). Needs nothing but libc, so that it runs in an empty container. Test code: no
//! part of what is shipped.
#![allow(clippy::print_stdout, clippy::expect_used)]

mod actions;
mod stage;

use std::io::Write;
use std::process::ExitCode;

use actions::{ACTIONS, Action};
use cofferdam_jail::{Jail, Kind, Locked};
use cofferdam_picture_ring::JailLayer;
use stage::Stage;

/// What a worker may map beyond what it has: as much as the real ones, roughly.
const MEMORY: u64 = 512 << 20;

/// What came of an action.
enum Ended {
    Errno(i32),
    Signal(i32),
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let kind = match arguments.next().as_deref() {
        Some("ingest") => Some(Kind::Ingest),
        Some("encode") => Some(Kind::Encode),
        Some("none") => None,
        // What an action that runs a program runs.
        Some("alive") => return ExitCode::SUCCESS,
        _ => return ExitCode::from(2),
    };
    let stage = Stage::set();
    if let Err(what) = show_layers(kind, &stage) {
        println!("jail {what}");
        return ExitCode::FAILURE;
    }
    let mut in_place = Vec::new();
    for action in ACTIONS {
        let ended = in_child(|| {
            lock(kind, &stage).map_err(|error| error.to_string())?;
            Ok(vec![(action.attempt)(&stage)])
        });
        let ended = match ended {
            // A child that ran another program has nothing to say, and has succeeded.
            Ok(results) => Ended::Errno(results.first().copied().unwrap_or(0)),
            Err(ended) => ended,
        };
        let came_back = kind.is_some() || !action.ends_the_process;
        if matches!(ended, Ended::Errno(_)) && came_back {
            in_place.push(action);
        }
        println!("{} {}", action.name, describe(&ended));
    }
    match in_child(|| try_all(kind, &stage, &in_place)) {
        Ok(results) => {
            for (action, result) in in_place.iter().zip(results) {
                println!("again {} {}", action.name, describe(&Ended::Errno(result)));
            }
            ExitCode::SUCCESS
        }
        Err(ended) => {
            println!("again: {}", describe(&ended));
            ExitCode::FAILURE
        }
    }
}

fn try_all(kind: Option<Kind>, stage: &Stage, actions: &[&Action]) -> Result<Vec<i32>, String> {
    lock(kind, stage).map_err(|error| error.to_string())?;
    Ok(actions.iter().map(|action| (action.attempt)(stage)).collect())
}

fn lock(kind: Option<Kind>, stage: &Stage) -> Result<Option<Locked>, cofferdam_jail::JailError> {
    let Some(kind) = kind else { return Ok(None) };
    let jail = Jail::new(kind).memory(MEMORY).keep(stage.ring).writes_files();
    jail.rehearse()?.lock().map(Some)
}

fn show_layers(kind: Option<Kind>, stage: &Stage) -> Result<(), String> {
    let shown = in_child(|| {
        let locked = lock(kind, stage).map_err(|error| error.to_string())?;
        let posture = locked.map(|locked| locked.posture).unwrap_or_default();
        Ok(JailLayer::ALL.map(|layer| i32::from(posture.has(layer))).to_vec())
    });
    match shown {
        Ok(shown) => {
            for (layer, has) in JailLayer::ALL.iter().zip(shown) {
                println!("layer {layer} {}", if has == 1 { "yes" } else { "no" });
            }
            Ok(())
        }
        Err(ended) => Err(describe(&ended)),
    }
}

/// Runs `work` in a child, and gives the numbers it came up with.
fn in_child(work: impl FnOnce() -> Result<Vec<i32>, String>) -> Result<Vec<i32>, Ended> {
    std::io::stdout().flush().expect("standard output takes what was printed");
    let (read, write) = cofferdam_jail::pipe().expect("a pipe");
    // SAFETY: this program has one thread, so the child has all of its state.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "a child");
    if child == 0 {
        drop(read);
        let (code, bytes) = match work() {
            Ok(numbers) => (0, numbers.iter().flat_map(|n| n.to_le_bytes()).collect()),
            Err(what) => (1, what.into_bytes()),
        };
        let _ = rustix::io::write(&write, &bytes);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(code) }
    }
    drop(write);
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = rustix::io::read(&read, &mut chunk) {
        bytes.extend_from_slice(&chunk[..length]);
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call, and the child is ours.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(waited == child, "a child can be waited for");
    if libc::WIFSIGNALED(status) {
        return Err(Ended::Signal(libc::WTERMSIG(status)));
    }
    if libc::WEXITSTATUS(status) != 0 {
        println!("jail {}", String::from_utf8_lossy(&bytes));
        return Err(Ended::Errno(-1));
    }
    Ok(bytes.as_chunks::<4>().0.iter().map(|four| i32::from_le_bytes(*four)).collect())
}

fn describe(ended: &Ended) -> String {
    match ended {
        Ended::Errno(0) => "done".into(),
        Ended::Errno(-1) => "not-tried".into(),
        Ended::Signal(libc::SIGSYS) => "killed".into(),
        Ended::Signal(signal) => format!("signal-{signal}"),
        Ended::Errno(errno) => actions::errno_name(*errno),
    }
}
