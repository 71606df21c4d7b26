//! Access units to pictures.

mod arrivals;
mod h264;
pub(crate) mod h265;
mod mjpeg;
mod nal;
mod warm;

use cofferdam_pad_codec::{CodecError, DecodedPicture, Decoder, Properties};
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::Codec;

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
    /// Which NAL units it is given, by their first byte; all bytes where there are none.
    keep: Option<fn(u8) -> bool>,
}

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
    keep: Option<fn(u8) -> bool>,
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
        Ok(Self { codec, decoder, keep: recipe.keep, arrivals: Arrivals::default() })
    }

    /// What it decodes.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Decodes one access unit. Gives the pictures that came out, which may be those of earlier
    /// units, and how many units are now known to have come to nothing.
    ///
    /// # Errors
    /// When the decoder gave up on it. It begins anew with the next random access point.
    pub fn push(&mut self, unit: AccessUnit) -> Result<(Vec<Arrived>, u64), CodecError> {
        let stamp = self.arrivals.enter(unit.timestamp, unit.arrived);
        let data = match self.keep {
            Some(keep) => nal::filter(&unit.data, keep),
            None => unit.data,
        };
        match self.decoder.push(data, stamp) {
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
                Err(error)
            }
        }
    }
}
