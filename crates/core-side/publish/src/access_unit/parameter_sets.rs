//! The parameter sets of a mount: fixed when its encoder starts, for the gateway's life.

use bytes::Bytes;

use super::Refusal;

/// The longest parameter set, in bytes. Those of the encoders used are below 64.
const MAX_PARAMETER_SET: usize = 1024;

/// A mount's sequence and picture parameter set, as NAL units without start codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSets {
    sps: Bytes,
    pps: Bytes,
    profile_level_id: String,
}

impl ParameterSets {
    /// Copies parameter sets that were found good by [`check`](Self::check).
    pub(crate) fn new(sps: &[u8], pps: &[u8]) -> Self {
        let profile_level_id = sps.iter().skip(1).take(3).map(|byte| format!("{byte:02X}"));
        Self {
            sps: Bytes::copy_from_slice(sps),
            pps: Bytes::copy_from_slice(pps),
            profile_level_id: profile_level_id.collect(),
        }
    }

    pub(crate) const fn check(sps: &[u8], pps: &[u8]) -> Result<(), Refusal> {
        if sps.len() > MAX_PARAMETER_SET || pps.len() > MAX_PARAMETER_SET {
            return Err(Refusal::TooLarge);
        }
        // Profile, constraints and level have to be there.
        if sps.len() < 4 { Err(Refusal::Malformed) } else { Ok(()) }
    }

    /// The sequence parameter set.
    #[must_use]
    pub fn sps(&self) -> &[u8] {
        &self.sps
    }

    /// The picture parameter set.
    #[must_use]
    pub fn pps(&self) -> &[u8] {
        &self.pps
    }

    /// Profile, constraint flags and level as six upper-case hexadecimal digits: the
    /// `profile-level-id` of an SDP (RFC 6184 §8.1).
    #[must_use]
    pub fn profile_level_id(&self) -> &str {
        &self.profile_level_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_and_level_are_those_of_the_sps() {
        let sets = ParameterSets::new(&[0x67, 0x4d, 0x0a, 0x1f, 0x95], &[0x68, 0xee]);
        assert_eq!(sets.profile_level_id(), "4D0A1F");
        assert_eq!((sets.sps().len(), sets.pps()), (5, &[0x68, 0xee][..]));
    }
}
