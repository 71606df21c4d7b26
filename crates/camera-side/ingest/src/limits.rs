//! What a camera may make a worker wait for, and take in.

use std::time::Duration;

use cofferdam_unit_filter::limits::{BURST, BYTES_A_SECOND, LARGEST_UNIT};

/// What a worker may map once it is locked in, in bytes, besides the ring: the pictures a decoder holds at
/// the largest size that is taken, one access unit, and what a connection may pile up before it is ended.
pub const MEMORY: u64 = 512 << 20;

/// The limits of a connection. A worker's are [`SHIPPED`](Self::SHIPPED), and nothing sets others but
/// tests, which show that without one of them its attack is not contained.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the first answer: a description, at the most.
    pub first_answer: usize,
    /// Bytes of all answers before the camera is asked to play. A description has a few kilobytes.
    pub answers: u64,
    /// Bytes without an access unit among them. Twice the largest, which comes in packets.
    pub without_unit: u64,
    /// Bytes a second, in the long run.
    pub rate: u64,
    /// Bytes that may come at once beyond that.
    pub burst: u64,
    /// For each answer.
    pub answer: Duration,
    /// From PLAY to the first picture, and the longest that units may come without one.
    pub picture: Duration,
    /// Between two access units.
    pub unit: Duration,
    /// Failures in a row after which a decoder is given up on, or a stream that is all damage.
    pub failures: u32,
}

impl Limits {
    /// Those of every worker.
    pub const SHIPPED: Self = Self {
        first_answer: 64 * 1024,
        answers: 256 * 1024,
        without_unit: 2 * LARGEST_UNIT as u64,
        rate: BYTES_A_SECOND,
        burst: BURST,
        answer: Duration::from_secs(10),
        picture: Duration::from_secs(10),
        unit: Duration::from_secs(5),
        failures: 100,
    };
}
