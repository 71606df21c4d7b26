//! The status block: a fixed table of 64-bit words at the start of the ring.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | pictures ever written: the write counter |
//! | 1–3 | codes: state, fault, codec |
//! | 4 | the worker's jail: one bit a [`JailLayer`](crate::JailLayer) |
//! | 5 | nanoseconds the worker took to lock itself in |
//! | 6 | code: what the camera side's isolation self-check found |
//! | 8–23 | counters, one a [`Counter`] |
//! | 32–95 | faults so far, one a [`Fault`] code below 64 |
//! | 96–111 | stamps: for each slot, arrival and completion in monotonic nanoseconds |
//! | 120 | heartbeat: monotonic nanoseconds of the worker's last sign of life |
//! | 128–143 | what was filtered out before the decoder so far, one a [`Filtered`] |

use std::sync::atomic::Ordering;

use crate::codes::{Codec, Fault, IngestState, SideIsolation};
use crate::filtered::Filtered;
use crate::map::Map;
use crate::posture::JailPosture;

pub(crate) const WRITE_COUNTER: usize = 0;
pub(crate) const STATE: usize = 1;
pub(crate) const FAULT: usize = 2;
pub(crate) const CODEC: usize = 3;
pub(crate) const JAIL: usize = 4;
pub(crate) const JAIL_NANOS: usize = 5;
pub(crate) const SIDE_ISOLATION: usize = 6;
pub(crate) const COUNTERS: usize = 8;
pub(crate) const FAULTS: usize = 32;
pub(crate) const STAMPS: usize = 96;
pub(crate) const HEARTBEAT: usize = 120;
pub(crate) const FILTERED: usize = 128;

/// The counters a camera side keeps for each camera. They run on when a worker is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Pictures decoded.
    Pictures = 0,
    /// Bytes of encoded video received.
    BytesIn = 1,
    /// Nanoseconds spent decoding and converting.
    DecodeNanos = 2,
    /// RTP packets lost, as told by gaps in sequence numbers.
    PacketsLost = 3,
    /// Access units the decoder refused or marked as corrupt.
    DecodeErrors = 4,
    /// Connections made after the first.
    Reconnects = 5,
    /// Worker processes started.
    WorkerStarts = 6,
}

impl Counter {
    /// How many there are.
    pub const COUNT: usize = 7;
}

/// One look at a status block: codes already brought into their vocabulary, counters as written.
///
/// Counters are the camera side's word and no more: good for a metric, for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSnapshot {
    /// What the worker is doing.
    pub state: IngestState,
    /// The current fault; [`Fault::None`] while pictures arrive.
    pub fault: Fault,
    /// What the camera sends.
    pub codec: Codec,
    /// The layers of the worker's jail.
    pub jail: JailPosture,
    /// Nanoseconds it took the worker to lock itself in.
    pub jail_nanos: u64,
    /// What the camera side's isolation self-check found.
    pub isolation: SideIsolation,
    /// One a [`Counter`].
    pub counters: [u64; Counter::COUNT],
    /// One a [`Fault`] code below [`Fault::COUNTERS`].
    pub faults: [u64; Fault::COUNTERS],
    /// One a [`Filtered`].
    pub filtered: [u64; Filtered::COUNT],
}

impl StatusSnapshot {
    pub(crate) fn read(map: &Map) -> Self {
        let word = |index: usize| map.word(index).load(Ordering::Relaxed);
        Self {
            state: IngestState::from_code(word(STATE)),
            fault: Fault::from_code(word(FAULT)),
            codec: Codec::from_code(word(CODEC)),
            jail: JailPosture::from_bits(word(JAIL)),
            jail_nanos: word(JAIL_NANOS),
            isolation: SideIsolation::from_code(word(SIDE_ISOLATION)),
            counters: std::array::from_fn(|i| word(COUNTERS + i)),
            faults: std::array::from_fn(|i| word(FAULTS + i)),
            filtered: std::array::from_fn(|i| word(FILTERED + i)),
        }
    }

    /// The value of `counter`.
    #[must_use]
    pub const fn counter(&self, counter: Counter) -> u64 {
        self.counters[counter as usize]
    }
}
