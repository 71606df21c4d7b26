//! When units take the short way to the reader, past this task.

use std::sync::Arc;

use cofferdam_rtsp::State;

use super::{Driver, End};
use crate::lane::{Lane, Rest};
use crate::playback::{Playback, Route};

impl Driver {
    /// The short way to the reader of `playback`, if there is one.
    pub(super) fn lane(&self, playback: &Playback) -> Option<Lane> {
        let traffic = playback.traffic.clone();
        match playback.route {
            Route::Interleaved { rtp, .. } => {
                self.stream.in_clear().map(|stream| Lane::interleaved(stream, rtp, traffic))
            }
            Route::Datagrams { to, .. } => {
                Some(Lane::datagrams(Arc::clone(&self.shared), to, traffic))
            }
            Route::Multicast => None,
        }
    }

    /// Opens it when nothing is to go out before the next unit.
    pub(super) fn open_lane(&mut self) {
        let open = self.closing.is_none()
            && self.protocol.state() == State::Playing
            && !self.has_to_write();
        if let Some(playback) = self.playback.as_mut().filter(|_| open) {
            playback.open_lane();
        }
    }

    /// Closes it: from here on nothing goes out but by this task, and what was begun goes first.
    pub(super) async fn close_lane(&mut self) -> Result<(), End> {
        let Some(playback) = &mut self.playback else { return Ok(()) };
        let passed = playback.close_lane();
        if let Some(taken) = passed.taken {
            self.protocol.keep_alive(taken.into_std());
        }
        match passed.rest {
            None => {}
            Some(Rest::Interleaved(bytes, unit)) => self.outbox.push_unit(bytes, unit),
            Some(Rest::Datagrams(packet, unit)) => self.send_datagrams(&unit, packet).await,
        }
        if passed.timed_out { Err(End::TooSlow) } else { Ok(()) }
    }
}
