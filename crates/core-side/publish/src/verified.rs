//! The output verifier by itself.

use crate::Refusal;
use crate::access_unit::AccessUnit;

/// The NAL units of the access unit `bytes` that would be published: those of a key unit, or of one
/// that builds on others, of at most `limit` bytes. What the verifier takes out is not among them.
///
/// # Errors
/// Why it would not be published, whatever its mount's parameter sets are.
pub fn verified_nal_units(bytes: &[u8], key: bool, limit: usize) -> Result<Vec<&[u8]>, Refusal> {
    AccessUnit::verify(bytes, key, limit).map(|unit| unit.nal_units().to_vec())
}
