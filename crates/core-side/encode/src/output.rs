//! The pipe to the server: written without ever waiting.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::Errno;

/// What the kernel is asked to hold for us: about ten seconds of a quiet camera.
const PIPE_BYTES: usize = 1 << 20;

/// With more than this still to be written no record is taken: the server is too slow.
const MOST_PENDING: usize = 1 << 20;

/// The server closed its end: there is nobody to encode for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// The reading end is closed.
    #[error("the server closed the record pipe")]
    Closed,
    /// The pipe cannot be written to.
    #[error("writing records: {0}")]
    Write(Errno),
}

/// The writing end of the record pipe, and what it did not take yet.
#[derive(Debug)]
pub struct Output {
    pipe: OwnedFd,
    pending: Vec<u8>,
    written: usize,
}

impl Output {
    /// Takes over `pipe`, makes it non-blocking and as large as the kernel lets it be.
    ///
    /// # Errors
    /// When it cannot be made non-blocking.
    pub fn new(pipe: OwnedFd) -> Result<Self, OutputError> {
        let flags = rustix::fs::fcntl_getfl(&pipe).map_err(OutputError::Write)?;
        rustix::fs::fcntl_setfl(&pipe, flags | OFlags::NONBLOCK).map_err(OutputError::Write)?;
        // A user over its share of pipe memory keeps the kernel's default, which works as well.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE_BYTES);
        Ok(Self { pipe, pending: Vec::new(), written: 0 })
    }

    /// Whether a record would be taken now.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.pending.len() - self.written <= MOST_PENDING
    }

    /// Whether all that was taken is with the kernel.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.pending.len() == self.written
    }

    /// Takes a record and writes as much of it as the pipe takes. Ask [`has_room`](Self::has_room)
    /// first: this takes any record.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn push(&mut self, header: &[u8], body: &[u8]) -> Result<(), OutputError> {
        self.flush()?;
        let mut taken = 0;
        if self.is_drained() {
            let parts = [IoSlice::new(header), IoSlice::new(body)];
            taken = match rustix::io::writev(&self.pipe, &parts) {
                Ok(written) => written,
                Err(Errno::AGAIN | Errno::INTR) => 0,
                Err(error) => return Err(failed(error)),
            };
        }
        self.pending.extend_from_slice(header.get(taken..).unwrap_or_default());
        let of_body = taken.saturating_sub(header.len());
        self.pending.extend_from_slice(body.get(of_body..).unwrap_or_default());
        Ok(())
    }

    /// Writes as much of what is pending as the pipe takes.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        while !self.is_drained() {
            match rustix::io::write(&self.pipe, &self.pending[self.written..]) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(()),
                Ok(written) => self.written += written,
                Err(Errno::INTR) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        self.pending.clear();
        self.written = 0;
        Ok(())
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

const fn failed(error: Errno) -> OutputError {
    match error {
        Errno::PIPE => OutputError::Closed,
        other => OutputError::Write(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(pipe: &OwnedFd) -> Vec<u8> {
        let mut bytes = vec![0; 2 * PIPE_BYTES];
        let read = rustix::io::read(pipe, &mut bytes).unwrap();
        bytes.truncate(read);
        bytes
    }

    #[test]
    fn a_record_cut_by_a_full_pipe_is_finished_before_the_next() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut output = Output::new(writer).unwrap();
        let mut expected = Vec::new();
        let mut records = 0u8;
        while output.is_drained() {
            let (header, body) = ([records; 7], vec![records ^ 0xff; 70_000]);
            output.push(&header, &body).unwrap();
            expected.extend_from_slice(&header);
            expected.extend_from_slice(&body);
            records += 1;
        }
        output.push(&[9; 3], &[8; 5]).unwrap();
        expected.extend_from_slice(&[9, 9, 9, 8, 8, 8, 8, 8]);
        let mut got = Vec::new();
        while !output.is_drained() {
            got.extend(read_all(&reader));
            output.flush().unwrap();
        }
        while got.len() < expected.len() {
            got.extend(read_all(&reader));
        }
        assert!(got == expected);
    }

    #[test]
    fn has_no_room_beyond_its_bound() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut output = Output::new(writer).unwrap();
        let body = vec![1; 1 << 18];
        let mut taken = 0;
        while output.has_room() {
            output.push(&[], &body).unwrap();
            taken += body.len();
            assert!(taken <= PIPE_BYTES + MOST_PENDING + 2 * body.len());
        }
        drop(reader);
        assert_eq!(output.flush(), Err(OutputError::Closed));
    }
}
