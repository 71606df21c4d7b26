//! One reader's share of what the source makes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::broadcast::error::RecvError;

use super::rtcp;
use super::session::Start;
use crate::hub::{AccessUnit, Subscription};
use crate::packetize::PacketizeError;
use crate::plant::{Plant, Report};
use crate::settings::Codec;

/// Sender reports are this far apart.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Those of a planted camera.
const PLANTED_INTERVAL: Duration = Duration::from_secs(1);
/// A planted camera says goodbye to one reader after so many pictures.
const GOODBYE_AFTER: u32 = 20;

/// Makes one reader's packets.
pub(super) struct Player {
    subscription: Subscription,
    codec: Codec,
    start: Start,
    /// The media time that `start.timestamp` stands for.
    origin: Option<Duration>,
    /// Whether units have been lost, or none was sent yet, so that the next must be a key frame.
    needs_key: bool,
    reported: Option<Instant>,
    plant: Option<Arc<Plant>>,
    /// Units sent, and packets of audio.
    sent: u32,
}

impl Player {
    pub(super) fn new(
        subscription: Subscription,
        codec: Codec,
        start: Start,
        plant: Option<Arc<Plant>>,
    ) -> Self {
        Self {
            subscription,
            codec,
            start,
            origin: None,
            needs_key: true,
            reported: None,
            plant,
            sent: 0,
        }
    }

    /// The next access unit to send; `None` when there will be no more. Can be cancelled.
    pub(super) async fn next(&mut self) -> Option<Arc<AccessUnit>> {
        loop {
            match self.subscription.recv().await {
                Ok(unit) if self.needs_key && !unit.key => {}
                Ok(unit) => {
                    self.needs_key = false;
                    return Some(unit);
                }
                Err(RecvError::Lagged(units)) => {
                    tracing::debug!(units, "a reader is too slow");
                    self.needs_key = true;
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The unit's packets, and now and then a report, framed for the connection.
    pub(super) fn packets(&mut self, unit: &AccessUnit) -> Result<Vec<u8>, PacketizeError> {
        let origin = *self.origin.get_or_insert(unit.media_time);
        // A first picture with B-frames after it is shown after them.
        let since_start = ticks(unit.media_time).wrapping_sub(ticks(origin));
        let timestamp = self.start.timestamp.wrapping_add(since_start);
        let mut out = Vec::with_capacity(unit.bytes.len() + unit.bytes.len() / 32 + 256);
        if let Some(plant) = self.plant.clone() {
            self.planted(&plant, unit, timestamp, &mut out)?;
            return Ok(out);
        }
        self.start.stream.access_unit(self.codec, &unit.bytes, timestamp, &mut out)?;
        if self.reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            self.reported = Some(Instant::now());
            rtcp::sender_report(&self.start.stream, timestamp, SystemTime::now(), &mut out);
        }
        Ok(out)
    }
}

impl Player {
    /// As [`packets`](Self::packets), with marks wherever they can stand.
    fn planted(
        &mut self,
        plant: &Plant,
        unit: &AccessUnit,
        timestamp: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), PacketizeError> {
        for bytes in plant.access_units(&unit.bytes, unit.key) {
            self.start.stream.access_unit(self.codec, &bytes, timestamp, out)?;
        }
        self.sent = self.sent.wrapping_add(1);
        let Start { stream, audio, .. } = &self.start;
        // Where audio was not set up, it comes all the same.
        let channel = audio.unwrap_or(stream.channel.wrapping_add(2));
        let number = u16::try_from(self.sent & 0xFFFF).unwrap_or_default();
        plant.audio(channel, !stream.ssrc, number, unit.media_time.as_nanos(), out);
        let end = match self.sent >= GOODBYE_AFTER && plant.goodbye() {
            true => Report::Goodbye,
            false => Report::Regular,
        };
        let due = self.reported.is_none_or(|at| at.elapsed() >= PLANTED_INTERVAL);
        if due || end == Report::Goodbye {
            self.reported = Some(Instant::now());
            plant.unassigned(out);
            plant.report(&self.start.stream, timestamp, end, out);
        }
        Ok(())
    }
}

/// Ticks of the 90 kHz clock, modulo 2^32.
fn ticks(time: Duration) -> u32 {
    let ticks = time.as_nanos() * 9 / 100_000;
    u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_wrap() {
        assert_eq!(ticks(Duration::from_secs(1)), 90_000);
        assert_eq!(ticks(Duration::from_millis(40)), 3600);
        // 2^32 ticks are 47,721.858… seconds.
        assert_eq!(ticks(Duration::from_secs(47_722)), 12_704);
    }
}
