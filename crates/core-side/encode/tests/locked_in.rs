//! A worker that is locked in, fed with what breaks encoders.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use cofferdam_encode_link::{CameraStatus, Command, Record, RecordReader, descriptors};
use cofferdam_jail::{WorkerCommand, pipe};
use cofferdam_picture::{Geometry, MonotonicTime};
use cofferdam_picture_ring::{JailLayer, RingMemory, RingSpec, SlotCount, Writer};

const DEADLINE: Duration = Duration::from_secs(60);
/// Live access units that a worker has to make of the noise.
const ENOUGH: usize = 40;

/// White noise does not fit OpenH264's buffer: it gives up, and is replaced. That has to go without
/// opening a file, starting a thread or loading code.
#[test]
fn encoders_break_and_are_replaced_behind_the_lock() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for encoder in ["x264", "openh264"] {
        runtime.block_on(noise_through(encoder));
    }
}

async fn noise_through(encoder: &str) {
    let geometry = Geometry::new(640, 360).unwrap();
    let spec = RingSpec { geometry, slots: SlotCount::default() };
    let ring = RingMemory::create(spec).unwrap();
    let mut writer = Writer::map(ring.writer_fd(), spec).unwrap();
    let (settings, settings_writer) = pipe().unwrap();
    let (records, record_writer) = pipe().unwrap();
    let (command_reader, commands) = pipe().unwrap();
    rustix::io::write(&commands, &[Command::Vetted.to_byte()]).unwrap();
    let json = format!(
        r#"{{"camera":"lobby","geometry":[640,360],"slots":4,"rate":25,"sub":[160,120],
        "encoder":{{"name":"{encoder}","preset":"ultrafast","profile":"main","quality":10,
        "max_kbps":100000,"gop_seconds":2}},"stale_after_ms":1000,"max_jitter_ms":20,
        "unjailed":false}}"#
    );
    rustix::io::write(&settings_writer, json.as_bytes()).unwrap();
    drop(settings_writer);
    let mut command = WorkerCommand::new(env!("CARGO_BIN_EXE_cofferdam-encode").as_ref())
        .argument("--camera")
        .argument("lobby")
        .descriptor(descriptors::SETTINGS, settings)
        .descriptor(descriptors::RING, ring.reopen_read_only().unwrap())
        .descriptor(descriptors::RECORDS, record_writer)
        .descriptor(descriptors::COMMANDS, command_reader);
    for (name, value) in cofferdam_pad_codec::ENVIRONMENT {
        command = command.environment(name, value);
    }
    let mut worker = command.spawn().unwrap();

    let mut reader = RecordReader::new();
    let (mut live, mut status, mut random, mut pictures) = (0, None, 1u64, 0);
    let end = Instant::now() + DEADLINE;
    while live < ENOUGH {
        assert!(Instant::now() < end, "{encoder}: {live} live units");
        // An encoder that breaks on one picture after the other is given up: most of them are plain.
        pictures += 1;
        let noise = pictures % 4 == 0;
        writer.write(MonotonicTime::now(), |picture| {
            for plane in [picture.y, picture.u, picture.v] {
                if !noise {
                    plane.fill(128);
                    continue;
                }
                for sample in plane.iter_mut() {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    *sample = random.to_le_bytes()[3];
                }
            }
        });
        let mut bytes = vec![0; 1 << 20];
        let read = rustix::io::read(&records, &mut bytes).unwrap();
        assert!(read > 0, "{encoder}: {:?}", worker.wait().await);
        reader.push(&bytes[..read]);
        while let Some(record) = reader.next_record().unwrap() {
            match record {
                Record::Status(found) => status = Some(found),
                Record::Attestation(_) => {}
                Record::AccessUnit(header, _) => live += usize::from(header.live),
            }
        }
    }
    let CameraStatus { jail, .. } = *status.unwrap();
    assert!(jail.posture.is_locked() && jail.posture.has(JailLayer::SelfTest), "{jail:?}");
}
