//! How a camera fares, as its encode worker sees it: the ring's status block, looked at on the core
//! side, and what the pacer did with its pictures.

use cofferdam_picture_ring::{
    Codec, Counter, Fault, Filtered, IngestState, JailPosture, SideIsolation, StatusSnapshot,
};

/// What the pacer did with the pictures of a ring, since the worker started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacerStatus {
    /// Ticks that showed a new picture.
    pub shown: u64,
    /// Ticks that showed the last picture again, for want of a new one.
    pub repeated: u64,
    /// Pictures that were never shown, because newer ones were there.
    pub skipped: u64,
    /// Access units thrown away because the pipe to the server was full.
    pub dropped: u64,
    /// The present offset between a picture's completion and its tick, in nanoseconds.
    pub offset_nanos: u64,
}

/// How the encode worker is locked in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JailStatus {
    /// The layers of its jail.
    pub posture: JailPosture,
    /// Nanoseconds it took to put them on.
    pub nanos: u64,
}

/// One report of an encode worker. Sent every 250 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraStatus {
    /// The status block; `None` while the ring is not mapped.
    pub ingest: StatusSnapshot,
    /// The pacer's counts.
    pub pacer: PacerStatus,
    /// The encode worker's own jail; the ingest worker's is in its status block.
    pub jail: JailStatus,
}

impl Default for CameraStatus {
    fn default() -> Self {
        Self {
            ingest: StatusSnapshot {
                state: IngestState::Idle,
                fault: Fault::None,
                codec: Codec::None,
                jail: JailPosture::default(),
                jail_nanos: 0,
                isolation: SideIsolation::NotMade,
                counters: [0; Counter::COUNT],
                faults: [0; Fault::COUNTERS],
                filtered: [0; Filtered::COUNT],
            },
            pacer: PacerStatus::default(),
            jail: JailStatus::default(),
        }
    }
}

const WORDS: usize = 6 + Counter::COUNT + Fault::COUNTERS + Filtered::COUNT + 7;

impl CameraStatus {
    /// The report as bytes: 64-bit little-endian words in a fixed order.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { ingest, pacer, jail } = self;
        let codes = [ingest.state.code(), ingest.fault.code(), ingest.codec.code()].map(u64::from);
        let ingest_side =
            [ingest.jail.bits(), ingest.jail_nanos, u64::from(ingest.isolation.code())];
        let pacer = [pacer.shown, pacer.repeated, pacer.skipped, pacer.dropped, pacer.offset_nanos];
        let jail = [jail.posture.bits(), jail.nanos];
        codes
            .iter()
            .chain(&ingest_side)
            .chain(&ingest.counters)
            .chain(&ingest.faults)
            .chain(&ingest.filtered)
            .chain(&pacer)
            .chain(&jail)
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    /// The report that `bytes` hold, `None` when they are not exactly one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != WORDS * 8 {
            return None;
        }
        let words: Vec<u64> =
            bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let mut words = words.into_iter();
        let mut next = || words.next().unwrap_or_default();
        Some(Self {
            ingest: StatusSnapshot {
                state: IngestState::from_code(next()),
                fault: Fault::from_code(next()),
                codec: Codec::from_code(next()),
                jail: JailPosture::from_bits(next()),
                jail_nanos: next(),
                isolation: SideIsolation::from_code(next()),
                counters: std::array::from_fn(|_| next()),
                faults: std::array::from_fn(|_| next()),
                filtered: std::array::from_fn(|_| next()),
            },
            pacer: PacerStatus {
                shown: next(),
                repeated: next(),
                skipped: next(),
                dropped: next(),
                offset_nanos: next(),
            },
            jail: JailStatus { posture: JailPosture::from_bits(next()), nanos: next() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_comes_back() {
        let mut status = CameraStatus::default();
        status.ingest.state = IngestState::Streaming;
        status.ingest.fault = Fault::CameraBusy;
        status.ingest.codec = Codec::Mjpeg;
        for (i, counter) in status.ingest.counters.iter_mut().enumerate() {
            *counter = i as u64 + 1;
        }
        for (i, fault) in status.ingest.faults.iter_mut().enumerate() {
            *fault = i as u64 + 100;
        }
        for (i, filtered) in status.ingest.filtered.iter_mut().enumerate() {
            *filtered = i as u64 + 200;
        }
        status.pacer =
            PacerStatus { shown: 1, repeated: 2, skipped: 3, dropped: 4, offset_nanos: 5 };
        status.ingest.jail = JailPosture::from_bits(5);
        status.ingest.jail_nanos = 6;
        status.ingest.isolation = SideIsolation::Failed;
        status.jail = JailStatus { posture: JailPosture::from_bits(9), nanos: 7 };
        assert_eq!(CameraStatus::from_bytes(&status.to_bytes()), Some(status.clone()));
        assert_eq!(CameraStatus::from_bytes(&status.to_bytes()[1..]), None);
    }
}
