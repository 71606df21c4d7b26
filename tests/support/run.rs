//! Programs that come to their end by themselves.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::processes::Owned;

/// A program that has to come to its end by itself. What it says goes to files, so that it never waits for whoever
/// reads that.
#[derive(Debug)]
pub struct Program {
    child: Owned,
    out: File,
    err: File,
}

impl Program {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let [out, err] = [(); 2].map(|()| tempfile::tempfile().expect("a temporary file"));
        let clone = |file: &File| file.try_clone().expect("a descriptor");
        let child = command.stdin(Stdio::null()).stdout(clone(&out)).stderr(clone(&err)).spawn();
        Self { child: Owned(child.expect("it starts")), out, err }
    }

    /// What came of it.
    ///
    /// # Panics
    /// When it has not ended by the deadline, with what it has said.
    #[must_use]
    pub fn output_within(mut self, deadline: Duration) -> Output {
        let end = Instant::now() + deadline;
        let status = loop {
            if let Some(status) = self.child.0.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() >= end {
                let said = String::from_utf8_lossy(&read(&mut self.err)).into_owned();
                panic!("it has not ended within {deadline:?}: {said}");
            }
            std::thread::park_timeout(Duration::from_millis(10));
        };
        Output { status, stdout: read(&mut self.out), stderr: read(&mut self.err) }
    }
}

fn read(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).expect("our own file");
    bytes
}
