//! The camera side's end of a ring.

use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;

use cofferdam_picture::{MonotonicTime, PictureMut};

use crate::codes::{Codec, Fault, IngestState, SideIsolation};
use crate::filtered::Filtered;
use crate::layout::RingSpec;
use crate::map::{Map, MapError};
use crate::posture::JailPosture;
use crate::status::{
    CODEC, COUNTERS, Counter, FAULT, FAULTS, FILTERED, HEARTBEAT, JAIL, JAIL_NANOS, SIDE_ISOLATION,
    STAMPS, STATE, StatusSnapshot, WRITE_COUNTER,
};

/// Writes pictures into a ring and keeps its status block.
///
/// The worker holds one to write pictures; the dialer holds another on the same memory, to note
/// faults of workers that can no longer speak for themselves and to watch the heartbeat. Only the
/// worker calls [`write`](Self::write).
pub struct Writer {
    map: Map,
}

impl Writer {
    /// Maps the ring behind `fd` for writing.
    ///
    /// # Errors
    /// When the descriptor is not a sealed ring of this specification.
    pub fn map(fd: BorrowedFd<'_>, spec: RingSpec) -> Result<Self, MapError> {
        Map::new(fd, spec, true).map(|map| Self { map })
    }

    /// What the ring holds.
    #[must_use]
    pub const fn spec(&self) -> RingSpec {
        self.map.spec()
    }

    /// Writes one picture: `fill` paints the slot, then it is offered to the reader.
    ///
    /// `arrived` is when the last byte of the encoded picture was received; the stamp of completion
    /// is taken when `fill` returns. Never waits: the oldest picture is overwritten.
    pub fn write(&mut self, arrived: MonotonicTime, fill: impl FnOnce(PictureMut<'_>)) {
        let counter = self.map.word(WRITE_COUNTER).load(Ordering::Relaxed);
        let slot = self.slot_of(counter);
        let geometry = self.map.spec().geometry;
        if let Some(picture) =
            self.map.slot_mut(slot).and_then(|bytes| PictureMut::new(geometry, bytes))
        {
            fill(picture);
        }
        let stamps = STAMPS + slot * 2;
        self.map.word(stamps).store(arrived.as_nanos(), Ordering::Relaxed);
        self.map.word(stamps + 1).store(MonotonicTime::now().as_nanos(), Ordering::Relaxed);
        // Release: a reader that sees the counter sees pixels and stamps.
        self.map.word(WRITE_COUNTER).store(counter.wrapping_add(1), Ordering::Release);
    }

    /// Says what the worker is doing, and why it has no picture.
    pub fn set_state(&self, state: IngestState, fault: Fault) {
        self.map.word(FAULT).store(u64::from(fault.code()), Ordering::Relaxed);
        self.map.word(STATE).store(u64::from(state.code()), Ordering::Relaxed);
    }

    /// Says what the camera sends.
    pub fn set_codec(&self, codec: Codec) {
        self.map.word(CODEC).store(u64::from(codec.code()), Ordering::Relaxed);
    }

    /// Says how the worker is locked in, and how long that took.
    pub fn set_jail(&self, posture: JailPosture, took: std::time::Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.map.word(JAIL_NANOS).store(nanos, Ordering::Relaxed);
        self.map.word(JAIL).store(posture.bits(), Ordering::Relaxed);
    }

    /// Says what the camera side's isolation self-check found.
    pub fn set_isolation(&self, isolation: SideIsolation) {
        self.map.word(SIDE_ISOLATION).store(u64::from(isolation.code()), Ordering::Relaxed);
    }

    /// Adds to a counter.
    pub fn add(&self, counter: Counter, amount: u64) {
        self.map.word(COUNTERS + counter as usize).fetch_add(amount, Ordering::Relaxed);
    }

    /// Adds to what was kept from the decoder.
    pub fn add_filtered(&self, kind: Filtered, amount: u64) {
        self.map.word(FILTERED + kind as usize).fetch_add(amount, Ordering::Relaxed);
    }

    /// Counts one fault.
    pub fn count_fault(&self, fault: Fault) {
        let code = usize::from(fault.code());
        if code < Fault::COUNTERS {
            self.map.word(FAULTS + code).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Leaves a sign of life.
    pub fn beat(&self, now: MonotonicTime) {
        self.map.word(HEARTBEAT).store(now.as_nanos(), Ordering::Relaxed);
    }

    /// The last sign of life on this ring.
    #[must_use]
    pub fn last_beat(&self) -> MonotonicTime {
        MonotonicTime::from_nanos(self.map.word(HEARTBEAT).load(Ordering::Relaxed))
    }

    /// The status block as it stands.
    #[must_use]
    pub fn status(&self) -> StatusSnapshot {
        StatusSnapshot::read(&self.map)
    }

    fn slot_of(&self, counter: u64) -> usize {
        let slots = self.map.spec().slots.get() as u64;
        // Less than the slot count, which is at most 8.
        usize::try_from(counter % slots).unwrap_or_default()
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("spec", &self.spec()).finish_non_exhaustive()
    }
}
