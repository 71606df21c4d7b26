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
}

impl ParameterSets {
    /// Copies parameter sets that were found good by [`check`](Self::check).
    pub(crate) fn new(sps: &[u8], pps: &[u8]) -> Self {
        Self { sps: Bytes::copy_from_slice(sps), pps: Bytes::copy_from_slice(pps) }
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
}
