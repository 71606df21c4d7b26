//! Pictures drawn and encoded as they are due.

use std::sync::mpsc::Receiver;
use std::time::Instant;

use super::encoder::{Encoded, Encoder};
use super::prerendered::due;
use super::schedule::{Schedule, wait_until};
use super::{EncodeError, SourceError, paint};
use crate::hub::{AccessUnit, Hub};
use crate::picture::Painter;
use crate::settings::Drawn;

/// A camera with an encoder that runs while somebody plays.
pub(crate) struct Live {
    drawn: Drawn,
    painter: Painter,
    encoder: Encoder,
    first: Encoded,
}

impl Live {
    /// Encodes one picture, for the parameter sets.
    pub(crate) fn new(drawn: Drawn, painter: Painter) -> Result<Self, SourceError> {
        let mut encoder = Encoder::new(drawn)?;
        let first = encoder.encode(paint(&painter, drawn.codec(), 0), 0)?;
        let first = first.into_iter().next().ok_or(SourceError::Parameters)?;
        Ok(Self { drawn, painter, encoder, first })
    }

    /// The access unit that decoders start with.
    pub(crate) fn first_unit(&self) -> &[u8] {
        &self.first.bytes
    }

    /// Plays until stopped. The picture with the counter `dropped` is left out.
    pub(crate) fn play(
        mut self,
        hub: &Hub,
        mut schedule: Schedule,
        dropped: Option<u32>,
        stopped: &Receiver<()>,
    ) -> Result<(), EncodeError> {
        let rate = self.drawn.rate().per_second();
        let mut idle = true;
        let mut counter = 0_u32;
        loop {
            if !wait_until(schedule.send_at(due(counter, rate)), stopped) {
                return Ok(());
            }
            if !hub.has_readers() {
                idle = true;
            } else if dropped != Some(counter) {
                if idle {
                    self.encoder.force_key()?;
                    idle = false;
                }
                let picture = paint(&self.painter, self.drawn.codec(), counter);
                for unit in self.encoder.encode(picture, counter)? {
                    hub.publish(AccessUnit {
                        media_time: schedule.deviated(due(unit.counter, rate)),
                        bytes: unit.bytes,
                        key: unit.key,
                        counter: unit.counter,
                    });
                }
            }
            counter = next(counter, rate, &schedule);
        }
    }
}

/// The picture after `counter`; a later one when the encoder is hopelessly behind.
fn next(counter: u32, rate: u32, schedule: &Schedule) -> u32 {
    let behind = schedule.due(Instant::now());
    let late = counter.wrapping_add(rate);
    if schedule.deviated(due(late, rate)) < behind {
        tracing::warn!(counter, "a second behind: leaving pictures out");
        return late;
    }
    counter.wrapping_add(1)
}
