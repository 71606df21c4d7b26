//! The binary's two command lines.
#![allow(missing_docs, clippy::unwrap_used)]

use std::process::{Command, Output};

use cofferdam_encode::boot::Exit;
use cofferdam_encode_link::{Record, RecordReader, descriptors};
use cofferdam_jail::{WorkerCommand, pipe};
use cofferdam_picture::Geometry;
use cofferdam_picture_ring::{RingMemory, RingSpec, SlotCount};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cofferdam-encode"))
        .args(arguments)
        .env_clear()
        .envs(cofferdam_pad_codec::ENVIRONMENT.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn check_names_element_and_version() {
    for (name, element) in [("x264", "x264enc"), ("openh264", "openh264enc")] {
        let output = run(&["--check", name]);
        assert_eq!(output.status.code(), Some(0));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["ok"], &report["element"]), (&true.into(), &element.into()));
        assert!(report["version"].as_str().unwrap().starts_with("1."));
        assert!(report["file"].as_str().unwrap().ends_with(".so"));
    }
}

#[test]
fn what_is_wrong_is_told_by_the_exit_code_and_not_printed() {
    for (arguments, exit) in [
        (&["--check", "x265"][..], Exit::Usage),
        (&[], Exit::Usage),
        (&["--camera"], Exit::Usage),
        (&["--camera", "lobby"], Exit::Settings),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(exit.code().into()), "{arguments:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}

/// The worker as the server starts it: its descriptors and nothing else.
#[test]
fn serves_what_it_inherits_until_the_commands_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let geometry = Geometry::new(320, 240).unwrap();
    let spec = RingSpec { geometry, slots: SlotCount::default() };
    let ring = RingMemory::create(spec).unwrap();
    let json = r#"{"camera":"lobby","geometry":[320,240],"slots":4,"rate":25,"sub":[160,120],
        "encoder":{"name":"x264","preset":"ultrafast","profile":"high","quality":25,
        "max_kbps":1000,"gop_seconds":2},"stale_after_ms":1000,"max_jitter_ms":20,"unjailed":true}"#;
    let start = |camera: &str| {
        let (settings, settings_writer) = pipe().unwrap();
        let (records, record_writer) = pipe().unwrap();
        let (command_reader, commands) = pipe().unwrap();
        rustix::io::write(&settings_writer, json.as_bytes()).unwrap();
        let mut command = WorkerCommand::new(env!("CARGO_BIN_EXE_cofferdam-encode").as_ref())
            .argument("--camera")
            .argument(camera)
            .descriptor(descriptors::SETTINGS, settings)
            .descriptor(descriptors::RING, ring.reopen_read_only().unwrap())
            .descriptor(descriptors::RECORDS, record_writer)
            .descriptor(descriptors::COMMANDS, command_reader);
        for (name, value) in cofferdam_pad_codec::ENVIRONMENT {
            command = command.environment(name, value);
        }
        (command.spawn().unwrap(), records, commands)
    };
    runtime.block_on(async {
        let (mut worker, records, commands) = start("lobby");
        let mut reader = RecordReader::new();
        let mut statuses = 0;
        while statuses < 2 {
            let mut bytes = [0; 65536];
            let read = rustix::io::read(&records, &mut bytes).unwrap();
            assert!(read > 0, "the worker ended");
            reader.push(&bytes[..read]);
            while let Some(record) = reader.next_record().unwrap() {
                statuses += usize::from(matches!(record, Record::Status(_)));
            }
        }
        let tasks = format!("/proc/{}/task", worker.id().unwrap());
        assert_eq!(std::fs::read_dir(tasks).unwrap().count(), 1, "one thread");
        drop(commands);
        assert_eq!(worker.wait().await.unwrap().code(), Some(0));

        let (mut worker, _records, _commands) = start("another");
        let code = worker.wait().await.unwrap().code();
        assert_eq!(code, Some(Exit::Settings.code().into()));
    });
}
