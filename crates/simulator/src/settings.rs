//! What one camera is told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use cofferdam_picture::{CameraId, FrameRate, Geometry};

use crate::{Authentication, Script, SentLog};

/// How a camera encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264, carried as RFC 6184 says.
    H264,
    /// H.265, carried as RFC 7798 says.
    H265,
    /// Baseline JPEG pictures, carried as RFC 2435 says.
    Mjpeg,
}

/// A camera that draws its own pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    codec: Codec,
    geometry: Geometry,
    rate: FrameRate,
}

/// Why a codec cannot carry pictures of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MJPEG over RTP has sides that are multiples of 8, at most 2040; found {0}")]
pub struct DrawnError(Geometry);

impl Drawn {
    /// A camera with this codec, size and rate.
    ///
    /// # Errors
    /// RFC 2435 §3.1.5 counts the sides of a JPEG picture in units of 8 pixels, in one byte each.
    pub fn new(codec: Codec, geometry: Geometry, rate: FrameRate) -> Result<Self, DrawnError> {
        let carried = |side: u32| side.is_multiple_of(8) && side <= 2040;
        if codec == Codec::Mjpeg && !(carried(geometry.width()) && carried(geometry.height())) {
            return Err(DrawnError(geometry));
        }
        Ok(Self { codec, geometry, rate })
    }

    /// How it encodes.
    #[must_use]
    pub const fn codec(self) -> Codec {
        self.codec
    }

    /// The size of its pictures.
    #[must_use]
    pub const fn geometry(self) -> Geometry {
        self.geometry
    }

    /// Pictures a second.
    #[must_use]
    pub const fn rate(self) -> FrameRate {
        self.rate
    }
}

/// Where a camera's pictures come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Drawn and encoded picture by picture while at least one reader plays. The counter in the
    /// barcode counts from 0 at the camera's start, readers or not.
    Live(Drawn),
    /// Drawn and encoded before the camera starts, then replayed for ever at next to no cost, so
    /// that the camera does not compete with what is measured.
    ///
    /// The counter in the barcode is the position in the loop: it runs from 0 to
    /// `seconds * rate - 1` and starts again. There is no clock in the picture.
    Prerendered {
        /// The camera.
        drawn: Drawn,
        /// The length of the loop, at least 1.
        seconds: u32,
    },
    /// The video of a file (MP4, QuickTime, or Annex B with a `.h264` or `.h265` name), replayed
    /// for ever. It has no barcode; its "counter" is the position in the loop, in decoding order.
    Footage(PathBuf),
}

/// When pictures are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Each picture is sent up to this much before or after its time, evenly distributed. Order
    /// is kept, and RTP time stamps do not show it.
    pub jitter: Duration,
    /// What the jitter is drawn from: the same seed gives the same times.
    pub seed: u64,
    /// How much faster than the nominal rate the camera's clock runs, in parts per million: 1000
    /// makes 25 pictures a second 25.025. RTP time stamps show it.
    pub deviation_ppm: i32,
    /// The picture with this counter is left out, once, and the time it would have taken passes in
    /// silence. Drawn pictures are encoded without it, so all others are whole; footage is what it
    /// is, and pictures that refer to the missing one are damaged. A loop leaves it out when
    /// a reader has seen one whole round.
    pub drop: Option<u32>,
}

/// All that a camera is told at its start.
#[derive(Clone, Debug)]
pub struct CameraSettings {
    /// What it is called: in the picture, in the sent log, in logs.
    pub name: CameraId,
    /// What it is called in the barcode.
    pub number: u8,
    /// Where its pictures come from.
    pub content: Content,
    /// Where it listens. Port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Who may play.
    pub authentication: Authentication,
    /// How it misbehaves.
    pub script: Script,
    /// When it sends.
    pub pace: Pace,
    /// Where it notes what it sent.
    pub sent_log: Option<SentLog>,
    /// Whether it carries random marks at every place that a camera can write; for drawn pictures.
    pub planted: bool,
}

impl CameraSettings {
    /// A well-behaved camera on a port of the loopback address that the kernel chooses, open to
    /// everyone, called 0 in the barcode.
    #[must_use]
    pub fn new(name: CameraId, content: Content) -> Self {
        Self {
            name,
            number: 0,
            content,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            authentication: Authentication::None,
            script: Script::Obey,
            pace: Pace::default(),
            sent_log: None,
            planted: false,
        }
    }
}
