//! Compiles a peer from the C file beside this one, for both benchmarks that have one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Compiles `NAME.c` into `folder` with the named libraries of GStreamer, and gives the program's path.
///
/// # Errors
/// When there is no compiler, or no GStreamer RTSP server library to compile against.
pub(crate) fn compile(name: &str, libraries: &[&str], folder: &Path) -> anyhow::Result<PathBuf> {
    let library = Command::new("pkg-config")
        .args(["--cflags", "--libs"])
        .args(libraries)
        .output()
        .context("pkg-config")?;
    ensure!(
        library.status.success(),
        "pkg-config does not know {}: install libgstrtspserver-1.0-dev",
        libraries.join(" and ")
    );
    let flags = String::from_utf8(library.stdout)?;
    let program = folder.join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer").join(name);
    let status = Command::new("cc")
        .args(["-O2", "-o"])
        .args([&program, &source.with_extension("c")])
        .args(flags.split_whitespace())
        .status()
        .context("cc")?;
    ensure!(status.success(), "cc ended with {status}");
    Ok(program)
}
