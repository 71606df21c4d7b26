//! The list of vetted encoders beside the programs: made once after a build.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

/// Writes the list beside the programs in `folder` when there is none, or none of this build. Test
/// programs may run at the same time: they take turns. A folder without a gateway or an encode worker
/// is left as it is.
///
/// # Panics
/// When the list cannot be written.
pub fn ensure(folder: &Path) {
    let [gateway, worker] = ["cofferdam", "cofferdam-encode"].map(|name| folder.join(name));
    if is_good(folder) || !gateway.is_file() || !worker.is_file() {
        return;
    }
    let turn = File::open(folder).expect("the folder can be opened");
    flock(&turn, FlockOperation::LockExclusive).expect("a folder can be locked");
    if !is_good(folder) {
        let output = Command::new(gateway).args(["attest", "--write"]).output();
        let output = output.expect("the gateway starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "attest --write: {said}");
    }
}

/// Whether the list is newer than the worker. A changed library is not looked for: it is to be refused.
fn is_good(folder: &Path) -> bool {
    let (list, worker) = (folder.join("vetted.toml"), folder.join("cofferdam-encode"));
    let (Ok(list), Ok(worker)) = (list.metadata(), worker.metadata()) else { return false };
    // Cargo brings back what it built before with the time of that build, but links it anew.
    let changed = |file: &Metadata| (file.ctime(), file.ctime_nsec());
    changed(&list) > changed(&worker)
}
