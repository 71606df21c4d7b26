//! One access unit, packed and on its way to readers.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_picture::MonotonicTime;
use cofferdam_rtp::{PacketizedUnit, RtpTimestamp, SequenceNumber};

use crate::metrics::Latency;

/// One access unit of a mount: made once, shared by all its readers.
#[derive(Debug)]
pub struct Unit {
    /// A reader can begin here: parameter sets and an IDR picture.
    pub key: bool,
    /// It shows a live picture; otherwise a slate.
    pub live: bool,
    /// When it was due, by the gateway's clock.
    pub due: MonotonicTime,
    /// The timestamp of all its packets.
    pub timestamp: RtpTimestamp,
    /// The number of its first packet.
    pub first_sequence: SequenceNumber,
    /// Its packets.
    pub packets: PacketizedUnit,
    pub(crate) sent: FirstSent,
    pub(crate) unframed: OnceLock<Vec<u8>>,
}

impl Unit {
    /// Says that the unit has been written to a reader. The first time, how long its picture took
    /// to get here is observed; a slate, or a picture shown before, took no meaningful time.
    pub fn sent(&self, now: MonotonicTime) {
        self.sent.observe(now);
    }

    /// The packets of a run (see [`PacketizedUnit::runs`]) one after the other as they go over UDP, and how
    /// long each but the last is. Copied once for all readers.
    pub fn datagrams(&self, run: Range<usize>) -> (&[u8], usize) {
        let (range, size) = self.packets.unframed_run(run);
        (&self.unframed.get_or_init(|| self.packets.unframed())[range], size)
    }

    /// Bytes this unit takes in a reader's queue.
    pub(crate) const fn len(&self) -> usize {
        self.packets.framed().len()
    }
}

/// Observes the latency of a unit, once.
#[derive(Debug, Default)]
pub(crate) struct FirstSent {
    done: AtomicBool,
    picture: Option<PictureStamps>,
}

/// Where a new, live picture comes from in time.
#[derive(Debug)]
pub(crate) struct PictureStamps {
    pub(crate) arrived: Option<MonotonicTime>,
    pub(crate) complete: Option<MonotonicTime>,
    pub(crate) latency: Latency,
}

impl FirstSent {
    pub(crate) const fn new(picture: Option<PictureStamps>) -> Self {
        Self { done: AtomicBool::new(false), picture }
    }

    fn observe(&self, now: MonotonicTime) {
        let Some(picture) = &self.picture else { return };
        if !self.done.swap(true, Ordering::Relaxed) {
            picture.latency.observe(picture.arrived, picture.complete, now);
        }
    }
}
