//! Accounts of the gateway, made as an operator makes them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::programs;

/// The password of every account here.
pub const PASSWORD: &str = "hunter2-Zw9x";

/// `cofferdam user add`, with that password on its standard input.
///
/// # Panics
/// When it does not run.
#[must_use]
pub fn user_add(arguments: &[&str], password: &str) -> Output {
    let mut child = Command::new(programs::ours("cofferdam"))
        .args(["user", "add"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // With `--generate` nobody reads it.
    let _ = writeln!(child.stdin.take().unwrap(), "{password}");
    child.wait_with_output().unwrap()
}

/// The block that `cofferdam user add` prints for a new account, with those lines added.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn block(folder: &Path, name: &str, mounts: &str, more: &str) -> String {
    let file = folder.join(name);
    let output = user_add(&[name, "--secret-file", file.to_str().unwrap()], PASSWORD);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let block = String::from_utf8(output.stdout).unwrap();
    assert!(block.starts_with("[[reader]]\n") && !block.contains(PASSWORD), "{block}");
    format!("{}{more}\n", block.replace("[\"*\"]", mounts))
}
