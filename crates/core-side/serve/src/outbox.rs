//! What has been decided to be sent and is not yet in the kernel's hands.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use cofferdam_publish::Unit;

/// How many pieces one write takes.
const MAX_SLICES: usize = 8;

/// Bytes in the order they go out. Whatever is appended follows what is there, so a frame that is
/// half written is finished first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    answer_bytes: usize,
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    unit: Option<Arc<Unit>>,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes that are not of units: they are there because the reader asked for something.
    pub(crate) const fn answer_bytes(&self) -> usize {
        self.answer_bytes
    }

    /// Appends an answer or a report.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.answer_bytes += bytes.len();
            self.pieces.push_back(Piece { bytes, unit: None });
        }
    }

    /// Appends the packets of a unit, framed.
    pub(crate) fn push_unit(&mut self, bytes: Bytes, unit: Arc<Unit>) {
        if !bytes.is_empty() {
            self.pieces.push_back(Piece { bytes, unit: Some(unit) });
        }
    }

    /// What to write next.
    pub(crate) fn slices(&self) -> ([IoSlice<'_>; MAX_SLICES], usize) {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(&piece.bytes);
            count += 1;
        }
        (slices, count)
    }

    /// Takes out the first `written` bytes; `sent` hears of every unit that is gone with them.
    pub(crate) fn advance(&mut self, mut written: usize, mut sent: impl FnMut(&Unit)) {
        while let Some(piece) = self.pieces.front_mut() {
            let taken = piece.bytes.len().min(written);
            piece.bytes.advance(taken);
            written -= taken;
            if piece.unit.is_none() {
                self.answer_bytes -= taken;
            }
            if !piece.bytes.is_empty() {
                break;
            }
            if let Some(unit) = &piece.unit {
                sent(unit);
            }
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(outbox: &Outbox) -> Vec<u8> {
        let (slices, count) = outbox.slices();
        slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    #[test]
    fn what_is_half_written_is_finished_before_the_rest() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"first"));
        outbox.push(Bytes::new());
        outbox.advance(2, |_| ());
        outbox.push(Bytes::from_static(b"second"));
        assert_eq!(pending(&outbox), b"rstsecond");
        assert_eq!(outbox.answer_bytes(), 9);
        outbox.advance(5, |_| ());
        assert_eq!(pending(&outbox), b"cond");
        outbox.advance(4, |_| ());
        assert!(outbox.is_empty() && outbox.answer_bytes() == 0);
        outbox.advance(0, |_| ());
    }

    #[test]
    fn one_write_takes_a_bounded_number_of_pieces() {
        let mut outbox = Outbox::default();
        for _ in 0..MAX_SLICES + 3 {
            outbox.push(Bytes::from_static(b"ab"));
        }
        assert_eq!(pending(&outbox).len(), 2 * MAX_SLICES);
        outbox.advance(2 * MAX_SLICES, |_| ());
        assert_eq!(pending(&outbox).len(), 6);
    }
}
