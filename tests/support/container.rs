//! Containers, where an engine is there: images made of nothing but programs and the libraries they
//! load, so that no registry is needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::skip::{Need, skip};

/// What an unprivileged container has: no capability, no way to new privileges, no root, no file system
/// of its own to write to, and the engine's default list of system calls.
pub const UNPRIVILEGED: [&str; 5] = [
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--user=65534:65534",
    "--read-only",
    "--pids-limit=256",
];

/// Whether a container engine answers. Where none does, says which test goes without.
#[must_use]
pub fn engine(test: &str) -> bool {
    let found = Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        skip(Need::Containers, test, "no container engine answers to `docker version`");
    }
    found
}

/// Runs `docker` with `arguments` to its end.
///
/// # Panics
/// When there is no such program.
#[must_use]
pub fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).stdin(Stdio::null()).output().expect("docker runs")
}

/// The tag of an image that holds `programs` under `/cofferdam`, `files` where they are on this host,
/// and every library these load, where it is on this host. Made anew only when one of them changed.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn image(name: &str, programs: &[PathBuf], files: &[PathBuf]) -> String {
    let mut contents: BTreeSet<(PathBuf, PathBuf)> = BTreeSet::new();
    for program in programs {
        let file_name = program.file_name().expect("a program has a name");
        contents.insert((program.clone(), Path::new("cofferdam").join(file_name)));
    }
    for file in programs.iter().chain(files) {
        let in_place =
            |path: PathBuf| (path.clone(), path.strip_prefix("/").expect("absolute").to_owned());
        contents.extend(libraries(file).into_iter().map(in_place));
    }
    contents.extend(
        files.iter().map(|f| (f.clone(), f.strip_prefix("/").expect("absolute").to_owned())),
    );
    let tag = format!("cofferdam-test-{name}:{}", digest(&contents));
    if docker(&["image", "inspect", &tag]).status.success() {
        return tag;
    }
    forget_others(name);
    let root = tempfile::TempDir::with_prefix("cofferdam-image-").expect("a temporary folder");
    for (from, to) in &contents {
        let to = root.path().join(to);
        std::fs::create_dir_all(to.parent().expect("a file has a folder")).expect("a folder");
        std::fs::copy(from, to).expect("a file can be copied");
    }
    let mut tar = Command::new("tar")
        .arg("-C")
        .arg(root.path())
        .args(["-c", "."])
        .stdout(Stdio::piped())
        .spawn()
        .expect("tar runs");
    let archive = tar.stdout.take().expect("its output is a pipe");
    let imported = Command::new("docker")
        .args(["import", "-", &tag])
        .stdin(archive)
        .output()
        .expect("docker runs");
    assert!(tar.wait().is_ok_and(|s| s.success()) && imported.status.success(), "{imported:?}");
    tag
}

/// Every library that `file` loads, as the loader finds them on this host.
fn libraries(file: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(file).output().expect("ldd runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn digest(contents: &BTreeSet<(PathBuf, PathBuf)>) -> String {
    let sums = Command::new("sha256sum")
        .args(contents.iter().map(|(from, _)| from))
        .output()
        .expect("sha256sum runs");
    assert!(sums.status.success(), "{sums:?}");
    let all = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(all.path(), &sums.stdout).expect("it can be written");
    let sum = Command::new("sha256sum").arg(all.path()).output().expect("sha256sum runs");
    String::from_utf8_lossy(&sum.stdout).chars().take(16).collect()
}

/// Removes images of the same name and other contents: one is enough to keep.
fn forget_others(name: &str) {
    let repository = format!("cofferdam-test-{name}");
    let listed = docker(&["images", "--quiet", &repository]);
    for id in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
        let _ = docker(&["rmi", "--force", id]);
    }
}

/// A container that is removed when this is dropped.
#[derive(Debug)]
pub struct Container(String);

impl Container {
    /// Starts one of `image`, with `options` of `docker run`, running `command`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(options: &[&str], image: &str, command: &[&str]) -> Self {
        let started = docker(&[&["run", "--detach"], options, &[image], command].concat());
        assert!(started.status.success(), "{started:?}");
        Self(String::from_utf8_lossy(&started.stdout).trim().to_owned())
    }

    /// Its number, as `docker` prints it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }

    /// What it has written so far, both streams.
    #[must_use]
    pub fn log(&self) -> String {
        let output = docker(&["logs", &self.0]);
        let [out, err] =
            [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned());
        out + &err
    }

    /// The host's number of its first process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> i32 {
        let output = docker(&["inspect", "--format", "{{.State.Pid}}", &self.0]);
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().unwrap_or_else(|_| panic!("no process of {}: {text}", self.0))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the container\n{}", self.log());
        }
        let _ = docker(&["rm", "--force", &self.0]);
    }
}
