//! A camera in one word of a command line: `NAME:CODEC[:WIDTHxHEIGHT@FPS]`.

use std::str::FromStr;

use cofferdam_picture::{
    CameraId, CameraIdError, FrameRate, FrameRateError, Geometry, GeometryError,
};

use crate::settings::{Codec, Drawn, DrawnError};

/// A named drawn camera, as a command line gives it: `lobby:h264:1280x720@25`.
///
/// Without a size and rate it is small enough for several to be encoded live on a laptop: 960x540
/// (704x576 for MJPEG, whose sides are multiples of 8) at 12 pictures a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSpec {
    /// What the camera is called.
    pub name: CameraId,
    /// What it draws.
    pub drawn: Drawn,
}

/// Why a text is no [`CameraSpec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Too many or too few parts.
    #[error("expected NAME:CODEC or NAME:CODEC:WIDTHxHEIGHT@FPS")]
    Form,
    /// The first part.
    #[error("name: {0}")]
    Name(#[from] CameraIdError),
    /// The second part.
    #[error("expected the codec h264, h265 or mjpeg, found {0:?}")]
    Codec(String),
    /// The size.
    #[error("size: {0}")]
    Geometry(#[from] GeometryError),
    /// The rate.
    #[error("rate: {0}")]
    Rate(#[from] FrameRateError),
    /// The codec cannot carry the size.
    #[error(transparent)]
    Drawn(#[from] DrawnError),
}

impl FromStr for CameraSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let (Some(name), Some(codec)) = (parts.next(), parts.next()) else {
            return Err(SpecError::Form);
        };
        let codec = match codec {
            "h264" => Codec::H264,
            "h265" => Codec::H265,
            "mjpeg" => Codec::Mjpeg,
            other => return Err(SpecError::Codec(other.to_owned())),
        };
        let (width, height, fps) = match (parts.next(), parts.next()) {
            (None, _) if codec == Codec::Mjpeg => (704, 576, 12),
            (None, _) => (960, 540, 12),
            (Some(shape), None) => numbers(shape).ok_or(SpecError::Form)?,
            (Some(_), Some(_)) => return Err(SpecError::Form),
        };
        let drawn = Drawn::new(codec, Geometry::new(width, height)?, FrameRate::new(fps)?)?;
        Ok(Self { name: name.parse()?, drawn })
    }
}

fn numbers(shape: &str) -> Option<(u32, u32, u32)> {
    let (size, fps) = shape.split_once('@')?;
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?, fps.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> (Codec, u32, u32, u32) {
        let drawn = text.parse::<CameraSpec>().unwrap().drawn;
        let geometry = drawn.geometry();
        (drawn.codec(), geometry.width(), geometry.height(), drawn.rate().per_second())
    }

    #[test]
    fn reads_size_and_rate() {
        assert_eq!(shape("a:h264:1920x1080@25"), (Codec::H264, 1920, 1080, 25));
        assert_eq!(shape("b:h265:1280x720@30"), (Codec::H265, 1280, 720, 30));
        assert_eq!(shape("c:mjpeg:704x576@12"), (Codec::Mjpeg, 704, 576, 12));
    }

    #[test]
    fn has_defaults_that_every_codec_can_carry() {
        assert_eq!(shape("a:h264"), (Codec::H264, 960, 540, 12));
        assert_eq!(shape("a:mjpeg"), (Codec::Mjpeg, 704, 576, 12));
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        let refused = |text: &str| text.parse::<CameraSpec>().unwrap_err();
        for text in ["", "a", "a:h264:1280x720", "a:h264:1280@25", "a:h264:1280x720@25:x"] {
            assert_eq!(refused(text), SpecError::Form, "{text}");
        }
        assert_eq!(refused("a:vp8"), SpecError::Codec("vp8".to_owned()));
        assert!(matches!(refused("a/b:h264"), SpecError::Name(_)));
        assert!(matches!(refused("a:h264:641x360@25"), SpecError::Geometry(_)));
        assert!(matches!(refused("a:h264:640x360@0"), SpecError::Rate(_)));
        assert!(matches!(refused("a:mjpeg:960x540@12"), SpecError::Drawn(_)));
        assert!(matches!(refused("a:mjpeg:2560x1440@12"), SpecError::Drawn(_)));
    }
}
