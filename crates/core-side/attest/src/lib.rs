//! What an encoder's code is, and whether it is on the list of vetted ones.
//!
//! An encoder is vetted as a whole: element, version, the file of every executable mapping of its
//! worker with the SHA-256 of each, and what it makes of a built-in clip. The [`List`] of what was
//! vetted is a file; [`Mappings`] are read from the kernel's own list of what a process has mapped,
//! [`Hasher`] reads and remembers files, and [`Entry::measure`] and [`Entry::judge`] compare.
//!
//! The worker is not asked for its mappings or hashes: a library that was exchanged could have it
//! say anything. Files on the list are hashed *before* a worker runs their code, so that a changed
//! one never runs; the mappings, looked at after warm-up, show what the list does not know.
#![forbid(unsafe_code)]

#[cfg(all(
    not(debug_assertions),
    any(feature = "without-judgement", feature = "without-mapping-check",)
))]
compile_error!(
    "a part of the attestation is left out: such a build is for tests and cannot be shipped"
);

mod entry;
mod folders;
mod hasher;
mod known;
mod list;
mod mappings;

pub use entry::{Difference, Entry};
pub use folders::Folders;
pub use hasher::{HashError, Hasher};
pub use known::known_answer;
pub use list::{List, ListError};
pub use mappings::{Mappings, NoMappings};
