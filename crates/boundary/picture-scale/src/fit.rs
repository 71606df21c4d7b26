//! Where in the target a picture goes, so that circles stay circles.

use cofferdam_picture::Geometry;

/// Width, height and pixel aspect of a picture before scaling.
///
/// Unlike a [`Geometry`] it may have odd sides, stand upright, and have pixels that are not square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceShape {
    width: u32,
    height: u32,
    pixel_aspect: (u32, u32),
}

/// Why two numbers are no [`SourceShape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 16x16 to 3840x2160 in either orientation, found {0}x{1}")]
pub struct SourceShapeError(u32, u32);

impl SourceShape {
    /// A checked shape of `width` by `height` pixels, each `pixel_aspect.0 / pixel_aspect.1` as wide
    /// as it is high. A zero in the aspect says that it is unknown: pixels are square then.
    ///
    /// # Errors
    /// When a side is below 16 pixels, or the picture does not fit into 3840 by 2160 pixels either
    /// way round.
    pub const fn new(
        width: u32,
        height: u32,
        pixel_aspect: (u32, u32),
    ) -> Result<Self, SourceShapeError> {
        let (long, short) = if width >= height { (width, height) } else { (height, width) };
        if short < Geometry::MIN_SIDE || long > Geometry::MAX_WIDTH || short > Geometry::MAX_HEIGHT
        {
            return Err(SourceShapeError(width, height));
        }
        let known = pixel_aspect.0 != 0 && pixel_aspect.1 != 0;
        Ok(Self { width, height, pixel_aspect: if known { pixel_aspect } else { (1, 1) } })
    }

    /// Width in pixels.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(self) -> u32 {
        self.height
    }

    /// Width of a pixel over its height, as a fraction without zeros.
    #[must_use]
    pub const fn pixel_aspect(self) -> (u32, u32) {
        self.pixel_aspect
    }
}

impl From<Geometry> for SourceShape {
    fn from(geometry: Geometry) -> Self {
        Self { width: geometry.width(), height: geometry.height(), pixel_aspect: (1, 1) }
    }
}

/// A rectangle in luma pixels, every number even: chroma planes hold it at half of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Columns left of it.
    pub left: u32,
    /// Rows above it.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// The largest rectangle of the source's display aspect within `target`, centred.
///
/// Sides are rounded to the nearest even number and are at least 2.
#[must_use]
pub fn fit(source: SourceShape, target: Geometry) -> Rect {
    let (across, down) = source.pixel_aspect;
    // At most 12 + 32 bits each; multiplied by a side of the target, 56.
    let display_width = u64::from(source.width) * u64::from(across);
    let display_height = u64::from(source.height) * u64::from(down);
    let (width, height) = (u64::from(target.width()), u64::from(target.height()));

    let (width, height) = if display_width * height >= display_height * width {
        (width, nearest_even(display_height * width, display_width).min(height))
    } else {
        (nearest_even(display_width * height, display_height).min(width), height)
    };
    let side = |length: u64| u32::try_from(length).unwrap_or(Geometry::MAX_WIDTH);
    let (width, height) = (side(width), side(height));
    Rect {
        left: (target.width() - width) / 4 * 2,
        top: (target.height() - height) / 4 * 2,
        width,
        height,
    }
}

/// The even number nearest to `numerator / denominator`, at least 2.
fn nearest_even(numerator: u64, denominator: u64) -> u64 {
    let half = (numerator + denominator) / (2 * denominator);
    (half * 2).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(width: u32, height: u32) -> Geometry {
        Geometry::new(width, height).unwrap()
    }

    #[test]
    fn keeps_the_display_aspect() {
        // Source, its pixel aspect, target; left, top, width, height.
        let table = [
            ((1920, 1080), (1, 1), (1920, 1080), (0, 0, 1920, 1080)),
            ((1920, 1080), (1, 1), (640, 360), (0, 0, 640, 360)),
            ((1920, 1088), (1, 1), (1920, 1080), (6, 0, 1906, 1080)),
            ((640, 480), (1, 1), (1920, 1080), (240, 0, 1440, 1080)),
            ((704, 576), (12, 11), (1280, 720), (160, 0, 960, 720)),
            ((704, 576), (12, 11), (704, 576), (0, 24, 704, 528)),
            ((720, 576), (16, 15), (768, 576), (0, 0, 768, 576)),
            ((720, 576), (64, 45), (1024, 576), (0, 0, 1024, 576)),
            ((352, 288), (0, 0), (704, 576), (0, 0, 704, 576)),
            ((1080, 1920), (1, 1), (1920, 1080), (656, 0, 608, 1080)),
            ((2560, 1440), (1, 1), (640, 480), (0, 60, 640, 360)),
            ((641, 361), (1, 1), (640, 360), (0, 0, 640, 360)),
        ];
        for (source, aspect, target, (left, top, width, height)) in table {
            let shape = SourceShape::new(source.0, source.1, aspect).unwrap();
            let rect = fit(shape, geometry(target.0, target.1));
            assert_eq!(
                rect,
                Rect { left, top, width, height },
                "{source:?} of {aspect:?} into {target:?}"
            );
        }
    }

    #[test]
    fn absurd_aspects_leave_a_sliver_inside_the_target() {
        for aspect in [(u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
            let shape = SourceShape::new(3840, 2160, aspect).unwrap();
            let target = geometry(1280, 720);
            let rect = fit(shape, target);
            assert!(rect.width >= 2 && rect.height >= 2);
            assert!(rect.left + rect.width <= 1280 && rect.top + rect.height <= 720);
        }
    }

    #[test]
    fn refuses_what_is_not_scaled() {
        for (width, height) in
            [(0, 0), (15, 16), (16, 15), (3841, 2160), (3840, 2161), (2161, 3840)]
        {
            assert!(SourceShape::new(width, height, (1, 1)).is_err(), "{width}x{height}");
        }
        for (width, height) in [(16, 16), (17, 19), (3840, 2160), (2160, 3840)] {
            assert!(SourceShape::new(width, height, (1, 1)).is_ok(), "{width}x{height}");
        }
    }
}
