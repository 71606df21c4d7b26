//! The ring's memory as the core side makes it, before anyone else sees it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

use crate::RingSpec;

/// A sealed memfd of a ring, held by the core side for the gateway's life.
#[derive(Debug)]
pub struct RingMemory {
    fd: OwnedFd,
    spec: RingSpec,
}

/// Why a ring's memory could not be made.
#[derive(Debug, thiserror::Error)]
#[error("making the picture ring: {step}: {source}")]
pub struct RingMemoryError {
    step: &'static str,
    source: io::Error,
}

impl RingMemory {
    /// Creates, sizes and seals the memory: nobody can resize it or change its seals after this.
    ///
    /// # Errors
    /// When the kernel refuses (out of descriptors or memory, or memfd is not available).
    pub fn create(spec: RingSpec) -> Result<Self, RingMemoryError> {
        let failed = |step| move |e: rustix::io::Errno| RingMemoryError { step, source: e.into() };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("cofferdam-ring", flags).map_err(failed("create"))?;
        rustix::fs::ftruncate(&fd, spec.total_len() as u64).map_err(failed("size"))?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        if cfg!(not(feature = "without-seals")) {
            rustix::fs::fcntl_add_seals(&fd, seals).map_err(failed("seal"))?;
        }
        Ok(Self { fd, spec })
    }

    /// What the ring holds.
    #[must_use]
    pub const fn spec(&self) -> RingSpec {
        self.spec
    }

    /// The descriptor the camera side gets: read and write.
    #[must_use]
    pub fn writer_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// A descriptor of the same memory *reopened* read-only, for the encode worker: a read-only map
    /// of a read-write descriptor could be made writable again, a map of this one cannot.
    ///
    /// # Errors
    /// When `/proc/self/fd` cannot be reached; a process that is not dumpable cannot.
    pub fn reopen_read_only(&self) -> Result<OwnedFd, RingMemoryError> {
        use std::os::fd::AsRawFd;
        let mode = match cfg!(feature = "without-read-only") {
            true => OFlags::RDWR,
            false => OFlags::RDONLY,
        };
        let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        rustix::fs::open(path, mode | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| RingMemoryError { step: "reopen read-only", source: e.into() })
    }
}
