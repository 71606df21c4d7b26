//! What a started process has, and what it has not.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Read;
use std::path::Path;

use cofferdam_jail::{Bounds, Session, SpawnError, WorkerCommand, adopt_orphans, pipe};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

async fn output_of(script: &str) -> String {
    let (read, write) = pipe().unwrap();
    let mut child = WorkerCommand::new(Path::new("/bin/sh"))
        .argument("-c")
        .argument(script)
        .environment("ONLY", "this")
        .descriptor(3, write)
        .spawn()
        .unwrap();
    assert!(child.wait().await.unwrap().success());
    let mut text = String::new();
    std::fs::File::from(read).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn only_the_named_descriptors_are_inherited() {
    // A descriptor without close-on-exec, as a careless library might leave behind.
    let leak = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let listed = output_of("ls /proc/self/fd >&3").await;
    // `ls` opens the folder it lists as one more.
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn the_environment_holds_only_what_was_named() {
    assert!(std::env::var_os("PATH").is_some());
    let environment = output_of("cat /proc/$$/environ >&3").await;
    assert_eq!(environment, "ONLY=this\0");
}

#[tokio::test]
async fn a_missing_program_is_said_by_name() {
    let error = WorkerCommand::new(Path::new("/nowhere/cofferdam-ingest")).spawn().unwrap_err();
    assert!(matches!(&error, SpawnError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("/nowhere/cofferdam-ingest"));
}

#[tokio::test]
async fn a_dropped_handle_kills_the_process() {
    let (read, write) = pipe().unwrap();
    let child = WorkerCommand::new(Path::new("/bin/sh"))
        .argument("-c")
        .argument("echo up >&3; exec sleep 600")
        .descriptor(3, write)
        .spawn()
        .unwrap();
    let mut read = std::fs::File::from(read);
    let mut up = [0; 3];
    read.read_exact(&mut up).unwrap();
    drop(child);
    assert_eq!(read_until_all_are_gone(read), "");
}

/// What a pipe has until its other end closes, which it does only when all who hold it are gone.
fn read_until_all_are_gone(mut read: std::fs::File) -> String {
    let (deadline, mut text) = (Timespec { tv_sec: 20, tv_nsec: 0 }, String::new());
    loop {
        let ready = poll(&mut [PollFd::new(&read, PollFlags::IN)], Some(&deadline)).unwrap();
        assert!(ready > 0, "somebody still holds the pipe");
        let mut bytes = [0; 256];
        match read.read(&mut bytes).unwrap() {
            0 => return text,
            length => text.push_str(std::str::from_utf8(&bytes[..length]).unwrap()),
        }
    }
}

/// What a worker started, and what became of it once its session was ended.
#[tokio::test]
async fn a_bounded_process_leaves_nothing_behind_and_is_bounded() {
    adopt_orphans().unwrap();
    let bounds = Bounds { memory: 1 << 30, processes: 10_000 };
    let (read, write) = pipe().unwrap();
    let mut child = WorkerCommand::new(Path::new("/bin/sh"))
        .argument("-c")
        .argument("ulimit -v >&3; ulimit -c >&3; sleep 600 & exit 0")
        .descriptor(3, write)
        .bounded(bounds)
        .spawn()
        .unwrap();
    let session = Session::of(child.id());
    assert!(child.wait().await.unwrap().success());
    while !session.end() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let text = read_until_all_are_gone(read.into());
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["1048576", "0"]);
}

/// The control: without bounds there are none, and the kernel was not asked for any.
#[tokio::test]
async fn an_unbounded_process_has_the_limits_of_its_parent() {
    assert_ne!(output_of("ulimit -v >&3").await.trim(), "1048576");
}
