//! What must hold for any bytes whatever, for each parser of hostile bytes that is ours.
//!
//! Each function is one libFuzzer target (`fuzz_targets/`), and is run by `tests/fuzz.rs` on the kept
//! corpora as well. It panics when something does not hold, and says whether the bytes were accepted.

use std::cell::RefCell;
use std::os::fd::AsFd;

use cofferdam_encode_link::{CameraStatus, HEADER_LEN, MAX_ACCESS_UNIT, Record, RecordReader};
use cofferdam_picture::{Geometry, MonotonicTime, Picture};
use cofferdam_picture_ring::{
    Codec, Counter, Fault, IngestState, JailLayer, JailPosture, Reader, RingMemory, RingSpec,
    SideIsolation, SlotCount, StatusSnapshot, Writer,
};
use cofferdam_publish::verified_nal_units;
use cofferdam_unit_filter::annexb::nals;
use cofferdam_unit_filter::{Format, LargestPicture, UnitFilter, limits};

#[path = "rtsp.rs"]
mod rtsp;

pub use rtsp::{authorization, http_tunnel, rtcp, rtsp_connection, rtsp_framing};

const LARGEST: LargestPicture = LargestPicture { long: 3840, short: 2160 };

/// Whether some bytes are accepted.
pub type Target = fn(&[u8]) -> bool;

/// Every target, by name.
pub const TARGETS: [(&str, Target); 13] = [
    ("h264_filter", h264_filter),
    ("h265_filter", h265_filter),
    ("parameter_sets", parameter_sets),
    ("jpeg_filter", jpeg_filter),
    ("output_verifier", output_verifier),
    ("ring_reader", ring_reader),
    ("status_block", status_block),
    ("records", records),
    ("rtsp_framing", rtsp_framing),
    ("rtsp_connection", rtsp_connection),
    ("authorization", authorization),
    ("http_tunnel", http_tunnel),
    ("rtcp", rtcp),
];

/// A filter, and one that is given what comes out of it, as a decoder is.
struct Filters {
    format: Format,
    first: UnitFilter,
    behind: UnitFilter,
}

impl Filters {
    fn new(format: Format) -> Self {
        let filter = || UnitFilter::new(format, LARGEST);
        Self { format, first: filter(), behind: filter() }
    }
}

/// Filters one access unit, and checks what comes out. True when something does.
fn filtered(filters: &mut Filters, unit: &[u8]) -> bool {
    let Filters { format, first, behind } = filters;
    let format = *format;
    let mut kept = unit.to_vec();
    let result = first.filter(&mut kept);
    let tally = first.take_tally();
    assert!(kept.len() <= unit.len(), "more came out than went in");
    assert!(kept.len() == unit.len() || tally.total() > 0 || padding(format, unit, &kept));
    if result.is_err() {
        assert!(kept.is_empty(), "something of a refused unit passes");
        return false;
    }
    match format {
        Format::H264 | Format::H265 => {
            assert!(nals(&kept).count() <= limits::MOST_SLICES + limits::MOST_OTHERS);
            assert!(only_pictures(format, &kept), "a NAL unit that may not pass");
        }
        Format::Jpeg => assert!(kept.starts_with(&[0xff, 0xd8]) && kept.ends_with(&[0xff, 0xd9])),
    }
    // What came out has nothing left to take out.
    let mut again = kept.clone();
    assert_eq!(behind.filter(&mut again), Ok(()), "what passed once does not pass again");
    assert_eq!(again, kept, "what passed once passes otherwise");
    assert_eq!(behind.take_tally().total(), 0, "what passed once is counted");
    !kept.is_empty()
}

/// Whether only zeros between NAL units went.
fn padding(format: Format, unit: &[u8], kept: &[u8]) -> bool {
    format != Format::Jpeg && nals(unit).eq(nals(kept))
}

/// Whether a byte stream has nothing but NAL units that may reach a decoder.
pub fn only_pictures(format: Format, stream: &[u8]) -> bool {
    nals(stream).all(|nal| passes(format, nal))
}

/// The types that may reach a decoder.
fn passes(format: Format, nal: &[u8]) -> bool {
    match format {
        Format::H264 => matches!(nal[0] & 0x9f, 1 | 5 | 7 | 8),
        _ => {
            let layer = (nal[0] & 1) << 5 | nal[1] >> 3;
            layer == 0 && matches!(nal[0] >> 1, 0..=9 | 16..=21 | 32..=34)
        }
    }
}

/// A byte stream as access units, each with the delimiter that begins it.
fn units(stream: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let start = [0, 0, 1, delimiter];
    let mut rest = Some(stream);
    std::iter::from_fn(move || {
        let unit = rest?;
        let next = unit.windows(4).skip(1).position(|window| window == start).map(|at| at + 1);
        rest = next.map(|at| &unit[at..]);
        Some(&unit[..next.unwrap_or(unit.len())])
    })
}

/// An H.264 byte stream with delimiters, through one filter.
pub fn h264_filter(stream: &[u8]) -> bool {
    let mut filters = Filters::new(Format::H264);
    units(stream, 9).fold(false, |any, unit| filtered(&mut filters, unit) | any)
}

/// An H.265 byte stream with delimiters, through one filter.
pub fn h265_filter(stream: &[u8]) -> bool {
    let mut filters = Filters::new(Format::H265);
    units(stream, 35 << 1).fold(false, |any, unit| filtered(&mut filters, unit) | any)
}

/// One JPEG image.
pub fn jpeg_filter(image: &[u8]) -> bool {
    filtered(&mut Filters::new(Format::Jpeg), image)
}

/// The first byte says what the rest is: an SPS, a PPS or a VPS of one of both formats. What it needs
/// comes before it.
pub fn parameter_sets(data: &[u8]) -> bool {
    let Some((&which, payload)) = data.split_first() else { return false };
    // 64x64, of x264's and x265's making: what a picture parameter set can refer to.
    const SPS_264: &[u8] = &[0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x10, 0x99];
    const SPS_265: &[u8] = &[
        0, 0, 1, 0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
        0x00, 0x00, 0x03, 0x00, 0x1e, 0xa0, 0x20, 0x81, 0x05, 0x96, 0x56, 0x69, 0x24, 0xca, 0xf0,
        0x16, 0x80, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x0c, 0x84,
    ];
    let (format, before, header): (_, _, &[u8]) = match which % 5 {
        0 => (Format::H264, None, &[0x67]),
        1 => (Format::H264, Some(SPS_264), &[0x68]),
        2 => (Format::H265, None, &[0x40, 1]),
        3 => (Format::H265, None, &[0x42, 1]),
        _ => (Format::H265, Some(SPS_265), &[0x44, 1]),
    };
    let mut filters = Filters::new(format);
    if let Some(before) = before {
        assert!(filtered(&mut filters, before), "a good parameter set is refused");
    }
    filtered(&mut filters, &[&[0, 0, 1], header, payload].concat())
}

/// The first byte says whether the rest is said to be a key unit.
pub fn output_verifier(data: &[u8]) -> bool {
    let Some((&key, unit)) = data.split_first() else { return false };
    let key = key & 1 == 1;
    let Ok(nal_units) = verified_nal_units(unit, key, 4096) else { return false };
    assert!(unit.len() <= 4096 && !nal_units.is_empty());
    assert!(nal_units.iter().map(|nal| nal.len() + 3).sum::<usize>() <= unit.len());
    let types: Vec<u8> = nal_units.iter().map(|nal| nal[0] & 0x9f).collect();
    let wanted: &[u8] = if key { &[7, 8, 5] } else { &[1] };
    assert_eq!(types, wanted, "NAL units that make no picture");
    true
}

struct Bench {
    memory: RingMemory,
    reader: Reader,
    picture: Picture,
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(bench());
}

fn bench() -> Bench {
    let geometry = Geometry::new(16, 16).expect("a small picture");
    let spec = RingSpec { geometry, slots: SlotCount::default() };
    let memory = RingMemory::create(spec).expect("a ring");
    let read_only = memory.reopen_read_only().expect("a read-only descriptor");
    let reader = Reader::map(read_only.as_fd(), spec).expect("a map");
    Bench { memory, reader, picture: Picture::black(geometry) }
}

/// What a hostile writer does between two looks: eleven bytes each, the number of a status word, its
/// new value, and what the reader does then. True when pictures were read.
pub fn ring_reader(data: &[u8]) -> bool {
    BENCH.with_borrow_mut(|Bench { memory, reader, picture }| {
        let writer = Writer::map(memory.writer_fd(), reader.spec()).expect("a map");
        let most = reader.spec().slots.get() - 1;
        let mut read = false;
        for step in data.chunks_exact(11) {
            let word = u64::from(u16::from_le_bytes([step[0], step[1]])) % 512;
            rustix::io::pwrite(memory.writer_fd(), &step[2..10], word * 8).expect("a word");
            let now = MonotonicTime::from_nanos(u64::from(step[10]) << 32);
            let (waiting, skipped) = reader.look();
            assert!(waiting <= most && skipped <= u64::from(u32::MAX));
            let stamps = match step[10] % 4 {
                0 => reader.peek(now),
                1 => {
                    reader.skip();
                    None
                }
                _ => reader.next_into(picture, now),
            };
            assert!(stamps.is_none() || waiting > 0);
            if let Some(stamps) = stamps {
                read = true;
                for stamp in [stamps.arrived, stamps.complete] {
                    assert!(stamp <= now && now.since(stamp).as_secs() <= 10);
                }
            }
            let status = reader.status();
            assert!(IngestState::ALL.contains(&status.state));
            assert!(Fault::ALL.contains(&status.fault) && Codec::ALL.contains(&status.codec));
            assert_eq!(writer.status(), status);
        }
        read
    })
}

/// A whole status block of a hostile writer's, and what comes of it on the way to the metrics: codes within
/// the vocabulary, layers that there are, and the same after the pipe. True when a worker would count as
/// streaming with no fault.
pub fn status_block(data: &[u8]) -> bool {
    const LENGTH: usize = 4096;
    BENCH.with_borrow_mut(|Bench { memory, reader, .. }| {
        let writer = Writer::map(memory.writer_fd(), reader.spec()).expect("a map");
        let mut block = data.to_vec();
        block.resize(LENGTH, 0);
        rustix::io::pwrite(memory.writer_fd(), &block, 0).expect("a block");
        let status = reader.status();
        assert!(IngestState::ALL.contains(&status.state) && Codec::ALL.contains(&status.codec));
        assert!(Fault::ALL.contains(&status.fault));
        assert!(SideIsolation::ALL.contains(&status.isolation));
        let layers = JailLayer::ALL.into_iter().filter(|layer| status.jail.has(*layer));
        let named = layers.fold(JailPosture::default(), JailPosture::with);
        assert_eq!(named, status.jail, "a layer that has no name");
        assert_eq!(writer.status(), status);
        // Counting on from there neither panics nor leaves the vocabulary.
        for fault in Fault::ALL {
            writer.count_fault(*fault);
        }
        writer.add(Counter::BytesIn, u64::MAX);
        assert_eq!(reader.status().fault, status.fault);
        assert!(
            reader.status().counter(Counter::BytesIn)
                == status.counter(Counter::BytesIn).wrapping_sub(1)
        );
        assert_eq!(through_the_pipe(&status), status);
        status.state == IngestState::Streaming && status.fault == Fault::None
    })
}

/// A status block as it comes out of the encode worker's pipe.
fn through_the_pipe(status: &StatusSnapshot) -> StatusSnapshot {
    let report = CameraStatus { ingest: status.clone(), ..CameraStatus::default() };
    let mut reader = RecordReader::new();
    reader.push(&report.to_record());
    match reader.next_record() {
        Ok(Some(Record::Status(report))) => report.ingest,
        other => panic!("expected a report, found {other:?}"),
    }
}

/// What an encode worker writes into its pipe, in pieces: the first byte says how large.
pub fn records(data: &[u8]) -> bool {
    let Some((&size, stream)) = data.split_first() else { return false };
    let mut reader = RecordReader::new();
    let (mut taken, mut any) = (0, false);
    for piece in stream.chunks(usize::from(size) + 1) {
        reader.push(piece);
        loop {
            match reader.next_record() {
                Err(_) => return any,
                Ok(None) => break,
                Ok(Some(record)) => {
                    any = true;
                    taken += HEADER_LEN;
                    if let Record::AccessUnit(_, bytes) = &record {
                        assert!(bytes.len() <= MAX_ACCESS_UNIT);
                        taken += bytes.len();
                    }
                }
            }
        }
    }
    assert!(taken <= stream.len(), "more was taken than came");
    any
}
