//! Records: what an encode worker writes into its pipe.
//!
//! Each is a header of [`HEADER_LEN`] bytes, little-endian, and a body of the length it gives:
//!
//! | bytes | meaning |
//! |---|---|
//! | 0–3 | `CFRC` |
//! | 4 | kind: 1 access unit, 2 status, 3 attestation |
//! | 5 | mount: 0 main, 1 sub |
//! | 6 | flags: 1 key frame, 2 live (else slate), 4 made at start-up for the server to keep |
//! | 7 | zero |
//! | 8–11 | length of the body |
//! | 12–15 | zero |
//! | 16–23 | tick: when the access unit was due, monotonic nanoseconds |
//! | 24–31 | arrival stamp of its picture, 0 for a slate |
//! | 32–39 | completion stamp of its picture, 0 for a slate |
//! | 40–47 | nanoseconds spent encoding |

use std::time::Duration;

use cofferdam_picture::MonotonicTime;

use crate::{Attestation, CameraStatus};

/// Bytes of a record's header.
pub const HEADER_LEN: usize = 48;

/// The largest access unit, in bytes. A 3840x2160 key frame at the best quality fits.
pub const MAX_ACCESS_UNIT: usize = 4 << 20;

const MAGIC: [u8; 4] = *b"CFRC";
const KIND_ACCESS_UNIT: u8 = 1;
const KIND_STATUS: u8 = 2;
const KIND_ATTESTATION: u8 = 3;
const FLAG_KEY: u8 = 1;
const FLAG_LIVE: u8 = 2;
const FLAG_STARTUP: u8 = 4;

/// Which of a camera's two mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MountKind {
    /// Full size.
    Main,
    /// Small, from the same pictures.
    Sub,
}

impl MountKind {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::Main, Self::Sub];

    /// The mount's number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Main => 0,
            Self::Sub => 1,
        }
    }

    /// The mount of that number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Main),
            1 => Some(Self::Sub),
            _ => None,
        }
    }

    /// The last segment of the mount's path, and its metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

/// What is known of an access unit besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessUnitHeader {
    /// Which mount it belongs to.
    pub mount: MountKind,
    /// It is an IDR picture with its parameter sets in front.
    pub key: bool,
    /// It shows a live picture; otherwise a slate.
    pub live: bool,
    /// It was made at start-up, before any picture, for the server to keep.
    pub startup: bool,
    /// When it was due, by the gateway's clock: the origin of its RTP timestamp.
    pub tick: MonotonicTime,
    /// When the last byte of the camera's picture was received; `None` for a slate.
    pub arrived: Option<MonotonicTime>,
    /// When the picture was complete in the ring; `None` for a slate.
    pub complete: Option<MonotonicTime>,
    /// Time spent encoding it.
    pub encode_time: Duration,
}

/// One thing an encode worker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An access unit as Annex B NAL units (H.264 Annex B).
    AccessUnit(AccessUnitHeader, Vec<u8>),
    /// How the camera fares.
    Status(Box<CameraStatus>),
    /// What the worker's encoder is: the first record, and only the first.
    Attestation(Box<Attestation>),
}

/// Why bytes are no record: the worker is broken, and is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The header does not begin with the record mark.
    #[error("expected a record header, found other bytes")]
    Magic,
    /// Kind, mount, flags or padding are none of those defined.
    #[error("record header: expected a defined {0}")]
    Field(&'static str),
    /// The body is longer than any may be.
    #[error("record body: expected at most {MAX_ACCESS_UNIT} bytes, found {0}")]
    Length(u32),
}

impl AccessUnitHeader {
    /// The header bytes of an access unit of `length` bytes.
    ///
    /// # Errors
    /// When the access unit is longer than [`MAX_ACCESS_UNIT`].
    pub fn to_bytes(&self, length: usize) -> Result<[u8; HEADER_LEN], RecordError> {
        let flags = if self.key { FLAG_KEY } else { 0 }
            | if self.live { FLAG_LIVE } else { 0 }
            | if self.startup { FLAG_STARTUP } else { 0 };
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if length as usize > MAX_ACCESS_UNIT {
            return Err(RecordError::Length(length));
        }
        let mut bytes = header(KIND_ACCESS_UNIT, self.mount.code(), flags, length);
        let stamp = |time: Option<MonotonicTime>| time.map_or(0, MonotonicTime::as_nanos);
        let encode = u64::try_from(self.encode_time.as_nanos()).unwrap_or(u64::MAX);
        for (at, value) in [
            (16, self.tick.as_nanos()),
            (24, stamp(self.arrived)),
            (32, stamp(self.complete)),
            (40, encode),
        ] {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        Ok(bytes)
    }
}

impl CameraStatus {
    /// The status as a whole record: header and body.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        record(KIND_STATUS, &self.to_bytes())
    }
}

impl Attestation {
    /// The attestation as a whole record: header and body.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        record(KIND_ATTESTATION, &self.to_bytes())
    }
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut record = header(kind, 0, 0, length).to_vec();
    record.extend_from_slice(body);
    record
}

fn header(kind: u8, mount: u8, flags: u8, length: u32) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4] = kind;
    bytes[5] = mount;
    bytes[6] = flags;
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Puts records together from what is read off the pipe, however it was cut.
#[derive(Debug, Default)]
pub struct RecordReader {
    buffer: Vec<u8>,
    consumed: usize,
}

impl RecordReader {
    /// A reader at the start of a pipe.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in bytes read off the pipe.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.consumed > 0 {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole record, `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no record. The reader cannot go on after that.
    pub fn next_record(&mut self) -> Result<Option<Record>, RecordError> {
        let bytes = &self.buffer[self.consumed..];
        let Some((head, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if head[..4] != MAGIC {
            return Err(RecordError::Magic);
        }
        if length as usize > MAX_ACCESS_UNIT {
            return Err(RecordError::Length(length));
        }
        if head[7] != 0 || head[12..16] != [0; 4] {
            return Err(RecordError::Field("padding"));
        }
        let Some(body) = rest.get(..length as usize) else { return Ok(None) };
        let record = match head[4] {
            KIND_ACCESS_UNIT => Record::AccessUnit(access_unit_header(head)?, body.to_vec()),
            KIND_STATUS => CameraStatus::from_bytes(body)
                .map(|status| Record::Status(Box::new(status)))
                .ok_or(RecordError::Field("status"))?,
            KIND_ATTESTATION => Attestation::from_bytes(body)
                .map(|attestation| Record::Attestation(Box::new(attestation)))
                .ok_or(RecordError::Field("attestation"))?,
            _ => return Err(RecordError::Field("kind")),
        };
        self.consumed += HEADER_LEN + length as usize;
        Ok(Some(record))
    }
}

fn access_unit_header(head: &[u8; HEADER_LEN]) -> Result<AccessUnitHeader, RecordError> {
    let flags = head[6];
    if flags & !(FLAG_KEY | FLAG_LIVE | FLAG_STARTUP) != 0 {
        return Err(RecordError::Field("flags"));
    }
    let word = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    let stamp = |at: usize| (word(at) != 0).then(|| MonotonicTime::from_nanos(word(at)));
    Ok(AccessUnitHeader {
        mount: MountKind::from_code(head[5]).ok_or(RecordError::Field("mount"))?,
        key: flags & FLAG_KEY != 0,
        live: flags & FLAG_LIVE != 0,
        startup: flags & FLAG_STARTUP != 0,
        tick: MonotonicTime::from_nanos(word(16)),
        arrived: stamp(24),
        complete: stamp(32),
        encode_time: Duration::from_nanos(word(40)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attestation::tests::attestation;

    fn unit() -> AccessUnitHeader {
        AccessUnitHeader {
            mount: MountKind::Sub,
            key: true,
            live: false,
            startup: true,
            tick: MonotonicTime::from_nanos(123),
            arrived: None,
            complete: Some(MonotonicTime::from_nanos(99)),
            encode_time: Duration::from_micros(7),
        }
    }

    #[test]
    fn records_survive_any_cut() {
        let body = vec![7u8; 1000];
        let mut stream = unit().to_bytes(body.len()).unwrap().to_vec();
        stream.extend_from_slice(&body);
        stream.extend_from_slice(&CameraStatus::default().to_record());
        stream.extend_from_slice(&attestation().to_record());
        for step in [1, 3, 47, 48, 49, 4096] {
            let mut reader = RecordReader::new();
            let mut records = Vec::new();
            for chunk in stream.chunks(step) {
                reader.push(chunk);
                while let Some(record) = reader.next_record().unwrap() {
                    records.push(record);
                }
            }
            assert_eq!(
                records,
                [
                    Record::AccessUnit(unit(), body.clone()),
                    Record::Status(Box::default()),
                    Record::Attestation(Box::new(attestation())),
                ]
            );
        }
    }

    #[test]
    fn refuses_what_is_no_record() {
        let good = unit().to_bytes(0).unwrap();
        let broken = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            let mut reader = RecordReader::new();
            reader.push(&bytes);
            reader.next_record()
        };
        assert!(broken(6, 7).is_ok());
        assert_eq!(broken(0, 0), Err(RecordError::Magic));
        assert_eq!(broken(4, 9), Err(RecordError::Field("kind")));
        assert_eq!(broken(5, 2), Err(RecordError::Field("mount")));
        assert_eq!(broken(6, 8), Err(RecordError::Field("flags")));
        assert_eq!(broken(7, 1), Err(RecordError::Field("padding")));
        assert_eq!(broken(13, 1), Err(RecordError::Field("padding")));
        assert_eq!(broken(11, 0xff), Err(RecordError::Length(0xff00_0000)));
        assert!(unit().to_bytes(MAX_ACCESS_UNIT + 1).is_err());
    }
}
