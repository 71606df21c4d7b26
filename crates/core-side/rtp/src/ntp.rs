//! Wall-clock time as RTCP carries it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from NTP's epoch (1900) to Unix's (1970).
const UNIX_EPOCH_IN_NTP: u64 = 2_208_988_800;

/// An NTP timestamp (RFC 3550 §4): seconds since 1900 in the upper 32 bits, modulo 2³², and
/// fractions of 2⁻³² s in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtpTimestamp(u64);

impl NtpTimestamp {
    /// The timestamp of those 64 bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All 64 bits.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The middle 32 bits: seconds in units of 2⁻¹⁶, as reports about reports use them.
    #[must_use]
    pub const fn middle(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// A time before 1970 counts as 1970.
impl From<SystemTime> for NtpTimestamp {
    fn from(time: SystemTime) -> Self {
        let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs().wrapping_add(UNIX_EPOCH_IN_NTP);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        Self(seconds << 32 | fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        assert_eq!(NtpTimestamp::from(UNIX_EPOCH).to_bits(), 0x83aa_7e80_0000_0000);
        let later = NtpTimestamp::from(UNIX_EPOCH + Duration::from_millis(1_500));
        assert_eq!(later.to_bits(), 0x83aa_7e81_8000_0000);
        assert_eq!(later.middle(), 0x7e81_8000);
        let before = NtpTimestamp::from(UNIX_EPOCH - Duration::from_secs(9));
        assert_eq!(before, NtpTimestamp::from(UNIX_EPOCH));
    }

    #[test]
    fn the_era_wraps() {
        let wrapped = UNIX_EPOCH + Duration::from_secs((1 << 32) - UNIX_EPOCH_IN_NTP + 3);
        assert_eq!(NtpTimestamp::from(wrapped).to_bits(), 3 << 32);
    }
}
