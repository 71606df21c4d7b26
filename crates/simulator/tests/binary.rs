//! The binary: what it prints, and when it ends.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Ends the process with the test.
struct Simulator(Child);

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn simulator(arguments: &[&str]) -> Simulator {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam-simulator"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    Simulator(command.spawn().unwrap())
}

#[test]
fn prints_one_line_for_each_camera_and_ends_with_its_standard_input() {
    let mut simulator = simulator(&[
        "--camera",
        "a:h264:160x96@12",
        "--camera",
        "b:mjpeg:160x96@12",
        "--until-stdin-closes",
    ]);
    let mut output = BufReader::new(simulator.0.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for _ in 0..2 {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            sender.send(line).unwrap();
        }
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        sender.send(rest).unwrap();
    });
    for name in ["a", "b"] {
        let line = receiver.recv_timeout(DEADLINE).unwrap();
        let address = line
            .strip_prefix(&format!("camera {name} rtsp://"))
            .and_then(|rest| rest.strip_suffix("/stream\n"))
            .unwrap();
        TcpStream::connect(address.parse::<SocketAddr>().unwrap()).unwrap();
    }
    drop(simulator.0.stdin.take());
    assert_eq!(receiver.recv_timeout(DEADLINE).unwrap(), "");
    assert!(simulator.0.wait().unwrap().success());
}

#[test]
fn refuses_to_start_without_a_camera_and_with_two_of_one_name() {
    for arguments in [&[][..], &["--camera", "a:h264:160x96@12", "--camera", "a:mjpeg:160x96@12"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_cofferdam-simulator"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
    }
}
