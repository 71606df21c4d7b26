//! Bounds on what the process may use up.

use cofferdam_picture_ring::JailLayer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::JailError;

/// The highest number of descriptors: a worker has a dozen.
const DESCRIPTORS: u64 = 64;

/// Sets the limits, `memory` bytes of address space above what is mapped now.
pub(crate) fn set(memory: u64, writes_files: bool) -> Result<(), JailError> {
    let failed = |what: String| JailError::new(JailLayer::Limits, what);
    let mapped = mapped_bytes().map_err(failed)?;
    let mut limits = vec![
        (Resource::As, mapped.saturating_add(memory)),
        (Resource::Core, 0),
        (Resource::Nofile, DESCRIPTORS),
        // Threads and processes alike; root is exempt, and meets the list of system calls instead.
        (Resource::Nproc, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    if !writes_files {
        // Writing to a file is a signal then, and standard streams must be none.
        limits.push((Resource::Fsize, 0));
    }
    for (resource, most) in limits {
        // A lower limit of the host's stays.
        let most = getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|errno| failed(format!("limiting {resource:?} to {most}: {errno}")))?;
        if getrlimit(resource) != (Rlimit { current: Some(most), maximum: Some(most) }) {
            return Err(failed(format!("the limit on {resource:?} does not stay")));
        }
    }
    Ok(())
}

/// The address space mapped now, in bytes.
fn mapped_bytes() -> Result<u64, String> {
    let text = std::fs::read_to_string("/proc/self/statm")
        .map_err(|error| format!("reading /proc/self/statm: {error}"))?;
    let pages = text.split(' ').next().and_then(|pages| pages.parse::<u64>().ok());
    let size = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    pages
        .and_then(|pages| pages.checked_mul(size))
        .ok_or_else(|| "reading /proc/self/statm: expected a number, found none".to_owned())
}
