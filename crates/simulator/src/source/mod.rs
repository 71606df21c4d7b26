//! Where access units come from: one thread for each camera, which paces them into the hub.

mod clip;
mod encoder;
mod footage;
mod live;
mod prerendered;
pub(crate) mod random;
mod schedule;

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use cofferdam_picture::Picture;

use crate::hub::{Description, Hub};
use crate::packetize::{PacketizeError, h264, h265, jpeg};
use crate::picture::{Clock, Painter, expand_to_full_range};
use crate::settings::{CameraSettings, Codec, Content, Drawn};

use clip::Clip;
use live::Live;
use schedule::Schedule;

pub use encoder::EncodeError;
pub use footage::FootageError;

/// Why a camera has no pictures.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The file.
    #[error(transparent)]
    Footage(#[from] FootageError),
    /// The encoder gave no key frame with parameter sets first.
    #[error("the stream does not begin with a key frame and its parameter sets")]
    Parameters,
    /// RTP cannot carry it.
    #[error(transparent)]
    Packetize(#[from] PacketizeError),
    /// A loop of no length was asked for, or one whose counters overflow.
    #[error("a loop has 1 to 3600 seconds, not {0}")]
    Loop(u32),
    /// The thread.
    #[error("the camera's thread: {0}")]
    Thread(#[from] io::Error),
}

/// A running source. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Source {
    /// Dropped first, which is what the thread waits for.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

enum Prepared {
    Live(Box<Live>),
    Clip(Clip),
}

impl Source {
    /// Prepares what `settings` ask for, which takes as long as it takes to encode or read it, and
    /// starts to play it into `hub`.
    pub(crate) fn start(
        settings: &CameraSettings,
        hub: Hub,
    ) -> Result<(Self, Description), SourceError> {
        let (prepared, description) = prepare(settings)?;
        let (stop, stopped) = mpsc::channel();
        let (name, pace) = (settings.name.clone(), settings.pace);
        let thread =
            std::thread::Builder::new().name(format!("camera {name}")).spawn(move || {
                let schedule = Schedule::new(Instant::now(), pace);
                match prepared {
                    Prepared::Live(live) => {
                        if let Err(error) = live.play(&hub, schedule, pace.drop, &stopped) {
                            tracing::error!(camera = %name, %error, "the encoder failed");
                        }
                    }
                    Prepared::Clip(clip) => clip.play(&hub, schedule, &stopped),
                }
            })?;
        Ok((Self { stop: Some(stop), thread: Some(thread) }, description))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported there.
            let _ = thread.join();
        }
    }
}

fn prepare(settings: &CameraSettings) -> Result<(Prepared, Description), SourceError> {
    match &settings.content {
        Content::Live(drawn) => {
            let live = Live::new(*drawn, settings.painter(*drawn, Clock::Wall))?;
            let rate = Some(drawn.rate().per_second());
            let description = describe(drawn.codec(), live.first_unit(), rate)?;
            Ok((Prepared::Live(Box::new(live)), description))
        }
        Content::Prerendered { drawn, seconds } => {
            let painter = settings.painter(*drawn, Clock::Loop);
            let clip = prerendered::render(*drawn, &painter, *seconds, settings.pace.drop)?;
            let rate = Some(drawn.rate().per_second());
            let description = describe(drawn.codec(), clip.first_unit(), rate)?;
            Ok((Prepared::Clip(clip), description))
        }
        Content::Footage(path) => {
            let (codec, clip) = footage::read(path, settings.pace.drop)?;
            let description = describe(codec, clip.first_unit(), None)?;
            Ok((Prepared::Clip(clip), description))
        }
    }
}

/// What the SDP has to say, from the stream's first access unit.
fn describe(codec: Codec, first: &[u8], rate: Option<u32>) -> Result<Description, SourceError> {
    let parameter_sets: Vec<Bytes> = match codec {
        Codec::H264 => h264::parameter_sets(first).ok_or(SourceError::Parameters)?.into(),
        Codec::H265 => h265::parameter_sets(first).ok_or(SourceError::Parameters)?.into(),
        Codec::Mjpeg => {
            jpeg::parse(first)?;
            Vec::new()
        }
    };
    Ok(Description { codec, parameter_sets, rate })
}

/// Draws a picture as the codec wants it.
fn paint(painter: &Painter, codec: Codec, counter: u32) -> Picture {
    let mut picture = painter.paint(counter);
    if codec == Codec::Mjpeg {
        expand_to_full_range(&mut picture);
    }
    picture
}

impl CameraSettings {
    fn painter(&self, drawn: Drawn, clock: Clock) -> Painter {
        Painter::new(drawn.geometry(), self.name.clone(), self.number, clock)
    }
}
