//! Cutting an access unit down in place.

use std::ops::Range;

/// What is to be left of a buffer, front to back.
#[derive(Debug, Default)]
pub(crate) struct Edit {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Kept(Range<usize>),
    /// Bytes in the place of at least as many.
    Replaced(Vec<u8>),
}

impl Edit {
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
    }

    /// Keeps a range that lies behind everything kept before.
    pub(crate) fn keep(&mut self, range: Range<usize>) {
        if let Some(Piece::Kept(last)) = self.pieces.last_mut()
            && last.end == range.start
        {
            last.end = range.end;
        } else {
            self.pieces.push(Piece::Kept(range));
        }
    }

    /// Puts `bytes` in the place of a range that lies behind everything kept before. They are not
    /// more than those of the range, or are left out.
    pub(crate) fn replace(&mut self, range: &Range<usize>, bytes: Vec<u8>) {
        debug_assert!(bytes.len() <= range.len(), "a replacement grows");
        if bytes.len() <= range.len() {
            self.pieces.push(Piece::Replaced(bytes));
        }
    }

    /// Does it. Nothing is moved before the first cut.
    pub(crate) fn apply(&self, buffer: &mut Vec<u8>) {
        let mut end = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Kept(range) => {
                    if range.start != end {
                        buffer.copy_within(range.clone(), end);
                    }
                    end += range.len();
                }
                Piece::Replaced(bytes) => {
                    buffer[end..end + bytes.len()].copy_from_slice(bytes);
                    end += bytes.len();
                }
            }
        }
        buffer.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(edits: impl FnOnce(&mut Edit)) -> Vec<u8> {
        let mut buffer: Vec<u8> = (0..10).collect();
        let mut edit = Edit::default();
        edits(&mut edit);
        edit.apply(&mut buffer);
        buffer
    }

    #[test]
    fn pieces_close_ranks() {
        assert_eq!(edited(|_| {}), []);
        assert_eq!(edited(|e| e.keep(0..10)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let cut = edited(|e| {
            e.keep(1..2);
            e.keep(2..3);
            e.replace(&(4..7), vec![99, 98]);
            e.keep(8..10);
        });
        assert_eq!(cut, [1, 2, 99, 98, 8, 9]);
    }

    #[test]
    fn what_lies_together_is_one_piece() {
        let mut edit = Edit::default();
        edit.keep(0..4);
        edit.keep(4..9);
        assert_eq!(edit.pieces.len(), 1);
    }
}
