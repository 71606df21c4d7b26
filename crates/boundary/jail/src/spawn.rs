//! Starting a process with nothing but what it is given.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getrlimit, kill_process_group, setrlimit, setsid,
    test_kill_process_group, waitpgid,
};

/// Where a process's standard output and error go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// To `/dev/null`: workers have nothing to say but codes.
    Null,
    /// To those of the parent: the two sides log, and tools at a terminal print.
    Inherit,
    /// Output to the parent, which reads it from the handle; errors to where the parent's go.
    Read,
}

/// A program that workers are made of, held open.
///
/// It is started by its path, so that one that was replaced counts from the next start on. Where the
/// path cannot be reached any more (a folder that only root may enter, after this process has become
/// somebody else), what was held open is started.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    held: OwnedFd,
}

/// Held programs have numbers from here up, out of the way of those that a child is given.
const FIRST_HELD: i32 = 64;

impl Program {
    /// Opens the program at `path`, to hold it.
    ///
    /// # Errors
    /// [`SpawnError::Missing`] when it is not there.
    pub fn open(path: &Path) -> Result<Self, SpawnError> {
        let missing = |source: io::Error| SpawnError::Missing { program: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(missing)?;
        let held = rustix::io::fcntl_dupfd_cloexec(&file, FIRST_HELD);
        Ok(Self { path: path.to_owned(), held: held.map_err(|errno| missing(errno.into()))? })
    }

    /// Where it is, or was.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A process about to be started.
#[derive(Debug)]
pub struct WorkerCommand {
    program: PathBuf,
    held: Option<OwnedFd>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    descriptors: Vec<(i32, OwnedFd)>,
    streams: Streams,
    bounds: Option<Bounds>,
}

/// What a process may use up before it has locked itself in, and for good if it never does.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of address space.
    pub memory: u64,
    /// Processes and threads of the user's. The kernel counts all of them together, and root's not at
    /// all.
    pub processes: u64,
}

/// Why a process could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no such program, or it may not be run.
    #[error("{program}: expected a program beside `cofferdam`: {source}")]
    Missing {
        /// The program looked for.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to make a process or a descriptor.
    #[error("starting {program}: {source}")]
    System {
        /// The program to be started.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl WorkerCommand {
    /// A process of `program`, with no arguments, an empty environment and no descriptors.
    #[must_use]
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            held: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            descriptors: Vec::new(),
            streams: Streams::Null,
            bounds: None,
        }
    }

    /// A process of `program`, which was opened before.
    ///
    /// # Errors
    /// When this process is out of descriptors.
    pub fn of(program: &Program) -> io::Result<Self> {
        let held = rustix::io::fcntl_dupfd_cloexec(&program.held, FIRST_HELD)?;
        Ok(Self { held: Some(held), ..Self::new(&program.path) })
    }

    /// Adds one argument. Never a secret: anyone on the host reads arguments.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets one variable of the otherwise empty environment. Never a secret.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the process `descriptor` under `number`, which is 3 or more.
    #[must_use]
    pub fn descriptor(mut self, number: i32, descriptor: OwnedFd) -> Self {
        self.descriptors.push((number, descriptor));
        self
    }

    /// Says where standard output and error go. Standard input is always `/dev/null`.
    #[must_use]
    pub const fn streams(mut self, streams: Streams) -> Self {
        self.streams = streams;
        self
    }

    /// Puts the process under `bounds` and into a session of its own. So all that it starts can be ended
    /// by [`Session`], and where the kernel shares its time out among sessions, has no more of it
    /// than one worker.
    #[must_use]
    pub const fn bounded(mut self, bounds: Bounds) -> Self {
        self.bounds = Some(bounds);
        self
    }

    /// Starts the process. It is killed when the returned handle is dropped, and when the *thread*
    /// that called this ends: call from a thread that lives as long as the process should.
    ///
    /// # Errors
    /// [`SpawnError::Missing`] when the program is not there or cannot be run.
    pub fn spawn(self) -> Result<tokio::process::Child, SpawnError> {
        let parent = rustix::process::getpid();
        let highest = self.descriptors.iter().map(|(number, _)| *number).max().unwrap_or(2);
        let (output, errors) = match self.streams {
            Streams::Null => (Stdio::null(), Stdio::null()),
            Streams::Inherit => (Stdio::inherit(), Stdio::inherit()),
            Streams::Read => (Stdio::piped(), Stdio::inherit()),
        };
        let mut command = std::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let system = |source| SpawnError::System { program: self.program.clone(), source };
        let mappings = self
            .descriptors
            .into_iter()
            .map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd })
            .collect();
        command.fd_mappings(mappings).map_err(|e| system(io::Error::other(e)))?;
        let first_free = u32::try_from(highest + 1).unwrap_or(3);
        // SAFETY: between fork and exec only a few system calls are made: no allocation, no lock,
        // nothing another thread of the parent could have held at the fork.
        unsafe {
            command.pre_exec(move || {
                leave_signals_to_parent();
                bind_to_parent(parent, first_free)
            });
        }
        if let Some(bounds) = self.bounds {
            // SAFETY: as above: a few system calls, and nothing else.
            unsafe {
                command.pre_exec(move || bound(bounds));
            }
        }
        if let Some(held) = self.held {
            let image = Image::new(&self.program, &self.arguments, &self.environment, held);
            let image = image.map_err(system)?;
            // SAFETY: as above: two system calls on memory that was prepared before the fork.
            unsafe {
                command.pre_exec(move || image.replace_this_process_if_needed());
            }
        }
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true).spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                SpawnError::Missing { program: self.program.clone(), source }
            }
            _ => SpawnError::System { program: self.program.clone(), source },
        })
    }
}

/// All that starting a held program takes, prepared before the fork.
struct Image {
    held: OwnedFd,
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Image {
    fn new(
        program: &Path,
        arguments: &[String],
        environment: &[(String, String)],
        held: OwnedFd,
    ) -> io::Result<Self> {
        let path = CString::new(program.as_os_str().as_bytes())?;
        let mut all = vec![path.clone()];
        for argument in arguments {
            all.push(CString::new(argument.as_str())?);
        }
        let environment = environment
            .iter()
            .map(|(name, value)| CString::new(format!("{name}={value}")))
            .collect::<Result<_, _>>()?;
        Ok(Self { held, path, arguments: all, environment })
    }

    /// In the new process: where the path may not be reached, becomes the held program. Comes back in
    /// all other cases, for the path to be tried.
    fn replace_this_process_if_needed(&self) -> io::Result<()> {
        // SAFETY: a string that ends with a zero, which `self` holds.
        let reachable = unsafe { libc::access(self.path.as_ptr(), libc::X_OK) } == 0;
        if reachable || io::Error::last_os_error().raw_os_error() != Some(libc::EACCES) {
            return Ok(());
        }
        let mut arguments = [std::ptr::null(); MOST_WORDS];
        let mut environment = [std::ptr::null(); MOST_WORDS];
        // The last pointer stays null: the list's end.
        for (to, from) in arguments[..MOST_WORDS - 1].iter_mut().zip(&self.arguments) {
            *to = from.as_ptr();
        }
        for (to, from) in environment[..MOST_WORDS - 1].iter_mut().zip(&self.environment) {
            *to = from.as_ptr();
        }
        // SAFETY: both lists end with a null pointer and point to strings that end with a zero, which
        // `self` holds; the descriptor is open, and only an exec closes it.
        unsafe {
            libc::syscall(
                libc::SYS_execveat,
                self.held.as_raw_fd(),
                c"".as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
                libc::AT_EMPTY_PATH,
            );
        }
        Err(io::Error::last_os_error())
    }
}

/// More arguments, or variables, than any worker has, and the end of the list.
const MOST_WORDS: usize = 32;

/// In the new process: what a terminal, or whoever means the gateway, sends to all of its processes is for the parent
/// to heed. A program that wants these signals takes them.
fn leave_signals_to_parent() {
    for signal in [libc::SIGHUP, libc::SIGINT] {
        // SAFETY: no handler is set that could run anything; it fails for no signal that there is.
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// In the new process: dies with the parent, and keeps no descriptor from `first_free` up.
fn bind_to_parent(parent: Pid, first_free: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != Some(parent) {
        // The parent ended before the line above: nobody would ever send the signal.
        return Err(io::Error::from(rustix::io::Errno::SRCH));
    }
    close_on_exec_from(first_free)
}

/// In the new process: a session of its own, and limits that what it starts inherits.
fn bound(bounds: Bounds) -> io::Result<()> {
    if cfg!(feature = "without-bounds") {
        return Ok(());
    }
    setsid()?;
    for (resource, most) in
        [(Resource::As, bounds.memory), (Resource::Nproc, bounds.processes), (Resource::Core, 0)]
    {
        let most = getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Takes in, as children of this process, what its workers leave behind: so [`Session`] can see to it.
///
/// # Errors
/// When the kernel refuses.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// The session of a [`bounded`](WorkerCommand::bounded) process. What is still in it when this is dropped is
/// killed: drop it before anything else is started that could get the number of a leader that is gone.
#[derive(Debug)]
pub struct Session(Option<Pid>);

impl Session {
    /// That of the process with the number `leader`.
    #[must_use]
    pub fn of(leader: Option<u32>) -> Self {
        Self(leader.and_then(|leader| i32::try_from(leader).ok()).and_then(Pid::from_raw))
    }

    /// Kills everything in it, and buries what this process has [adopted](adopt_orphans) of it. Whether
    /// nothing is left: what was killed takes a moment to die.
    #[must_use]
    pub fn end(&self) -> bool {
        let Some(leader) = self.0 else { return true };
        // Fails when nobody is left, as it should be.
        let _ = kill_process_group(leader, Signal::KILL);
        while matches!(waitpgid(leader, WaitOptions::NOHANG), Ok(Some(_))) {}
        test_kill_process_group(leader).is_err()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The rest is the business of whoever adopts them.
        let _ = self.end();
    }
}

/// Marks every descriptor from `first` up close-on-exec. Those std itself needs until the exec stay
/// usable that long.
fn close_on_exec_from(first: u32) -> io::Result<()> {
    if cfg!(feature = "without-closing") {
        return Ok(());
    }
    // SAFETY: close_range with CLOEXEC closes nothing here; it only sets a flag on descriptors.
    let result =
        unsafe { libc::close_range(first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A pipe: reading end, writing end. Both are closed on exec.
///
/// # Errors
/// When the process is out of descriptors.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// Makes a descriptor non-blocking: for pipes, where the flag belongs to one end.
///
/// # Errors
/// When it is not an open descriptor.
pub fn set_nonblocking(descriptor: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&descriptor)?;
    Ok(rustix::fs::fcntl_setfl(&descriptor, flags | rustix::fs::OFlags::NONBLOCK)?)
}
