//! What others can do to a locked-in process, and what it keeps: seen from outside, because the list of
//! system calls lets it ask for none of this itself.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::jailed::{Jailing, lock};
use crate::stage::Stage;

/// Both ends of the pipes to a process that waits in its jail: it says a byte when it is locked in, and
/// one for each byte that it is asked, until nobody can ask any more.
struct Pipes {
    asked: OwnedFd,
    ask: OwnedFd,
    says: OwnedFd,
    say: OwnedFd,
}

impl Pipes {
    fn new() -> Self {
        let (asked, ask) = cofferdam_jail::pipe().expect("a pipe");
        let (says, say) = cofferdam_jail::pipe().expect("a pipe");
        Self { asked, ask, says, say }
    }
}

/// A process that waits, and this process's ends of its pipes.
struct Held {
    pid: i32,
    ask: OwnedFd,
    says: OwnedFd,
}

impl Held {
    fn start(jailing: Option<Jailing>, stage: &Stage, pipes: Pipes) -> Self {
        let Pipes { asked, ask, says, say } = pipes;
        let (mut ours, channel) = UnixStream::pair().expect("a pair of sockets");
        // SAFETY: this program has one thread, so the child has all of its state.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "a child");
        if pid == 0 {
            drop((ask, says, ours));
            if lock(jailing, stage, &channel).is_ok() {
                while rustix::io::write(&say, &[0]) == Ok(1)
                    && rustix::io::read(&asked, &mut [0]) == Ok(1)
                {}
            }
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) }
        }
        drop((asked, say, channel));
        if jailing.is_some_and(Jailing::is_brokered) {
            // Reading without room for the listener that comes along closes it: from then on the
            // kernel answers for its sockets, ENOSYS.
            let _ = ours.read(&mut [0]);
        }
        let held = Self { pid, ask, says };
        assert!(answers(&held.says), "it can be locked in");
        held
    }

    fn end(self) {
        let pid = self.pid;
        drop(self.ask);
        wait(pid);
    }
}

/// Whether one more byte is said; false when nobody is left to.
fn answers(says: &OwnedFd) -> bool {
    rustix::io::read(says, &mut [0]) == Ok(1)
}

/// Waits for a child, and gives its exit code.
fn wait(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the child is ours, and `status` outlives the call.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid, "a child can be waited for");
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 }
}

/// Runs `work` in a child that may have children of its own.
fn in_child(work: impl FnOnce() -> i32) -> i32 {
    // SAFETY: this program has one thread, so the child has all of its state.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "a child");
    if pid == 0 {
        let code = work();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(code) }
    }
    wait(pid)
}

/// What was seen: names in the golden table, and the results.
pub(crate) fn look(jailing: Option<Jailing>, stage: &Stage) -> [(&'static str, &'static str); 4] {
    [
        ("privileges-left", privileges(jailing, stage)),
        ("memory-read-from-outside", memory(jailing, stage)),
        ("outlives-its-parent", outlives(jailing, stage)),
        ("locked-in-untried", untried(jailing, stage)),
    ]
}

fn privileges(jailing: Option<Jailing>, stage: &Stage) -> &'static str {
    let held = Held::start(jailing, stage, Pipes::new());
    let status = std::fs::read_to_string(format!("/proc/{}/status", held.pid));
    held.end();
    let status = status.expect("/proc tells about children");
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| u64::from_str_radix(value.trim(), 16).ok()).expect("a number")
    };
    let sets = ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"];
    let none = sets.iter().all(|set| value(set) == 0) && value("NoNewPrivs:") == 1;
    if none { "none" } else { "done" }
}

/// Whether children tried the jail before it was closed: the kernel counts the page faults of those that
/// were waited for.
fn untried(jailing: Option<Jailing>, stage: &Stage) -> &'static str {
    /// `cminflt` (proc_pid_stat(5)), counted from behind the program's name.
    const FAULTS_OF_CHILDREN: usize = 8;
    let held = Held::start(jailing, stage, Pipes::new());
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", held.pid));
    held.end();
    let stat = stat.expect("/proc tells about children");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let faults = fields.split(' ').nth(FAULTS_OF_CHILDREN).expect("a count");
    if faults == "0" { "done" } else { "tried" }
}

/// By its own parent, of the same user and without capabilities: nobody but root has a better claim.
fn memory(jailing: Option<Jailing>, stage: &Stage) -> &'static str {
    let opened = in_child(|| {
        let none = CapabilitySet::empty();
        let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
        if rustix::thread::set_capabilities(None, none).is_err() {
            return -1;
        }
        let held = Held::start(jailing, stage, Pipes::new());
        let opened = std::fs::File::open(format!("/proc/{}/mem", held.pid));
        held.end();
        opened.map_or_else(|error| error.raw_os_error().unwrap_or(-1), |_| 0)
    });
    match opened {
        0 => "done",
        libc::EACCES => "EACCES",
        _ => "failed",
    }
}

fn outlives(jailing: Option<Jailing>, stage: &Stage) -> &'static str {
    let pipes = Pipes::new();
    let copy = |end: &OwnedFd| end.try_clone().expect("a descriptor");
    let mut ends = Some((copy(&pipes.ask), copy(&pipes.says)));
    let mut pipes = Some(pipes);
    // The parent ends as soon as its child is locked in. What they take of these is their own copy, and
    // goes there.
    let parent = in_child(|| {
        drop(ends.take());
        let Some(pipes) = pipes.take() else { return 1 };
        let _ = Held::start(jailing, stage, pipes);
        0
    });
    assert_eq!(parent, 0, "its child was locked in");
    drop(pipes);
    let (ask, says) = ends.expect("the child took its own copy");
    // The signal was sent before the parent could be waited for: whoever has got it does not answer.
    let _ = rustix::io::write(&ask, &[0]);
    if answers(&says) { "done" } else { "ended" }
}
