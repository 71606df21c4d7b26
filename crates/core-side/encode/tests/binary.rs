//! The binary's two command lines.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used)]

use std::os::fd::OwnedFd;
use std::process::{Command, Output};

use cofferdam_encode::boot::Exit;
use cofferdam_encode_link::{Command as LinkCommand, MountKind, Record, RecordReader, descriptors};
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

/// A worker with the two pipes that every worker has, and this end of them.
fn start(arguments: &[&str]) -> (tokio::process::Child, OwnedFd, OwnedFd) {
    let (records, record_writer) = pipe().unwrap();
    let (command_reader, commands) = pipe().unwrap();
    let mut command = WorkerCommand::new(env!("CARGO_BIN_EXE_cofferdam-encode").as_ref())
        .descriptor(descriptors::RECORDS, record_writer)
        .descriptor(descriptors::COMMANDS, command_reader);
    for argument in arguments {
        command = command.argument(argument);
    }
    for (name, value) in cofferdam_pad_codec::ENVIRONMENT {
        command = command.environment(name, value);
    }
    (command.spawn().unwrap(), records, commands)
}

/// The next record of a worker that does not end before it.
fn next_record(records: &OwnedFd, reader: &mut RecordReader) -> Record {
    loop {
        if let Some(record) = reader.next_record().unwrap() {
            return record;
        }
        let mut bytes = [0; 65536];
        let read = rustix::io::read(records, &mut bytes).unwrap();
        assert!(read > 0, "the worker ended");
        reader.push(&bytes[..read]);
    }
}

#[test]
fn attest_says_what_the_encoder_is_and_stays_to_be_looked_at() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (name, element) in [("x264", "x264enc"), ("openh264", "openh264enc")] {
            let (mut worker, records, commands) = start(&["--attest", name]);
            let mut reader = RecordReader::new();
            let Record::Attestation(said) = next_record(&records, &mut reader) else {
                panic!("another record came first");
            };
            assert_eq!(said.element, element);
            assert!(said.version.starts_with("1."), "{said:?}");
            let maps = format!("/proc/{}/maps", worker.id().unwrap());
            let maps = std::fs::read_to_string(maps).unwrap();
            let plugin = said.plugin.to_str().unwrap();
            assert!(maps.lines().any(|line| line.contains("r-xp") && line.ends_with(plugin)));
            drop(commands);
            assert_eq!(worker.wait().await.unwrap().code(), Some(0));
        }
        let (mut worker, _records, _commands) = start(&["--attest", "x265"]);
        assert_eq!(worker.wait().await.unwrap().code(), Some(Exit::Usage.code().into()));
    });
}

#[test]
fn what_is_wrong_is_told_by_the_exit_code_and_not_printed() {
    for (arguments, exit) in [
        (&[][..], Exit::Usage),
        (&["--check", "x264"], Exit::Usage),
        (&["--camera"], Exit::Usage),
        (&["--camera", "lobby"], Exit::Settings),
        (&["--attest", "x264"], Exit::Settings),
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
        let first = next_record(&records, &mut reader);
        assert!(matches!(first, Record::Attestation(_)), "{first:?}");
        // Until it hears that it is vetted it says nothing more, and has not mapped the ring.
        assert_eq!(reader.next_record(), Ok(None));
        let maps = format!("/proc/{}/maps", worker.id().unwrap());
        assert!(!std::fs::read_to_string(&maps).unwrap().contains("/memfd:"));
        rustix::io::write(&commands, &[LinkCommand::Vetted.to_byte()]).unwrap();
        let mut statuses = 0;
        while statuses < 2 {
            let record = next_record(&records, &mut reader);
            statuses += usize::from(matches!(record, Record::Status(_)));
        }
        // The control: what was looked for above is there now.
        assert!(std::fs::read_to_string(&maps).unwrap().contains("/memfd:"));
        let tasks = format!("/proc/{}/task", worker.id().unwrap());
        assert_eq!(std::fs::read_dir(tasks).unwrap().count(), 1, "one thread");
        drop(commands);
        assert_eq!(worker.wait().await.unwrap().code(), Some(0));

        // One that hears anything else, and one that hears nothing, end.
        for (said, exit) in [
            (Some(LinkCommand::KeyFrame(MountKind::Main)), i32::from(Exit::Command.code())),
            (None, 0),
        ] {
            let (mut worker, _records, commands) = start("lobby");
            if let Some(said) = said {
                rustix::io::write(&commands, &[said.to_byte()]).unwrap();
            }
            drop(commands);
            assert_eq!(worker.wait().await.unwrap().code(), Some(exit), "{said:?}");
        }

        let (mut worker, _records, _commands) = start("another");
        let code = worker.wait().await.unwrap().code();
        assert_eq!(code, Some(Exit::Settings.code().into()));
    });
}
