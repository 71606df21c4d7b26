//! The binaries that are measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use cofferdam_system_tests::programs;

const NAMES: [&str; 4] =
    ["cofferdam", "cofferdam-ingest", "cofferdam-encode", "cofferdam-simulator"];

/// Builds them as they are shipped. Cargo builds no other package's binaries for a benchmark.
pub(crate) fn build() -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["build", "--release", "--locked", "--quiet"]);
    command.args(NAMES.iter().flat_map(|name| ["-p", name]));
    ensure!(command.status()?.success(), "the binaries do not build");
    Ok(())
}

/// Copies of the binaries, which stay the same from the first round to the last, whatever is built
/// meanwhile.
pub(crate) struct Binaries(PathBuf);

impl Binaries {
    /// Copies the binaries built beside this program to `folder`.
    pub(crate) fn copy_to(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.join("binaries");
        std::fs::create_dir(&folder)?;
        for name in NAMES {
            std::fs::copy(programs::ours(name), folder.join(name)).context(name)?;
        }
        Ok(Self(folder))
    }

    /// The gateway.
    pub(crate) fn cofferdam(&self) -> PathBuf {
        self.0.join("cofferdam")
    }

    /// The cameras.
    pub(crate) fn simulator(&self) -> PathBuf {
        self.0.join("cofferdam-simulator")
    }
}
