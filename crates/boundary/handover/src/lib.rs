//! How the core side hands its rings to the camera side.
//!
//! Over a Unix stream socket the core side sends, per camera, one fixed record with the ring's
//! descriptor attached, and reads nothing, ever. The camera side refuses a record that does not
//! match its configuration.
//!
//! | bytes | meaning |
//! |---|---|
//! | 0–3 | `CFHR` |
//! | 4 | version: 1 |
//! | 5 | slots |
//! | 6 | length of the camera id |
//! | 7 | zero |
//! | 8–11, 12–15 | width, height in pixels, little-endian |
//! | 16–47 | camera id, filled up with zeros |
#![forbid(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use cofferdam_picture::{CameraId, Geometry};
use cofferdam_picture_ring::{RingSpec, SlotCount};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

/// Bytes of a record.
pub const RECORD_LEN: usize = 48;

const MAGIC: [u8; 4] = *b"CFHR";
const VERSION: u8 = 1;

/// Which ring is handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingRecord {
    /// Whose pictures it carries.
    pub camera: CameraId,
    /// What it holds.
    pub spec: RingSpec,
}

/// Why a hand-over failed.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The socket failed.
    #[error("handing over a ring: {0}")]
    Socket(#[from] io::Error),
    /// The other side speaks another version, or is not Cofferdam.
    #[error("handing over a ring: expected {0}")]
    Record(&'static str),
}

impl RingRecord {
    /// The record as it crosses the socket.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        let id = self.camera.as_str().as_bytes();
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = self.spec.slots.into();
        bytes[6] = u8::try_from(id.len()).unwrap_or_default();
        bytes[8..12].copy_from_slice(&self.spec.geometry.width().to_le_bytes());
        bytes[12..16].copy_from_slice(&self.spec.geometry.height().to_le_bytes());
        bytes[16..16 + id.len()].copy_from_slice(id);
        bytes
    }

    /// The record those bytes hold.
    ///
    /// # Errors
    /// When any field is not what this version writes.
    pub fn from_bytes(bytes: &[u8; RECORD_LEN]) -> Result<Self, HandoverError> {
        if bytes[..4] != MAGIC {
            return Err(HandoverError::Record("a ring record"));
        }
        if bytes[4] != VERSION || bytes[7] != 0 {
            return Err(HandoverError::Record("a ring record of version 1"));
        }
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let (id, rest) = bytes[16..]
            .split_at_checked(usize::from(bytes[6]))
            .ok_or(HandoverError::Record("a camera id of at most 32 bytes"))?;
        if rest.iter().any(|b| *b != 0) {
            return Err(HandoverError::Record("zeros behind the camera id"));
        }
        let camera = std::str::from_utf8(id)
            .ok()
            .and_then(|id| id.parse().ok())
            .ok_or(HandoverError::Record("a camera id"))?;
        let geometry = Geometry::new(word(8), word(12))
            .map_err(|_| HandoverError::Record("a picture geometry"))?;
        let slots =
            SlotCount::try_from(bytes[5]).map_err(|_| HandoverError::Record("2 to 8 slots"))?;
        Ok(Self { camera, spec: RingSpec { geometry, slots } })
    }
}

/// Sends bytes with one descriptor attached.
///
/// # Errors
/// When the other side is gone, or does not take the record (the socket is not waited for).
pub fn send_with_descriptor(
    socket: impl AsFd,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let flags = SendFlags::NOSIGNAL;
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, flags)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives exactly `bytes.len()` bytes and the one descriptor that came with them. `None` when the
/// other side closed the connection between messages.
///
/// # Errors
/// `WouldBlock` on a non-blocking socket with nothing to read; `InvalidData` when the message is cut
/// or carries no descriptor, or more than one.
pub fn receive_with_descriptor(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let expected = bytes.len();
    let received = rustix::net::recvmsg(
        socket,
        &mut [IoSliceMut::new(bytes)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.bytes == 0 && descriptors.is_empty() {
        return Ok(None);
    }
    let cut = received.flags.contains(ReturnFlags::CTRUNC);
    match (descriptors.pop(), descriptors.is_empty()) {
        (Some(only), true) if received.bytes == expected && !cut => Ok(Some(only)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Sends one ring.
///
/// # Errors
/// When the camera side is gone or does not read.
pub fn send_ring(
    socket: impl AsFd,
    record: &RingRecord,
    ring: BorrowedFd<'_>,
) -> Result<(), HandoverError> {
    Ok(send_with_descriptor(socket, &record.to_bytes(), ring)?)
}

/// Receives one ring; `None` when the core side is gone.
///
/// # Errors
/// When what came is no ring record.
pub fn receive_ring(socket: impl AsFd) -> Result<Option<(RingRecord, OwnedFd)>, HandoverError> {
    let mut bytes = [0; RECORD_LEN];
    match receive_with_descriptor(socket, &mut bytes)? {
        Some(fd) => Ok(Some((RingRecord::from_bytes(&bytes)?, fd))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use cofferdam_picture_ring::{RingMemory, Writer};

    use super::*;

    fn record() -> RingRecord {
        RingRecord {
            camera: "yard-2".parse().unwrap(),
            spec: RingSpec {
                geometry: Geometry::new(64, 48).unwrap(),
                slots: SlotCount::default(),
            },
        }
    }

    #[test]
    fn a_ring_crosses_with_its_descriptor() {
        let (core, camera) = UnixStream::pair().unwrap();
        let memory = RingMemory::create(record().spec).unwrap();
        send_ring(&core, &record(), memory.writer_fd()).unwrap();
        send_ring(&core, &record(), memory.writer_fd()).unwrap();
        drop(core);
        for _ in 0..2 {
            let (got, fd) = receive_ring(&camera).unwrap().unwrap();
            assert_eq!(got, record());
            assert!(Writer::map(fd.as_fd(), got.spec).is_ok());
        }
        assert!(receive_ring(&camera).unwrap().is_none());
    }

    #[test]
    fn refuses_records_that_are_none() {
        let good = record().to_bytes();
        assert_eq!(RingRecord::from_bytes(&good).unwrap(), record());
        for (at, value) in
            [(0, 0), (4, 2), (5, 1), (5, 9), (6, 0), (6, 33), (6, 2), (7, 1), (8, 63), (16, b'/')]
        {
            let mut bytes = good;
            bytes[at] = value;
            assert!(RingRecord::from_bytes(&bytes).is_err(), "byte {at} = {value}");
        }
    }

    #[test]
    fn refuses_a_record_without_a_descriptor_or_cut_short() {
        use std::io::Write;
        let (mut core, camera) = UnixStream::pair().unwrap();
        core.write_all(&record().to_bytes()).unwrap();
        assert!(matches!(receive_ring(&camera), Err(HandoverError::Socket(_))));
        let memory = RingMemory::create(record().spec).unwrap();
        send_with_descriptor(&core, &record().to_bytes()[..20], memory.writer_fd()).unwrap();
        assert!(matches!(receive_ring(&camera), Err(HandoverError::Socket(_))));
    }
}
