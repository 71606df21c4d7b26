//! The sealed ring that carries pictures, and nothing else, over the boundary.
//!
//! The core side creates a memfd for the *configured* geometry and seals its size before anyone
//! else sees it ([`RingMemory`]). The camera side maps it read-write ([`Writer`]); the encode
//! worker gets a descriptor that was reopened read-only and maps that ([`Reader`]). The memory is
//! one status block of counters and codes, then N slots that hold pixels and nothing else.
//!
//! # Memory safety
//! The two sides do not trust each other, so neither takes a reference to memory the other may be
//! writing: the reader copies bytes out through raw pointers into a picture of its own, counters
//! are atomics, and no value read from the memory is used as an index, a size or a pointer before
//! it was brought into range by arithmetic that does not depend on the writer's good will. A torn
//! picture is an ugly picture, never an error. The size is sealed, so no access can fault.
//!
//! `unsafe` lives in `map.rs` (the mapping, and the accessors over it) and nowhere else.

#[cfg(all(
    not(debug_assertions),
    any(feature = "without-seals", feature = "without-seal-check", feature = "without-read-only",)
))]
compile_error!(
    "a control of the ring is left out: such a build is for tests and cannot be shipped"
);

mod codes;
mod filtered;
mod layout;
mod map;
mod memory;
mod posture;
mod reader;
mod status;
mod writer;

pub use codes::{Codec, Fault, IngestState, SideIsolation};
pub use filtered::Filtered;
pub use layout::{RingSpec, RingSpecError, SlotCount};
pub use map::MapError;
pub use memory::{RingMemory, RingMemoryError};
pub use posture::{JailLayer, JailPosture, MissingLayers};
pub use reader::{Reader, SlotStamps};
pub use status::{Counter, StatusSnapshot};
pub use writer::Writer;
