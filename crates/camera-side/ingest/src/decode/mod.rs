//! Access units to pictures.

mod arrivals;
mod h264;
pub(crate) mod h265;
mod mjpeg;
mod warm;

use cofferdam_pad_codec::{CodecError, DecodedPicture, Decoder, Properties};
use cofferdam_picture::{Geometry, MonotonicTime};
use cofferdam_picture_ring::Codec;
use cofferdam_unit_filter::{Format, LargestPicture, Refusal, Tally, UnitFilter};

use crate::session::AccessUnit;
use arrivals::Arrivals;
pub use warm::{ColdDecoder, warm_up};

/// How a codec is decoded.
#[derive(Clone, Copy)]
struct Recipe {
    /// The plugin's file.
    plugin: &'static str,
    /// The element in it.
    element: &'static str,
    /// What is pushed.
    caps: &'static str,
    /// How the element is set.
    properties: &'static Properties<'static>,
    /// What is checked before that.
    format: Format,
}

/// The largest picture that is converted is the largest that is decoded.
const LARGEST: LargestPicture =
    LargestPicture { long: Geometry::MAX_WIDTH, short: Geometry::MAX_HEIGHT };

/// One thread, no concealed pictures, no opinion about lateness.
const LIBAV: &Properties<'static> = &[
    ("max-threads", &1),
    ("thread-type", &"slice"),
    ("output-corrupt", &false),
    ("max-errors", &-1),
    ("qos", &false),
];

/// Why there is no decoder.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The codec is none of those decoded here.
    #[error("no decoder for {0}")]
    Codec(Codec),
    /// Its plugin is missing or broken.
    #[error(transparent)]
    Init(#[from] cofferdam_pad_codec::InitError),
    /// Its element does not start.
    #[error(transparent)]
    Make(#[from] cofferdam_pad_codec::MakeError),
}

/// Why an access unit came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It did not reach the decoder.
    #[error("refused before the decoder: {0}")]
    Refused(#[from] Refusal),
    /// The decoder gave up on it.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Loads the plugins of every codec decoded here.
///
/// From a cold disk this takes seconds, in which the thread does nothing else: so it is done first,
/// before anybody expects anything of a worker. A camera cannot choose what is loaded, either.
///
/// # Errors
/// When a plugin is missing or broken.
pub fn load() -> Result<(), cofferdam_pad_codec::InitError> {
    let plugins = [h264::RECIPE.plugin, h265::RECIPE.plugin, mjpeg::RECIPE.plugin];
    cofferdam_pad_codec::init(&plugins).map(drop)
}

/// A decoder of one camera's stream.
#[derive(Debug)]
pub struct PictureDecoder {
    codec: Codec,
    decoder: Decoder,
    filter: UnitFilter,
    arrivals: Arrivals,
}

/// A picture, and when the last byte of the access unit it was decoded from arrived.
#[derive(Debug)]
pub struct Arrived {
    /// The picture, in the decoder's memory.
    pub picture: DecodedPicture,
    /// The arrival.
    pub arrived: MonotonicTime,
}

impl PictureDecoder {
    /// Starts the codec's decoder, loading its plugin if [`load`] has not.
    ///
    /// # Errors
    /// When the codec is not decoded here, or its plugin or element is not there.
    pub fn open(codec: Codec) -> Result<Self, OpenError> {
        let recipe = match codec {
            Codec::H264 => h264::RECIPE,
            Codec::H265 => h265::RECIPE,
            Codec::Mjpeg => mjpeg::RECIPE,
            Codec::None | Codec::Unknown => return Err(OpenError::Codec(codec)),
        };
        cofferdam_pad_codec::init(&[recipe.plugin])?;
        let decoder = Decoder::new(recipe.element, recipe.properties, recipe.caps)?;
        let filter = UnitFilter::new(recipe.format, LARGEST);
        Ok(Self { codec, decoder, filter, arrivals: Arrivals::default() })
    }

    /// What it decodes.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// What the filter dropped since this was last asked.
    #[must_use]
    pub fn take_filtered(&mut self) -> Tally {
        self.filter.take_tally()
    }

    /// Filters and decodes one access unit. Gives the pictures that came out, which may be those of
    /// earlier units, and how many units are now known to have come to nothing.
    ///
    /// # Errors
    /// When the filter refused it, or the decoder gave up on it. Then it needs a random access point
    /// next.
    pub fn push(&mut self, mut unit: AccessUnit) -> Result<(Vec<Arrived>, u64), DecodeError> {
        self.filter.filter(&mut unit.data)?;
        if unit.data.is_empty() {
            // Side information, all of it.
            return Ok((Vec::new(), 0));
        }
        let stamp = self.arrivals.enter(unit.timestamp, unit.arrived);
        match self.decoder.push(unit.data, stamp) {
            Ok(pictures) => {
                let mut lost = 0;
                let arrived = pictures
                    .into_iter()
                    .map(|picture| {
                        let (arrived, passed) = self.arrivals.leave(picture.pts());
                        lost += passed;
                        Arrived { picture, arrived: arrived.unwrap_or(unit.arrived) }
                    })
                    .collect();
                Ok((arrived, lost))
            }
            Err(error) => {
                self.arrivals.clear();
                // One that does not take a flush shows that by its next error.
                let _ = self.decoder.flush();
                Err(error.into())
            }
        }
    }
}
