//! OpenCV and `PyAV`, which their users have from PyPI; `scripts/test` installs them beside the build.

use std::path::PathBuf;
use std::process::Command;

use crate::player::Transport;
use crate::skip::{Need, skip};

/// Whether they are there. Where they are not, says which test goes without.
#[must_use]
pub fn is_here(test: &str) -> bool {
    let there = interpreter().is_file();
    if !there {
        let why =
            format!("{} is not there (scripts/test makes it, from PyPI)", interpreter().display());
        skip(Need::Python, test, &why);
    }
    there
}

fn interpreter() -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    let target = test.ancestors().nth(3).expect("tests run from target/PROFILE/deps");
    target.join("python-clients/bin/python")
}

/// One of the readers beside this file.
pub(crate) fn command(script: &str, transport: Transport, url: &str) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(script);
    let mut command = Command::new(interpreter());
    command.arg(script).args([url, transport.rtsp_transport()]);
    command
}
