//! The mapping itself, and the only accesses to it: the crate's `unsafe`.

use std::ffi::c_void;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, ProtFlags};

use crate::layout::{PAGE, RingSpec};

/// Why a ring could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The kernel refused.
    #[error("mapping the picture ring: {0}")]
    Map(#[source] io::Error),
    /// The descriptor's size is not the one the specification gives.
    #[error("picture ring: expected {expected} bytes, found {found}")]
    Size {
        /// Bytes by the specification.
        expected: usize,
        /// Bytes of the descriptor.
        found: u64,
    },
    /// The descriptor is not sealed against resizing, so a mapping of it could fault.
    #[error("picture ring: expected a memfd sealed against resizing, found {0}")]
    Unsealed(&'static str),
}

/// A shared mapping of a ring's whole memory.
pub(crate) struct Map {
    base: NonNull<u8>,
    spec: RingSpec,
    writable: bool,
}

// SAFETY: the mapping is plain memory with no thread affinity; all access goes through atomics or
// raw copies, which the methods below argue for one by one.
unsafe impl Send for Map {}

// SAFETY: through a shared reference there are only atomic accesses and raw reads; the one method
// that hands out a slice to write takes `&mut self`.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the memory behind `fd`.
    ///
    /// # Errors
    /// When the descriptor has another size, is not sealed against resizing, or cannot be mapped.
    pub(crate) fn new(
        fd: BorrowedFd<'_>,
        spec: RingSpec,
        writable: bool,
    ) -> Result<Self, MapError> {
        use rustix::fs::SealFlags;
        let io_error = |e: rustix::io::Errno| MapError::Map(e.into());
        let seals = rustix::fs::fcntl_get_seals(fd)
            .map_err(|_| MapError::Unsealed("a descriptor without seals"))?;
        let sealed = seals.contains(SealFlags::SHRINK | SealFlags::GROW);
        if !sealed && cfg!(not(feature = "without-seal-check")) {
            return Err(MapError::Unsealed("a memfd that can be resized"));
        }
        let found = u64::try_from(rustix::fs::fstat(fd).map_err(io_error)?.st_size).unwrap_or(0);
        let expected = spec.total_len();
        if found != expected as u64 {
            return Err(MapError::Size { expected, found });
        }
        let protection =
            if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases no Rust object; the
        // descriptor has `expected` bytes and, being sealed, keeps them for the mapping's life.
        let base = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), expected, protection, MapFlags::SHARED, fd, 0)
        }
        .map_err(io_error)?;
        let base = NonNull::new(base.cast::<u8>())
            .ok_or_else(|| MapError::Map(io::Error::other("mapped at address zero")))?;
        Ok(Self { base, spec, writable })
    }

    /// What the ring holds.
    pub(crate) const fn spec(&self) -> RingSpec {
        self.spec
    }

    /// The status block's 64-bit word `index`, brought into range.
    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        let offset = (index % (PAGE / 8)) * 8;
        // SAFETY: `offset` is within the first page, which every ring has, and a multiple of 8 from
        // a page-aligned base. Memory shared with another process is accessed by atomics only. On a
        // read-only mapping callers only load (`Reader` offers nothing else), and 64-bit atomic
        // loads are plain loads on every target this builds for.
        unsafe { &*self.base.as_ptr().add(offset).cast::<AtomicU64>() }
    }

    /// Copies slot `index` into `picture`, which must have the picture's length.
    pub(crate) fn copy_out(&self, index: usize, picture: &mut [u8]) {
        let length = self.spec.geometry.picture_len().min(picture.len());
        let offset = self.spec.slot_offset(index);
        // SAFETY: `slot_offset` brings any index into the mapping and leaves a whole picture
        // behind it (tested); `picture` is ours alone, so the two do not overlap. The other process
        // may write meanwhile: the bytes are then a mixture, which as pixels are as good as any.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.base.as_ptr().add(offset).cast_const(),
                picture.as_mut_ptr(),
                length,
            );
        }
    }

    /// Slot `index` for writing, `None` on a read-only mapping.
    pub(crate) fn slot_mut(&mut self, index: usize) -> Option<&mut [u8]> {
        if !self.writable {
            return None;
        }
        let offset = self.spec.slot_offset(index);
        // SAFETY: in range as in `copy_out`. `&mut self` makes this the only reference in this
        // process, and the ring has one writing process at a time; the reading side copies through
        // raw pointers and only ever reads, so what this slice says stays true.
        Some(unsafe {
            std::slice::from_raw_parts_mut(
                self.base.as_ptr().add(offset),
                self.spec.geometry.picture_len(),
            )
        })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: `base` and the length are those of the mapping made in `new`, and every borrow of
        // it ended with `self`. Unmapping can only fail for arguments that are not a mapping.
        let _ = unsafe {
            rustix::mm::munmap(self.base.as_ptr().cast::<c_void>(), self.spec.total_len())
        };
    }
}
