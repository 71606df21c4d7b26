//! From whatever the decoder made to the one picture form.
//!
//! The form is 8-bit 4:2:0, limited range, BT.709, progressive, square pixels, of the configured
//! size. A picture that is all of that already is copied row by row; every other step runs only
//! for those that need it, in this order: one field of two, colour differences to 4:2:0, range and
//! matrix, size.

mod chroma;
mod interlace;
mod matrix;
mod range;
mod source;

use cofferdam_picture::{Geometry, PictureMut};
use cofferdam_picture_scale::{PlaneRef, PlanesRef, Scaler, SourceShape};

pub use matrix::Matrix;
pub use range::Range;
pub use source::{Layout, Source};

use matrix::Transform;

/// A picture that is not converted: too small, too large, of more than 8 bits, or inconsistent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a picture of a form that is not converted")]
pub struct UnsupportedPicture;

/// Brings a camera's pictures into the one form. Keeps its memory from picture to picture.
#[derive(Debug)]
pub struct Converter {
    scaler: Scaler,
    field: Planes,
    subsampled: Planes,
    coloured: Planes,
    row: Vec<i32>,
}

/// A picture that is ready to be painted into its place.
#[derive(Debug)]
pub struct Converted<'a> {
    planes: PlanesRef<'a>,
    scaler: &'a mut Scaler,
}

impl Converted<'_> {
    /// Paints the whole of `target`, which has the converter's geometry.
    pub fn paint(self, target: PictureMut<'_>) {
        // Sizes were compared when it was converted; a target of another geometry is not this
        // picture's place and stays as it is.
        let _ = self.scaler.scale(self.planes, target);
    }
}

#[derive(Debug, Default)]
struct Planes([Vec<u8>; 3]);

impl Converter {
    /// A converter to pictures of `target`.
    #[must_use]
    pub fn new(target: Geometry) -> Self {
        Self {
            scaler: Scaler::new(target.into(), target),
            field: Planes::default(),
            subsampled: Planes::default(),
            coloured: Planes::default(),
            row: Vec::new(),
        }
    }

    /// Converts all but the size of `source`, which is left to [`Converted::paint`].
    ///
    /// # Errors
    /// When pictures of this size or with these planes are not converted.
    pub fn convert<'a>(
        &'a mut self,
        source: &Source<'a>,
    ) -> Result<Converted<'a>, UnsupportedPicture> {
        let Self { scaler, field, subsampled, coloured, row } = self;
        let shape = SourceShape::new(source.width, source.height, source.pixel_aspect)
            .map_err(|_| UnsupportedPicture)?;
        if scaler.source() != shape {
            *scaler = Scaler::new(shape, scaler.target());
        }
        let (width, height) = (source.width as usize, source.height as usize);
        let mut planes = source.planes()?;
        if source.interlaced {
            for (plane, to) in planes.iter_mut().flatten().zip(&mut field.0) {
                to.resize(plane.width() * plane.height(), 0);
                interlace::keep_upper_field(*plane, to);
                *plane = packed(to, plane.width(), plane.height())?;
            }
        }
        let y = planes[0].ok_or(UnsupportedPicture)?;
        let mut picture = to_420(source.layout, y, planes, subsampled)?;
        if let Some(transform) = Transform::new(source.matrix, source.range) {
            let [to_y, to_u, to_v] = &mut coloured.0;
            let half = width.div_ceil(2) * height.div_ceil(2);
            to_y.resize(width * height, 0);
            to_u.resize(half, 0);
            to_v.resize(half, 0);
            let differences = [picture.u(), picture.v()];
            transform.apply(picture.y(), differences, [to_y, to_u, to_v], row);
            let half = width.div_ceil(2);
            picture = PlanesRef::new(width, height, (to_y, width), (to_u, half), (to_v, half))
                .ok_or(UnsupportedPicture)?;
        }
        Ok(Converted { planes: picture, scaler })
    }
}

/// The same picture with colour differences at half of both sides.
fn to_420<'a>(
    layout: Layout,
    y: PlaneRef<'a>,
    planes: [Option<PlaneRef<'a>>; 3],
    scratch: &'a mut Planes,
) -> Result<PlanesRef<'a>, UnsupportedPicture> {
    let (columns, rows) = (y.width().div_ceil(2), y.height().div_ceil(2));
    let [_, u, v] = &mut scratch.0;
    let second = || planes[1].ok_or(UnsupportedPicture);
    let third = || planes[2].ok_or(UnsupportedPicture);
    if layout == Layout::Yuv420 {
        return PlanesRef::of(y, second()?, third()?).ok_or(UnsupportedPicture);
    }
    u.resize(columns * rows, 0);
    v.resize(columns * rows, 0);
    match layout {
        Layout::Yuv420 => {}
        Layout::Yuv422 | Layout::Yuv444 => {
            let across = if layout == Layout::Yuv422 { 1 } else { 2 };
            chroma::average(second()?, u, columns, (across, 2));
            chroma::average(third()?, v, columns, (across, 2));
        }
        Layout::Yuv411 => {
            chroma::stretch(second()?, u, columns, 2);
            chroma::stretch(third()?, v, columns, 2);
        }
        Layout::Nv12 => {
            chroma::unzip(second()?, u, columns, false);
            chroma::unzip(second()?, v, columns, true);
        }
        Layout::Gray => {
            u.fill(128);
            v.fill(128);
        }
    }
    let (u, v) = (packed(u, columns, rows)?, packed(v, columns, rows)?);
    PlanesRef::of(y, u, v).ok_or(UnsupportedPicture)
}

fn packed(bytes: &[u8], width: usize, height: usize) -> Result<PlaneRef<'_>, UnsupportedPicture> {
    PlaneRef::new(bytes, width, width, height).ok_or(UnsupportedPicture)
}
