//! The allow-list of system calls.

use cofferdam_picture_ring::JailLayer;

use crate::JailError;
use crate::policy::Filters;

/// Installs the filters on every thread of the process, the allow-list itself last.
pub(crate) fn install(filters: &Filters) -> Result<(), JailError> {
    filters
        .iter()
        .try_for_each(|filter| seccompiler::apply_filter_all_threads(filter))
        .map_err(|error| JailError::new(JailLayer::SystemCalls, error.to_string()))
}
