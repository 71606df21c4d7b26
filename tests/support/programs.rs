//! The built programs, and the ones Debian ships.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::skip::{Need, skip};
use crate::vetting;

/// A program of this workspace, built beside the running test; the gateway with a list of vetted
/// encoders beside it.
///
/// # Panics
/// When it was not built: `cargo test` alone does not build other packages' programs.
#[must_use]
pub fn ours(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    let folder = test.ancestors().nth(2).expect("tests run from target/PROFILE/deps");
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --bins`",
        path.display()
    );
    if name == "cofferdam" {
        vetting::ensure(folder);
    }
    path
}

/// A test program of this workspace: an example of one of its packages, which nothing ships.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let path = ours("cofferdam").with_file_name("examples").join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --examples`",
        path.display()
    );
    path
}

/// Whether a program of the host is there. Where it is not, says which test goes without.
#[must_use]
pub fn has(name: &str, test: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {name}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let why = format!("{name} is not installed (scripts/test installs it)");
        skip(Need::Programs, test, &why);
    }
    found
}

/// Whether GStreamer speaks TLS on this host: its library finds it in a module of its own. Where it does not,
/// says which test goes without.
#[must_use]
pub fn has_gio_tls(test: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "ls /usr/lib/*/gio/modules/libgiognutls.so"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        let why = "glib-networking is not installed (scripts/test installs it)";
        skip(Need::Programs, test, why);
    }
    found
}

/// The footage folder beside the repository, where there is one.
#[must_use]
pub fn footage(file: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../shared/footage").join(file);
    path.is_file().then_some(path)
}
