//! Sizes of pictures and the rate they come at, checked once.

use serde::{Deserialize, Serialize};

/// Width and height of a picture in pixels: both even, at least 16, at most 3840 by 2160 pixels.
///
/// Every size in bytes below is derived from these two numbers and cannot overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Geometry {
    width: u32,
    height: u32,
}

/// Why two numbers are no [`Geometry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// 4:2:0 halves both sides.
    #[error("expected even width and height, found {0}x{1}")]
    Odd(u32, u32),
    /// Outside what is published.
    #[error("expected 16x16 to 3840x2160, found {0}x{1}")]
    Range(u32, u32),
}

impl Geometry {
    /// The least width and height, in pixels.
    pub const MIN_SIDE: u32 = 16;
    /// The greatest width, in pixels.
    pub const MAX_WIDTH: u32 = 3840;
    /// The greatest height, in pixels.
    pub const MAX_HEIGHT: u32 = 2160;

    /// A checked geometry of `width` by `height` pixels.
    ///
    /// # Errors
    /// When a side is odd or out of range.
    pub const fn new(width: u32, height: u32) -> Result<Self, GeometryError> {
        if width < Self::MIN_SIDE
            || height < Self::MIN_SIDE
            || width > Self::MAX_WIDTH
            || height > Self::MAX_HEIGHT
        {
            return Err(GeometryError::Range(width, height));
        }
        if !width.is_multiple_of(2) || !height.is_multiple_of(2) {
            return Err(GeometryError::Odd(width, height));
        }
        Ok(Self { width, height })
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

    /// Width in pixels, as an index.
    #[must_use]
    pub const fn columns(self) -> usize {
        self.width as usize
    }

    /// Height in pixels, as an index.
    #[must_use]
    pub const fn rows(self) -> usize {
        self.height as usize
    }

    /// Bytes of the luma plane.
    #[must_use]
    pub const fn luma_len(self) -> usize {
        self.columns() * self.rows()
    }

    /// Bytes of each of the two chroma planes.
    #[must_use]
    pub const fn chroma_len(self) -> usize {
        self.luma_len() / 4
    }

    /// Bytes of a whole picture: luma, then Cb, then Cr, without padding.
    #[must_use]
    pub const fn picture_len(self) -> usize {
        self.luma_len() + 2 * self.chroma_len()
    }
}

impl std::fmt::Display for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl TryFrom<(u32, u32)> for Geometry {
    type Error = GeometryError;

    fn try_from((width, height): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(width, height)
    }
}

impl From<Geometry> for (u32, u32) {
    fn from(geometry: Geometry) -> Self {
        (geometry.width, geometry.height)
    }
}

/// The published rate, in whole pictures a second: 1 to 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FrameRate(u32);

/// Why a number is no [`FrameRate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 60 pictures a second, found {0}")]
pub struct FrameRateError(u32);

impl FrameRate {
    /// A checked rate.
    ///
    /// # Errors
    /// When it is outside 1 to 60.
    pub const fn new(per_second: u32) -> Result<Self, FrameRateError> {
        if per_second < 1 || per_second > 60 {
            return Err(FrameRateError(per_second));
        }
        Ok(Self(per_second))
    }

    /// Pictures a second.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        self.0
    }

    /// The time between two pictures, in nanoseconds, rounded down.
    #[must_use]
    pub const fn period_nanos(self) -> u64 {
        1_000_000_000 / self.0 as u64
    }
}

impl TryFrom<u32> for FrameRate {
    type Error = FrameRateError;

    fn try_from(per_second: u32) -> Result<Self, Self::Error> {
        Self::new(per_second)
    }
}

impl From<FrameRate> for u32 {
    fn from(rate: FrameRate) -> Self {
        rate.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_1080p() {
        let geometry = Geometry::new(1920, 1080).unwrap();
        assert_eq!(geometry.luma_len(), 2_073_600);
        assert_eq!(geometry.chroma_len(), 518_400);
        assert_eq!(geometry.picture_len(), 3_110_400);
    }

    #[test]
    fn refuses_odd_and_out_of_range() {
        assert_eq!(Geometry::new(641, 360), Err(GeometryError::Odd(641, 360)));
        assert_eq!(Geometry::new(640, 361), Err(GeometryError::Odd(640, 361)));
        for (w, h) in [(0, 0), (14, 16), (16, 14), (3842, 2160), (3840, 2162), (u32::MAX, 2)] {
            assert_eq!(Geometry::new(w, h), Err(GeometryError::Range(w, h)));
        }
        assert!(Geometry::new(3840, 2160).is_ok() && Geometry::new(16, 16).is_ok());
    }

    #[test]
    fn rates() {
        assert_eq!(FrameRate::new(25).unwrap().period_nanos(), 40_000_000);
        assert!(FrameRate::new(0).is_err() && FrameRate::new(61).is_err());
    }
}
