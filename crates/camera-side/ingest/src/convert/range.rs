//! What sample values mean: studio range or all of it.

/// Which sample values stand for black, white and full colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Luma 16 to 235, chroma 16 to 240: what is published.
    Limited,
    /// 0 to 255 for all: JPEG, and cameras that say so.
    Full,
}

impl Range {
    /// The luma value of black.
    pub(super) const fn black(self) -> i32 {
        match self {
            Self::Limited => 16,
            Self::Full => 0,
        }
    }

    /// Steps from black to white, and from one end of a colour difference to the other.
    pub(super) const fn spans(self) -> (f64, f64) {
        match self {
            Self::Limited => (219.0, 224.0),
            Self::Full => (255.0, 255.0),
        }
    }
}
