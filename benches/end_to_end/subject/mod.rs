//! What is measured: something that reads cameras and serves their pictures encoded anew.

pub(crate) mod gateway;
pub(crate) mod peer;

use cofferdam_system_tests::http::Metrics;
use cofferdam_system_tests::processes::Process;

/// A running subject. It ends when this is dropped.
pub(crate) trait Subject {
    /// What the report calls it.
    fn name(&self) -> &'static str;

    /// Where its `index`th camera is served.
    fn url(&self, index: usize) -> String;

    /// Its processes, each with what the report calls it.
    fn processes(&self) -> Vec<(&'static str, Process)>;

    /// What it says of itself, if it says anything.
    fn metrics(&self) -> Option<Metrics> {
        None
    }
}
