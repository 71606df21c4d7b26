//! What the decoder says a picture is.

use cofferdam_ingest_boot::Colour;
use cofferdam_pad_codec::{
    DecodedPicture, VideoColorMatrix, VideoColorRange, VideoColorimetry, VideoFormat,
};
use cofferdam_picture_ring::Codec;
use cofferdam_picture_scale::PlaneRef;

use super::{Matrix, Range, UnsupportedPicture};

/// How many colour differences there are, and in which planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Half of both sides; planes Y, Cb, Cr.
    Yuv420,
    /// Half of the width; planes Y, Cb, Cr.
    Yuv422,
    /// As many as luma; planes Y, Cb, Cr.
    Yuv444,
    /// A quarter of the width; planes Y, Cb, Cr.
    Yuv411,
    /// Half of both sides; planes Y and pairs of Cb and Cr.
    Nv12,
    /// None; plane Y.
    Gray,
}

impl Layout {
    /// Samples a row and rows of each plane of a picture of this size; zero for no such plane.
    const fn sizes(self, width: usize, height: usize) -> [(usize, usize); 3] {
        let chroma = match self {
            Self::Yuv420 => (width.div_ceil(2), height.div_ceil(2)),
            Self::Yuv422 => (width.div_ceil(2), height),
            Self::Yuv444 => (width, height),
            Self::Yuv411 => (width.div_ceil(4), height),
            Self::Nv12 => {
                return [(width, height), (width.div_ceil(2) * 2, height.div_ceil(2)), (0, 0)];
            }
            Self::Gray => (0, 0),
        };
        [(width, height), chroma, chroma]
    }
}

/// A decoded picture, in planes that are somebody else's memory.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Which planes there are.
    pub layout: Layout,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Width of a pixel over its height; a zero for unknown.
    pub pixel_aspect: (u32, u32),
    /// What sample values mean.
    pub range: Range,
    /// What colour differences mean.
    pub matrix: Matrix,
    /// Whether odd and even rows are of different times.
    pub interlaced: bool,
    /// Bytes and stride of each plane of the layout.
    pub data: [Option<(&'a [u8], usize)>; 3],
}

impl<'a> Source<'a> {
    /// What `picture` is by its decoder's word. `silent` is what colours mean where that is none.
    ///
    /// # Errors
    /// When the samples are not 8-bit luma and colour differences.
    pub fn new(
        picture: &'a DecodedPicture,
        codec: Codec,
        silent: Colour,
    ) -> Result<Self, UnsupportedPicture> {
        let info = picture.info();
        let (layout, swapped) = match info.format() {
            VideoFormat::I420 => (Layout::Yuv420, false),
            VideoFormat::Yv12 => (Layout::Yuv420, true),
            VideoFormat::Y42b => (Layout::Yuv422, false),
            VideoFormat::Y444 => (Layout::Yuv444, false),
            VideoFormat::Y41b => (Layout::Yuv411, false),
            VideoFormat::Nv12 => (Layout::Nv12, false),
            VideoFormat::Gray8 => (Layout::Gray, false),
            _ => return Err(UnsupportedPicture),
        };
        let (matrix, range) = if codec == Codec::Mjpeg {
            // JFIF has no other, and the decoder says nothing.
            (Matrix::Bt601, Range::Full)
        } else {
            let said = picture.colorimetry();
            (matrix(said, silent)?, range(said))
        };
        let aspect = |number: i32| u32::try_from(number).unwrap_or(0);
        let mut data = [picture.plane(0), picture.plane(1), picture.plane(2)];
        if swapped {
            data.swap(1, 2);
        }
        Ok(Self {
            layout,
            width: info.width(),
            height: info.height(),
            pixel_aspect: (aspect(info.par().numer()), aspect(info.par().denom())),
            range,
            matrix,
            interlaced: picture.is_interlaced(),
            data,
        })
    }

    /// The planes of the layout, checked against the picture's size.
    pub(super) fn planes(&self) -> Result<[Option<PlaneRef<'a>>; 3], UnsupportedPicture> {
        let sizes = self.layout.sizes(self.width as usize, self.height as usize);
        let mut planes = [None; 3];
        for ((plane, (width, height)), data) in planes.iter_mut().zip(sizes).zip(self.data) {
            if width == 0 {
                continue;
            }
            let (bytes, stride) = data.ok_or(UnsupportedPicture)?;
            *plane = Some(PlaneRef::new(bytes, stride, width, height).ok_or(UnsupportedPicture)?);
        }
        Ok(planes)
    }
}

fn matrix(said: Option<&VideoColorimetry>, silent: Colour) -> Result<Matrix, UnsupportedPicture> {
    Ok(match said.map(VideoColorimetry::matrix) {
        Some(VideoColorMatrix::Bt709) => Matrix::Bt709,
        Some(VideoColorMatrix::Bt601) => Matrix::Bt601,
        Some(VideoColorMatrix::Bt2020) => Matrix::Bt2020,
        Some(VideoColorMatrix::Smpte240m) => Matrix::Smpte240m,
        Some(VideoColorMatrix::Fcc) => Matrix::Fcc,
        Some(VideoColorMatrix::Rgb) => return Err(UnsupportedPicture),
        _ => match silent {
            Colour::Bt709 => Matrix::Bt709,
            Colour::Bt601 => Matrix::Bt601,
        },
    })
}

fn range(said: Option<&VideoColorimetry>) -> Range {
    match said.map(VideoColorimetry::range) {
        Some(VideoColorRange::Range0_255) => Range::Full,
        _ => Range::Limited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_stream_says_counts() {
        cofferdam_pad_codec::init(&[]).unwrap();
        let said = |text: &str| text.parse::<VideoColorimetry>().unwrap();
        let table = [
            (None, Matrix::Bt709, Range::Limited),
            (Some("2:0:0:0"), Matrix::Bt709, Range::Limited),
            (Some("1:0:0:0"), Matrix::Bt709, Range::Full),
            (Some("1:4:0:0"), Matrix::Bt601, Range::Full),
            (Some("bt601"), Matrix::Bt601, Range::Limited),
            (Some("bt709"), Matrix::Bt709, Range::Limited),
        ];
        for (text, expected_matrix, expected_range) in table {
            let said = text.map(said);
            assert_eq!(matrix(said.as_ref(), Colour::Bt709), Ok(expected_matrix), "{text:?}");
            assert_eq!(range(said.as_ref()), expected_range, "{text:?}");
        }
        assert_eq!(matrix(None, Colour::Bt601), Ok(Matrix::Bt601));
        assert_eq!(matrix(Some(&said("sRGB")), Colour::Bt709), Err(UnsupportedPicture));
    }
}
