//! The ring between an honest and a hostile writer and its reader.
#![allow(missing_docs, clippy::unwrap_used)]

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_picture::{Geometry, MonotonicTime, Picture};
use cofferdam_picture_ring::{
    Codec, Counter, Fault, IngestState, MapError, Reader, RingMemory, RingSpec, SlotCount, Writer,
};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

fn spec(slots: u8) -> RingSpec {
    RingSpec {
        geometry: Geometry::new(64, 32).unwrap(),
        slots: SlotCount::try_from(slots).unwrap(),
    }
}

fn ring(slots: u8) -> (RingMemory, Writer, Reader) {
    let memory = RingMemory::create(spec(slots)).unwrap();
    let writer = Writer::map(memory.writer_fd(), spec(slots)).unwrap();
    let reader = Reader::map(memory.reopen_read_only().unwrap().as_fd(), spec(slots)).unwrap();
    (memory, writer, reader)
}

fn write(writer: &mut Writer, value: u8) {
    writer.write(MonotonicTime::now(), |picture| {
        picture.y.fill(value);
        picture.u.fill(value);
        picture.v.fill(value);
    });
}

#[test]
fn pictures_arrive_in_order_and_whole() {
    let (_memory, mut writer, mut reader) = ring(4);
    let mut picture = Picture::black(spec(4).geometry);
    assert!(reader.next_into(&mut picture, MonotonicTime::now()).is_none());
    for value in 0..100 {
        write(&mut writer, value);
        let stamps = reader.next_into(&mut picture, MonotonicTime::now()).unwrap();
        assert!(stamps.arrived <= stamps.complete);
        assert!(picture.as_bytes().iter().all(|b| *b == value));
    }
    assert!(!reader.skip());
}

#[test]
fn a_slow_reader_loses_the_oldest_and_is_told_how_many() {
    let (_memory, mut writer, mut reader) = ring(4);
    for value in 0..10 {
        write(&mut writer, value);
    }
    assert_eq!(reader.look(), (3, 7));
    let mut picture = Picture::black(spec(4).geometry);
    for value in 7..10 {
        reader.next_into(&mut picture, MonotonicTime::now()).unwrap();
        assert_eq!(picture.as_bytes()[0], value);
    }
    assert_eq!(reader.look(), (0, 0));
}

#[test]
fn status_survives_the_writer() {
    let (memory, writer, reader) = ring(2);
    writer.set_state(IngestState::BackingOff, Fault::AuthenticationFailed);
    writer.set_codec(Codec::H265);
    writer.add(Counter::BytesIn, 7);
    writer.count_fault(Fault::AuthenticationFailed);
    drop(writer);
    let writer = Writer::map(memory.writer_fd(), spec(2)).unwrap();
    writer.add(Counter::BytesIn, 5);
    let status = reader.status();
    assert_eq!(
        (status.state, status.fault, status.codec),
        (IngestState::BackingOff, Fault::AuthenticationFailed, Codec::H265)
    );
    assert_eq!(status.counter(Counter::BytesIn), 12);
    assert_eq!(status.faults[usize::from(Fault::AuthenticationFailed.code())], 1);
}

/// Writes garbage over all of the memory, the status block included, while the reader reads.
#[test]
fn a_hostile_writer_costs_pictures_and_nothing_else() {
    let memory = RingMemory::create(spec(3)).unwrap();
    let mut reader = Reader::map(memory.reopen_read_only().unwrap().as_fd(), spec(3)).unwrap();
    let fd = memory.writer_fd().try_clone_to_owned().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let scribbler = std::thread::spawn(move || {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut junk = vec![0u8; 4096 + 512];
        let mut writes = 0u64;
        while !stopped.load(Ordering::Relaxed) {
            for chunk in junk.chunks_mut(8) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
            }
            // Keep the counter moving by small steps half of the time, so that reads happen too.
            if state & 1 == 0 {
                junk[..8].copy_from_slice(&writes.to_le_bytes());
            }
            rustix::io::pwrite(&fd, &junk, 0).unwrap();
            writes += 1;
        }
        writes
    });
    let mut picture = Picture::black(spec(3).geometry);
    let mut taken = 0;
    let mut looks = 0;
    // On a busy machine the scribbler may get its turn late.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while (looks < 200_000 || taken <= 100) && std::time::Instant::now() < deadline {
        looks += 1;
        let now = MonotonicTime::now();
        let (waiting, skipped) = reader.look();
        assert!(waiting <= 2);
        assert!(skipped <= u64::from(u32::MAX));
        if let Some(stamps) = reader.next_into(&mut picture, now) {
            taken += 1;
            assert!(stamps.complete <= now && stamps.arrived <= now);
            assert!(now.since(stamps.complete).as_secs() <= 10);
        }
        // Every code is one of the vocabulary, or the match in from_code would not compile.
        let status = reader.status();
        assert!(Fault::ALL.contains(&status.fault) && IngestState::ALL.contains(&status.state));
    }
    stop.store(true, Ordering::Relaxed);
    let writes = scribbler.join().unwrap();
    assert!(writes > 100 && taken > 100, "scribbled {writes} times, read {taken} pictures");
}

#[test]
fn nobody_can_resize_the_memory() {
    let memory = RingMemory::create(spec(2)).unwrap();
    let size = spec(2).total_len() as u64;
    for length in [0, size - 1, size + 1] {
        assert!(rustix::fs::ftruncate(memory.writer_fd(), length).is_err());
    }
    assert!(rustix::fs::fcntl_add_seals(memory.writer_fd(), SealFlags::WRITE).is_err());
}

/// The encode worker's descriptor cannot become a writable map; the camera side's can (the control).
#[test]
#[allow(clippy::undocumented_unsafe_blocks)]
fn the_reading_side_cannot_write() {
    let memory = RingMemory::create(spec(2)).unwrap();
    let map = |fd: std::os::fd::BorrowedFd<'_>| unsafe {
        let both = ProtFlags::READ | ProtFlags::WRITE;
        rustix::mm::mmap(std::ptr::null_mut(), 4096, both, MapFlags::SHARED, fd, 0)
    };
    let read_only = memory.reopen_read_only().unwrap();
    assert!(map(read_only.as_fd()).is_err());
    assert!(rustix::io::pwrite(&read_only, &[1], 0).is_err());
    assert!(map(memory.writer_fd()).is_ok());
}

#[test]
fn refuses_memory_that_could_fault() {
    let plain = rustix::fs::memfd_create("plain", MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&plain, spec(2).total_len() as u64).unwrap();
    assert!(matches!(Writer::map(plain.as_fd(), spec(2)), Err(MapError::Unsealed(_))));
    let file = tempfile();
    assert!(matches!(Writer::map(file.as_fd(), spec(2)), Err(MapError::Unsealed(_))));
    let memory = RingMemory::create(spec(2)).unwrap();
    assert!(matches!(Writer::map(memory.writer_fd(), spec(3)), Err(MapError::Size { .. })));
}

fn tempfile() -> std::fs::File {
    std::fs::File::open("/dev/null").unwrap()
}
