//! Planes to read from memory that has its own idea of row length.

use cofferdam_picture::PictureRef;

/// One plane: `height` rows of `width` samples, each row `stride` bytes after the one before.
#[derive(Clone, Copy)]
pub struct PlaneRef<'a> {
    bytes: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
}

impl<'a> PlaneRef<'a> {
    /// A plane over `bytes`, or `None` when these do not reach to the end of the last row, rows
    /// overlap, or there are no samples. Padding after the last row need not be there.
    #[must_use]
    pub fn new(bytes: &'a [u8], stride: usize, width: usize, height: usize) -> Option<Self> {
        if width == 0 || height == 0 || stride < width {
            return None;
        }
        let needed = stride.checked_mul(height - 1)?.checked_add(width)?;
        (bytes.len() >= needed).then_some(Self { bytes, stride, width, height })
    }

    /// Samples in a row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Row `index`, without padding. An index past the last row reads the last row.
    #[must_use]
    pub fn row(&self, index: usize) -> &'a [u8] {
        let start = index.min(self.height - 1) * self.stride;
        &self.bytes[start..start + self.width]
    }

    /// The rows, from the top, without padding.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let plane = *self;
        (0..self.height).map(move |index| plane.row(index))
    }

    /// Bytes that are rows of `stride` whole, when the padding of the last row is there too.
    pub(crate) fn whole_rows(&self) -> Option<(&'a [u8], usize)> {
        let length = self.stride.checked_mul(self.height)?;
        self.bytes.get(..length).map(|bytes| (bytes, self.stride))
    }

    /// Copies the rows to `to`, one after the other without padding.
    ///
    /// Stops at whichever ends first; callers compare sizes before.
    pub fn copy_to(&self, to: &mut [u8]) {
        if self.stride == self.width {
            let length = to.len().min(self.width * self.height);
            to[..length].copy_from_slice(&self.bytes[..length]);
            return;
        }
        for (to, from) in to.chunks_exact_mut(self.width).zip(self.rows()) {
            to.copy_from_slice(from);
        }
    }
}

impl std::fmt::Debug for PlaneRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlaneRef({}x{}, stride {})", self.width, self.height, self.stride)
    }
}

/// A 4:2:0 picture of any size: chroma planes have half of both sides, rounded up.
#[derive(Clone, Copy, Debug)]
pub struct PlanesRef<'a> {
    y: PlaneRef<'a>,
    u: PlaneRef<'a>,
    v: PlaneRef<'a>,
}

impl<'a> PlanesRef<'a> {
    /// The picture of `width` by `height` pixels in three planes, each given as its bytes and its
    /// stride. `None` when a plane does not hold it.
    #[must_use]
    pub fn new(
        width: usize,
        height: usize,
        y: (&'a [u8], usize),
        u: (&'a [u8], usize),
        v: (&'a [u8], usize),
    ) -> Option<Self> {
        let (columns, rows) = (width.div_ceil(2), height.div_ceil(2));
        Some(Self {
            y: PlaneRef::new(y.0, y.1, width, height)?,
            u: PlaneRef::new(u.0, u.1, columns, rows)?,
            v: PlaneRef::new(v.0, v.1, columns, rows)?,
        })
    }

    /// The picture in these planes; `None` when the chroma planes are not of half of both sides,
    /// rounded up.
    #[must_use]
    pub fn of(y: PlaneRef<'a>, u: PlaneRef<'a>, v: PlaneRef<'a>) -> Option<Self> {
        let half = (y.width.div_ceil(2), y.height.div_ceil(2));
        let fits = (u.width, u.height) == half && (v.width, v.height) == half;
        fits.then_some(Self { y, u, v })
    }

    /// Width in pixels.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.y.width()
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(&self) -> usize {
        self.y.height()
    }

    /// Luma.
    #[must_use]
    pub const fn y(&self) -> PlaneRef<'a> {
        self.y
    }

    /// Blue difference.
    #[must_use]
    pub const fn u(&self) -> PlaneRef<'a> {
        self.u
    }

    /// Red difference.
    #[must_use]
    pub const fn v(&self) -> PlaneRef<'a> {
        self.v
    }
}

impl<'a> From<PictureRef<'a>> for PlanesRef<'a> {
    fn from(picture: PictureRef<'a>) -> Self {
        let (width, height) = (picture.geometry.columns(), picture.geometry.rows());
        let plane = |bytes, width, height| PlaneRef { bytes, stride: width, width, height };
        Self {
            y: plane(picture.y, width, height),
            u: plane(picture.u, width / 2, height / 2),
            v: plane(picture.v, width / 2, height / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_leave_the_padding_out() {
        let bytes = [1, 2, 0, 3, 4, 0, 5, 6];
        let plane = PlaneRef::new(&bytes, 3, 2, 3).unwrap();
        assert_eq!(plane.rows().collect::<Vec<_>>(), [[1, 2], [3, 4], [5, 6]]);
        assert_eq!(plane.row(99), [5, 6]);
        assert!(plane.whole_rows().is_none());
        let mut to = [0; 6];
        plane.copy_to(&mut to);
        assert_eq!(to, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn refuses_bytes_that_do_not_hold_the_plane() {
        let bytes = [0; 8];
        assert!(PlaneRef::new(&bytes, 3, 2, 3).is_some());
        assert!(PlaneRef::new(&bytes[..7], 3, 2, 3).is_none());
        assert!(PlaneRef::new(&bytes, 1, 2, 3).is_none());
        assert!(
            PlaneRef::new(&bytes, 3, 0, 3).is_none() && PlaneRef::new(&bytes, 3, 2, 0).is_none()
        );
        assert!(PlaneRef::new(&bytes, usize::MAX, 2, 3).is_none());
        assert!(PlaneRef::new(&bytes, usize::MAX - 1, 2, 2).is_none());
    }

    #[test]
    fn odd_sizes_have_chroma_rounded_up() {
        let bytes = [0; 15];
        let planes =
            |chroma: &'static [u8]| PlanesRef::new(5, 3, (&[0; 15], 5), (chroma, 3), (chroma, 3));
        assert!(planes(&[0; 6]).is_some() && planes(&[0; 5]).is_none());
        let plane = |width, height| PlaneRef::new(&bytes, width, width, height).unwrap();
        assert!(PlanesRef::of(plane(5, 3), plane(3, 2), plane(3, 2)).is_some());
        assert!(PlanesRef::of(plane(5, 3), plane(2, 2), plane(3, 2)).is_none());
        assert!(PlanesRef::new(5, 3, (&bytes[..14], 5), (&[0; 6], 3), (&[0; 6], 3)).is_none());
    }
}
