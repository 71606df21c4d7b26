//! Network namespaces with cables between them: a camera network, a gateway and a core network on one
//! machine, out of reach of everything else on it.

use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::programs;
use crate::run::Program;
use crate::skip::{Need, skip};

/// For whatever is run in one, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A network namespace, gone when it is dropped; whatever runs in it is to be dropped before.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

/// Whether this machine can make namespaces and cables. Where it cannot, says which test goes without.
#[must_use]
pub fn available(test: &str) -> bool {
    if !programs::has("ip", test) {
        return false;
    }
    let name = unique("try");
    let made = ip(&["netns", "add", &name]);
    let cable = ip(&["-n", &name, "link", "add", "end0", "type", "veth", "peer", "name", "end1"]);
    let _ = ip(&["netns", "del", &name]);
    for tried in [made, cable] {
        if !tried.status.success() {
            let said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
            skip(Need::Namespaces, test, &format!("no network namespaces on this machine: {said}"));
            return false;
        }
    }
    true
}

/// Whether everything is here that `test` needs beside namespaces, and they themselves; where not, says so.
#[must_use]
pub fn can(test: &str, needed: &[&str]) -> bool {
    needed.iter().all(|program| programs::has(program, test)) && available(test)
}

fn unique(role: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("cofferdam-{}-{}-{role}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn ip(arguments: &[&str]) -> Output {
    let mut command = Command::new("ip");
    command.args(arguments).stdin(Stdio::null()).output().expect("ip starts")
}

impl Namespace {
    /// A new one, without any cable; `role` is part of its name.
    ///
    /// # Panics
    /// When it cannot be made: ask [`available`] first.
    #[must_use]
    pub fn new(role: &str) -> Self {
        let name = unique(role);
        let made = ip(&["netns", "add", &name]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let namespace = Self { name };
        namespace.run("ip", &["link", "set", "lo", "up"]);
        namespace
    }

    /// Lays a cable from `interface` here to `their_interface` of `other`; both ends are up.
    ///
    /// # Panics
    /// When that fails.
    pub fn cable(&self, interface: &str, other: &Self, their_interface: &str) {
        let peer = ["peer", "name", their_interface, "netns", &other.name];
        let link = [&["link", "add", interface, "type", "veth"][..], &peer].concat();
        self.run("ip", &link);
        self.run("ip", &["link", "set", interface, "up"]);
        other.run("ip", &["link", "set", their_interface, "up"]);
    }

    /// Gives an interface an address, such as `10.0.0.1/24`.
    ///
    /// # Panics
    /// When that fails.
    pub fn address(&self, interface: &str, address: &str) {
        self.run("ip", &["address", "add", address, "dev", interface]);
    }

    /// Sets `/proc/sys/net/PATH`.
    ///
    /// # Panics
    /// When that fails.
    pub fn set(&self, path: &str, value: &str) {
        self.run("sh", &["-c", &format!("echo {value} > /proc/sys/net/{path}")]);
    }

    /// The hardware address of an interface.
    ///
    /// # Panics
    /// When there is no such interface.
    #[must_use]
    pub fn hardware_address(&self, interface: &str) -> [u8; 6] {
        let text = self.run("cat", &[&format!("/sys/class/net/{interface}/address")]);
        let bytes: Vec<u8> =
            text.trim().split(':').map(|b| u8::from_str_radix(b, 16).expect("a byte")).collect();
        bytes.try_into().expect("six bytes")
    }

    /// A command that is to run in here. Its process is the program itself.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a program in here to its end, and gives what it printed.
    ///
    /// # Panics
    /// When it fails, or does not come to its end.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.command(program);
        command.args(arguments);
        let output = Program::start(command).output_within(PATIENCE);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Does something in a thread that is in here.
    ///
    /// # Panics
    /// When the thread cannot get in, or panics.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let enter = || {
            let path = format!("/run/netns/{}", self.name);
            let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            let file = file.expect("it is there as long as this is");
            move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&file),
                Some(LinkNameSpaceType::Network),
            )
            .expect("root may go in");
            work()
        };
        std::thread::scope(|scope| scope.spawn(enter).join().expect("the work does not panic"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "del", &self.name]);
    }
}
