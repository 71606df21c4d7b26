//! Pictures in memory: owned, borrowed, and borrowed for writing.

use crate::Geometry;

/// A picture in memory of its own: luma, Cb and Cr planes, one after the other, without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    geometry: Geometry,
    bytes: Vec<u8>,
}

impl Picture {
    /// A black picture (limited range: luma 16, chroma 128).
    #[must_use]
    pub fn black(geometry: Geometry) -> Self {
        let mut bytes = vec![16; geometry.luma_len()];
        bytes.resize(geometry.picture_len(), 128);
        Self { geometry, bytes }
    }

    /// Width and height.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// All three planes, `geometry().picture_len()` bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All three planes, for a copy that fills the picture whole.
    #[must_use]
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The planes, to read.
    #[must_use]
    pub fn as_ref(&self) -> PictureRef<'_> {
        split(self.geometry, &self.bytes)
    }

    /// The planes, to write.
    #[must_use]
    pub fn as_mut(&mut self) -> PictureMut<'_> {
        split_mut(self.geometry, &mut self.bytes)
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

/// The planes of a picture, to read. Rows follow each other without padding.
#[derive(Clone, Copy)]
pub struct PictureRef<'a> {
    /// Width and height of the luma plane; chroma planes have half of both.
    pub geometry: Geometry,
    /// Luma, `geometry.luma_len()` bytes.
    pub y: &'a [u8],
    /// Blue difference, `geometry.chroma_len()` bytes.
    pub u: &'a [u8],
    /// Red difference, `geometry.chroma_len()` bytes.
    pub v: &'a [u8],
}

/// The planes of a picture, to write. Rows follow each other without padding.
pub struct PictureMut<'a> {
    /// Width and height of the luma plane; chroma planes have half of both.
    pub geometry: Geometry,
    /// Luma, `geometry.luma_len()` bytes.
    pub y: &'a mut [u8],
    /// Blue difference, `geometry.chroma_len()` bytes.
    pub u: &'a mut [u8],
    /// Red difference, `geometry.chroma_len()` bytes.
    pub v: &'a mut [u8],
}

impl<'a> PictureRef<'a> {
    /// The planes of the picture that `bytes` holds, or `None` when there are not exactly
    /// `geometry.picture_len()` of them.
    #[must_use]
    pub fn new(geometry: Geometry, bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() == geometry.picture_len()).then(|| split(geometry, bytes))
    }
}

impl<'a> PictureMut<'a> {
    /// The planes of the picture that `bytes` holds, or `None` when there are not exactly
    /// `geometry.picture_len()` of them.
    #[must_use]
    pub fn new(geometry: Geometry, bytes: &'a mut [u8]) -> Option<Self> {
        (bytes.len() == geometry.picture_len()).then(|| split_mut(geometry, bytes))
    }

    /// Paints all of it black (limited range).
    pub fn fill_black(&mut self) {
        self.y.fill(16);
        self.u.fill(128);
        self.v.fill(128);
    }
}

fn split(geometry: Geometry, bytes: &[u8]) -> PictureRef<'_> {
    let (y, chroma) = bytes.split_at(geometry.luma_len());
    let (u, v) = chroma.split_at(geometry.chroma_len());
    PictureRef { geometry, y, u, v }
}

fn split_mut(geometry: Geometry, bytes: &mut [u8]) -> PictureMut<'_> {
    let (y, chroma) = bytes.split_at_mut(geometry.luma_len());
    let (u, v) = chroma.split_at_mut(geometry.chroma_len());
    PictureMut { geometry, y, u, v }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_partition_the_bytes() {
        let geometry = Geometry::new(64, 32).unwrap();
        let mut picture = Picture::black(geometry);
        {
            let planes = picture.as_mut();
            planes.y.fill(1);
            planes.u.fill(2);
            planes.v.fill(3);
        }
        let bytes = picture.as_bytes();
        assert_eq!(bytes.len(), 3072);
        assert!(bytes[..2048].iter().all(|b| *b == 1));
        assert!(bytes[2048..2560].iter().all(|b| *b == 2));
        assert!(bytes[2560..].iter().all(|b| *b == 3));
    }

    #[test]
    fn refuses_another_length() {
        let geometry = Geometry::new(16, 16).unwrap();
        let mut bytes = vec![0; geometry.picture_len() + 1];
        assert!(PictureRef::new(geometry, &bytes).is_none());
        assert!(PictureMut::new(geometry, &mut bytes[2..]).is_none());
        assert!(PictureRef::new(geometry, &bytes[1..]).is_some());
    }
}
