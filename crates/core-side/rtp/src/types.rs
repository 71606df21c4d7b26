//! The numbers of an RTP header (RFC 3550 §5.1), each a type of its own.

use std::fmt;

/// Ticks a second of the RTP clock of every video format published (RFC 6184 §8.2.1).
pub const VIDEO_CLOCK_RATE: u32 = 90_000;

/// Names the source of a stream of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ssrc(u32);

impl Ssrc {
    /// The source of that number. Numbers are drawn at random (RFC 3550 §8).
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Eight upper-case hexadecimal digits, as RTSP's `Transport` header writes it (RFC 2326 §12.39).
impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

/// The place of a packet in its stream, modulo 65536.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceNumber(u16);

impl SequenceNumber {
    /// The sequence number `number`.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The number of the packet after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A reading of an RTP clock of [`VIDEO_CLOCK_RATE`], modulo 2³².
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RtpTimestamp(u32);

impl RtpTimestamp {
    /// The timestamp `ticks`.
    #[must_use]
    pub const fn new(ticks: u32) -> Self {
        Self(ticks)
    }

    /// The reading, in ticks of 1/90000 s.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The reading `ticks` later.
    #[must_use]
    pub const fn wrapping_add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// The ticks from `earlier` to this reading, modulo 2³².
    #[must_use]
    pub const fn wrapping_sub(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// Says which format a packet's payload has: 0 to 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// The first dynamic number, which an SDP `rtpmap` gives its meaning (RFC 3551 §6).
    pub const DYNAMIC: Self = Self(96);
    /// Motion JPEG, a static number (RFC 3551 §6).
    pub const JPEG: Self = Self(26);

    /// The payload type `number`, `None` when it needs more than the header's seven bits.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 128 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap() {
        assert_eq!(SequenceNumber::new(u16::MAX).next(), SequenceNumber::new(0));
        let late = RtpTimestamp::new(u32::MAX).wrapping_add(5);
        assert_eq!(late, RtpTimestamp::new(4));
        assert_eq!(late.wrapping_sub(RtpTimestamp::new(u32::MAX)), 5);
    }

    #[test]
    fn a_payload_type_has_seven_bits() {
        assert_eq!(PayloadType::new(127).map(PayloadType::get), Some(127));
        assert_eq!(PayloadType::new(128), None);
    }

    #[test]
    fn an_ssrc_is_written_with_all_its_digits() {
        assert_eq!(Ssrc::new(0x0a1b).to_string(), "00000A1B");
    }
}
