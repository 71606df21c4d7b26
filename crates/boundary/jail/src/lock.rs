//! Putting a process into its jail: the layers, in their order.

use std::time::{Duration, Instant};

use cofferdam_picture_ring::{JailLayer, JailPosture};

use crate::kind::Kind;
use crate::layers::{descriptors, landlock, limits, privileges, seccomp, undumpable, wx};
use crate::policy::Filters;
use crate::self_test;

/// Why a process is not in its jail.
#[derive(Debug, thiserror::Error)]
#[error("the jail's layer {layer} cannot be had ({what}); it needs {}", .layer.needs())]
pub struct JailError {
    /// The layer that is missing.
    pub layer: JailLayer,
    /// What was tried, and what the system said to it.
    pub what: String,
}

impl JailError {
    pub(crate) fn new(layer: JailLayer, what: impl Into<String>) -> Self {
        Self { layer, what: what.into() }
    }

    /// The exit code that tells the parent which layer is missing.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.layer.exit_code()
    }
}

/// How a process is locked in.
#[derive(Clone, Copy, Debug)]
pub struct Locked {
    /// The layers it has.
    pub posture: JailPosture,
    /// How long this process spent on it, the self-test included.
    pub took: Duration,
}

/// A worker's jail, still open.
///
/// The order is that of the types: [`rehearse`](Self::rehearse) first thing in the process, then
/// everything that opens files, loads code or looks names up, then [`Rehearsed::lock`], then the first
/// byte from a camera.
#[derive(Debug)]
pub struct Jail {
    kind: Kind,
    memory: u64,
    keep: Vec<i32>,
    writes_files: bool,
}

/// A jail whose children are out to try it.
#[derive(Debug)]
pub struct Rehearsed {
    jail: Jail,
    filters: Filters,
    children: Vec<self_test::Child>,
    took: Duration,
}

impl Jail {
    /// The jail of a worker of `kind`, which may not map a byte more than it has mapped.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, memory: 0, keep: Vec::new(), writes_files: false }
    }

    /// Lets the worker map `bytes` more than it has mapped when it locks itself in.
    #[must_use]
    pub const fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Keeps the descriptor `number`, whatever it is. Besides those, and the standard streams, only
    /// pipes, Unix sockets, event counters and the like are kept; files, folders and network sockets
    /// are closed.
    #[must_use]
    pub fn keep(mut self, number: i32) -> Self {
        self.keep.push(number);
        self
    }

    /// Lets what is written to a standard stream end up in a file: for a tool at a terminal.
    #[must_use]
    pub const fn writes_files(mut self) -> Self {
        self.writes_files = true;
        self
    }

    /// Starts children that lock themselves in just so and each try something forbidden. They go on
    /// while this process gets ready; [`Rehearsed::lock`] looks how they ended. Call early, from the
    /// process's only thread: the less it has mapped, the sooner a child is made.
    ///
    /// # Errors
    /// When the list of system calls or a child cannot be made.
    pub fn rehearse(self) -> Result<Rehearsed, JailError> {
        let began = Instant::now();
        require_one_thread()?;
        let filters = self
            .kind
            .filters()
            .map_err(|error| JailError::new(JailLayer::SystemCalls, error.to_string()))?;
        let children = if cfg!(feature = "without-self-test") {
            Vec::new()
        } else {
            self_test::send_out(|| self.put_on(&filters, None).map(drop))?
        };
        Ok(Rehearsed { jail: self, filters, children, took: began.elapsed() })
    }

    /// Puts on every layer. `parent` is who must still be there, where that matters.
    fn put_on(
        &self,
        filters: &Filters,
        parent: Option<rustix::process::Pid>,
    ) -> Result<JailPosture, JailError> {
        let mut posture = JailPosture::default();
        let mut have = |layer| posture = posture.with(layer);
        // A build that leaves a layer out claims to have it nevertheless: it is to be missed by what can
        // be done without it.
        if cfg!(not(feature = "without-privileges")) {
            privileges::drop_all()?;
        }
        have(JailLayer::Privileges);
        if cfg!(not(feature = "without-parent-bound")) {
            privileges::bind_to_parent(parent)?;
        }
        have(JailLayer::ParentBound);
        // These two look into /proc, which is closed from `undumpable` on.
        if cfg!(not(feature = "without-limits")) {
            limits::set(self.memory, self.writes_files)?;
        }
        have(JailLayer::Limits);
        if cfg!(not(feature = "without-descriptors")) {
            descriptors::close_others(&self.keep)?;
        }
        have(JailLayer::Descriptors);
        if cfg!(not(feature = "without-undumpable")) {
            undumpable::set()?;
        }
        have(JailLayer::Undumpable);
        let found = match cfg!(feature = "without-landlock") {
            true => landlock::Found { network: true, scopes: true },
            false => landlock::restrict(self.kind.landlock_connects())?,
        };
        have(JailLayer::LandlockFiles);
        if found.network {
            have(JailLayer::LandlockNetwork);
        }
        if found.scopes {
            have(JailLayer::LandlockScopes);
        }
        if cfg!(feature = "without-wx") || wx::deny()? {
            have(JailLayer::WriteXorExecute);
        }
        if cfg!(not(feature = "without-seccomp")) {
            seccomp::install(filters)?;
        }
        have(JailLayer::SystemCalls);
        Ok(posture)
    }
}

impl Rehearsed {
    /// Closes the jail: sees that each child was ended by SIGSYS, puts on every layer, tries in place
    /// that other actions are refused. There is no way back. Call from the process's only thread.
    ///
    /// # Errors
    /// When a required layer cannot be had. The process may be locked in partly then, and should end
    /// with [`JailError::exit_code`].
    pub fn lock(self) -> Result<Locked, JailError> {
        let began = Instant::now();
        let Self { jail, filters, children, took } = self;
        require_one_thread()?;
        self_test::judge(jail.kind, children)?;
        let mut posture = jail.put_on(&filters, rustix::process::getppid())?;
        if cfg!(not(feature = "without-self-test")) {
            self_test::refused(jail.kind)?;
        }
        posture = posture.with(JailLayer::SelfTest);
        Ok(Locked { posture, took: took + began.elapsed() })
    }
}

/// Landlock below ABI 8 binds the calling thread and those it starts, no others; and a child of a
/// process with threads may find a lock held for ever.
fn require_one_thread() -> Result<(), JailError> {
    let failed = |what: String| JailError::new(JailLayer::LandlockFiles, what);
    // A thread that was joined may take a moment more to leave the list.
    for _ in 0..100 {
        let threads = std::fs::read_dir("/proc/self/task")
            .map_err(|error| failed(format!("counting threads: {error}")))?
            .count();
        if threads == 1 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(failed("expected one thread, found more".to_owned()))
}
