//! Tries to get out of a jail, action by action, and says what came of each.
//!
//! ```text
//! escape_prober ingest|encode      in the real jail of that kind, as the workers lock themselves in
//! escape_prober dialer|server      as that side of the gateway restricts itself
//! escape_prober none               without a jail: the control
//! ```
//!
//! An ingest worker asks for its sockets; here it is answered as before its camera was reached, or after
//! it was: no.
//!
//! Prints a line for each layer (`layer NAME yes|no`) and one for each action (`NAME RESULT`, where the
//! result is `done`, `killed` for SIGSYS, an error's name, or `signal-N`). Each action is tried in a
//! child of its own; those that are not killed are tried once more in one process, one after the other
//! (`again NAME RESULT`). What others see of a worker comes last (`outside NAME RESULT`). Needs nothing but libc, so that it runs in an empty container. Test code: no
//! part of what is shipped.
#![allow(clippy::print_stdout, clippy::expect_used)]

mod actions;
mod jailed;
mod names;
mod outside;
mod stage;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use actions::{ACTIONS, Action};
use cofferdam_picture_ring::JailLayer;
use jailed::{Jailing, answer, lock};
use stage::Stage;

/// What came of an action.
enum Ended {
    Errno(i32),
    Signal(i32),
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let jailing = match arguments.next().as_deref() {
        // What an action that runs a program runs.
        Some("alive") => return ExitCode::SUCCESS,
        Some("none") => None,
        Some(name) => match Jailing::named(name) {
            Some(jailing) => Some(jailing),
            None => return ExitCode::from(2),
        },
        None => return ExitCode::from(2),
    };
    let stage = Stage::set();
    if let Err(what) = show_layers(jailing, &stage) {
        println!("jail {what}");
        return ExitCode::FAILURE;
    }
    let mut in_place = Vec::new();
    for action in ACTIONS {
        let ended = in_child(jailing, |channel| {
            lock(jailing, &stage, channel)?;
            Ok(vec![(action.attempt)(&stage)])
        });
        let ended = match ended {
            // A child that ran another program has nothing to say, and has succeeded.
            Ok(results) => Ended::Errno(results.first().copied().unwrap_or(0)),
            Err(ended) => ended,
        };
        let came_back = |errno| errno != 0 || !action.ends_the_process;
        if matches!(ended, Ended::Errno(errno) if came_back(errno)) {
            in_place.push(action);
        }
        println!("{} {}", action.name, describe(&ended));
    }
    match in_child(jailing, |channel| try_all(jailing, &stage, channel, &in_place)) {
        Ok(results) => {
            for (action, result) in in_place.iter().zip(results) {
                println!("again {} {}", action.name, describe(&Ended::Errno(result)));
            }
        }
        Err(ended) => {
            println!("again: {}", describe(&ended));
            return ExitCode::FAILURE;
        }
    }
    if !matches!(jailing, Some(Jailing::Side(..))) {
        for (name, result) in outside::look(jailing, &stage) {
            println!("outside {name} {result}");
        }
    }
    ExitCode::SUCCESS
}

fn try_all(
    jailing: Option<Jailing>,
    stage: &Stage,
    channel: &UnixStream,
    actions: &[&Action],
) -> Result<Vec<i32>, String> {
    lock(jailing, stage, channel)?;
    Ok(actions.iter().map(|action| (action.attempt)(stage)).collect())
}

fn show_layers(jailing: Option<Jailing>, stage: &Stage) -> Result<(), String> {
    let shown = in_child(jailing, |channel| {
        let locked = lock(jailing, stage, channel)?;
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
fn in_child(
    jailing: Option<Jailing>,
    work: impl FnOnce(&UnixStream) -> Result<Vec<i32>, String>,
) -> Result<Vec<i32>, Ended> {
    std::io::stdout().flush().expect("standard output takes what was printed");
    let (read, write) = cofferdam_jail::pipe().expect("a pipe");
    let (ours, channel) = UnixStream::pair().expect("a pair of sockets");
    // SAFETY: this program has one thread, so the child has all of its state.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "a child");
    if child == 0 {
        drop((read, ours));
        let (code, bytes) = match work(&channel) {
            Ok(numbers) => (0, numbers.iter().flat_map(|n| n.to_le_bytes()).collect()),
            Err(what) => (1, what.into_bytes()),
        };
        let _ = rustix::io::write(&write, &bytes);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(code) }
    }
    drop((write, channel));
    answer(jailing, ours);
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
        Ended::Signal(libc::SIGXFSZ) => "SIGXFSZ".into(),
        Ended::Signal(signal) => format!("signal-{signal}"),
        Ended::Errno(errno) => names::errno_name(*errno),
    }
}
