//! The scaling itself.

use cofferdam_picture::{Geometry, PictureMut, PictureRef};
use fast_image_resize::images::{
    TypedCroppedImage, TypedCroppedImageMut, TypedImage, TypedImageRef,
};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::fit::{Rect, SourceShape, fit};
use crate::planes::{PlaneRef, PlanesRef};

const BLACK_LUMA: u8 = 16;
const NEUTRAL_CHROMA: u8 = 128;

/// Why a picture was not scaled. The destination may have been painted in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// The planes are not of the size the scaler was made for.
    #[error("scaling: expected planes of {expected:?}, found {found:?}")]
    Source {
        /// Width and height the scaler was made for.
        expected: (u32, u32),
        /// Width and height of the planes.
        found: (usize, usize),
    },
    /// The destination is not of the geometry the scaler was made for.
    #[error("scaling: expected a picture of {expected}, found {found}")]
    Target {
        /// Geometry the scaler was made for.
        expected: Geometry,
        /// Geometry of the destination.
        found: Geometry,
    },
    /// The resampler refused the planes.
    #[error("scaling: the resampler refused the planes")]
    Resample,
}

/// Brings pictures of one shape into one geometry.
///
/// Keeps the resampler's scratch memory from picture to picture. When source and target are the
/// same it copies rows and nothing else.
pub struct Scaler {
    source: SourceShape,
    target: Geometry,
    rect: Rect,
    resizer: Resizer,
    options: ResizeOptions,
    /// Holds planes whose last row lacks its padding, which the resampler wants.
    packed: Vec<u8>,
}

impl Scaler {
    /// A scaler from `source` to `target`.
    #[must_use]
    pub fn new(source: SourceShape, target: Geometry) -> Self {
        Self {
            source,
            target,
            rect: fit(source, target),
            resizer: Resizer::new(),
            // A triangle filter, widened when shrinking: no aliasing, and the cheapest that has none.
            options: ResizeOptions::new()
                .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
                .use_alpha(false),
            packed: Vec::new(),
        }
    }

    /// What it was made for.
    #[must_use]
    pub const fn source(&self) -> SourceShape {
        self.source
    }

    /// What it makes.
    #[must_use]
    pub const fn target(&self) -> Geometry {
        self.target
    }

    /// Where in the target the picture goes; the rest is black.
    #[must_use]
    pub const fn rect(&self) -> Rect {
        self.rect
    }

    /// Whether scaling is a copy.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        let whole = (self.rect.width, self.rect.height);
        whole == (self.source.width(), self.source.height())
            && whole == (self.target.width(), self.target.height())
    }

    /// Scales `source` into `target` and paints all of what is left of it black.
    ///
    /// # Errors
    /// When either is not of the size the scaler was made for.
    #[expect(clippy::needless_pass_by_value, reason = "a view, given away like its counterpart")]
    pub fn scale(
        &mut self,
        source: PlanesRef<'_>,
        target: PictureMut<'_>,
    ) -> Result<(), ScaleError> {
        let expected = (self.source.width(), self.source.height());
        let found = (source.width(), source.height());
        if found != (expected.0 as usize, expected.1 as usize) {
            return Err(ScaleError::Source { expected, found });
        }
        if target.geometry != self.target {
            return Err(ScaleError::Target { expected: self.target, found: target.geometry });
        }
        let Rect { left, top, width, height } = self.rect;
        let luma = self.rect;
        let chroma = Rect { left: left / 2, top: top / 2, width: width / 2, height: height / 2 };
        let columns = self.target.columns();
        self.plane(source.y(), target.y, columns, luma, BLACK_LUMA)?;
        self.plane(source.u(), target.u, columns / 2, chroma, NEUTRAL_CHROMA)?;
        self.plane(source.v(), target.v, columns / 2, chroma, NEUTRAL_CHROMA)
    }

    /// Scales a picture of the one form; for the rest as [`scale`](Self::scale).
    ///
    /// # Errors
    /// When either is not of the size the scaler was made for.
    pub fn scale_picture(
        &mut self,
        source: PictureRef<'_>,
        target: PictureMut<'_>,
    ) -> Result<(), ScaleError> {
        self.scale(source.into(), target)
    }

    fn plane(
        &mut self,
        source: PlaneRef<'_>,
        target: &mut [u8],
        columns: usize,
        rect: Rect,
        bar: u8,
    ) -> Result<(), ScaleError> {
        if self.is_identity() {
            source.copy_to(target);
            return Ok(());
        }
        paint_bars(target, columns, rect, bar);
        let (bytes, stride) = match source.whole_rows() {
            Some(rows) => rows,
            None => {
                self.packed.resize(source.width() * source.height(), 0);
                source.copy_to(&mut self.packed);
                (self.packed.as_slice(), source.width())
            }
        };
        let side = |length: usize| u32::try_from(length).map_err(|_| ScaleError::Resample);
        let rows = side(target.len() / columns.max(1))?;
        // Cropped views, not crop options: the filter must not reach into padding or bars.
        let from = TypedImageRef::<U8>::from_buffer(side(stride)?, side(source.height())?, bytes)
            .map_err(|_| ScaleError::Resample)?;
        let from =
            TypedCroppedImage::new(from, 0, 0, side(source.width())?, side(source.height())?)
                .map_err(|_| ScaleError::Resample)?;
        let to = TypedImage::<U8>::from_buffer(side(columns)?, rows, target)
            .map_err(|_| ScaleError::Resample)?;
        let mut to = TypedCroppedImageMut::new(to, rect.left, rect.top, rect.width, rect.height)
            .map_err(|_| ScaleError::Resample)?;
        self.resizer.resize_typed(&from, &mut to, &self.options).map_err(|_| ScaleError::Resample)
    }
}

impl std::fmt::Debug for Scaler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scaler")
            .field("source", &self.source)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Fills what `rect` leaves of a plane with rows of `columns` bytes.
fn paint_bars(plane: &mut [u8], columns: usize, rect: Rect, value: u8) {
    let (left, top) = (rect.left as usize, rect.top as usize);
    let (right, bottom) = (left + rect.width as usize, top + rect.height as usize);
    let (above, rest) = plane.split_at_mut(top * columns);
    let (beside, below) = rest.split_at_mut((bottom - top) * columns);
    above.fill(value);
    below.fill(value);
    if rect.width as usize != columns {
        for row in beside.chunks_exact_mut(columns) {
            row[..left].fill(value);
            row[right..].fill(value);
        }
    }
}
