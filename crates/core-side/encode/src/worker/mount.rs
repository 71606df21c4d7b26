//! One of a camera's two mounts: its encoder, and whether anybody wants what it makes.

use std::sync::Arc;

use cofferdam_encode_link::{
    AccessUnitHeader, EncodeSettings, HEADER_LEN, MAX_ACCESS_UNIT, MountKind,
};
use cofferdam_picture::{MonotonicTime, Picture};
use cofferdam_picture_ring::SlotStamps;

use super::Stop;
use crate::encoder::{MountEncoder, Target, Unit};
use crate::output::Output;
use crate::slate::Slate;

/// What is told of a picture besides its pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    pub(super) tick: MonotonicTime,
    /// The stamps of a live picture; `None` for a slate.
    pub(super) stamps: Option<SlotStamps>,
    pub(super) startup: bool,
}

#[derive(Debug)]
pub(super) struct Mount {
    kind: MountKind,
    encoder: MountEncoder,
    pub(super) slate: Slate,
    wanted: bool,
    key_due: bool,
    /// The pipe was full: nothing is encoded until it is empty again.
    starved: bool,
    dropped: u64,
}

impl Mount {
    pub(super) fn new(settings: &EncodeSettings, kind: MountKind) -> Result<Self, Stop> {
        let EncodeSettings { camera, geometry, rate, encoder, sub, unjailed, .. } = settings;
        let target = match kind {
            MountKind::Main => {
                Target { geometry: *geometry, rate: *rate, max_kbps: encoder.max_kbps }
            }
            MountKind::Sub => Target::by_area(*sub, *rate, *geometry, encoder.max_kbps),
        };
        Ok(Self {
            kind,
            encoder: MountEncoder::new(encoder, target)?,
            slate: Slate::new(camera.clone(), target.geometry, *unjailed),
            wanted: kind == MountKind::Main,
            key_due: true,
            starved: false,
            dropped: 0,
        })
    }

    /// Whether anybody wants its access units.
    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Access units that were not made, or not written, because the pipe was full.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// From now on it is wanted, or not. What is wanted anew begins with a key frame.
    pub(super) const fn set_wanted(&mut self, wanted: bool) {
        self.key_due |= wanted && !self.wanted;
        self.wanted = wanted;
    }

    /// The next access unit is to be a key frame.
    pub(super) const fn ask_key(&mut self) {
        self.key_due = true;
    }

    /// Encodes `picture` and writes it, unless nobody wants it or the pipe is full.
    pub(super) fn show(
        &mut self,
        picture: &Arc<Picture>,
        occasion: Occasion,
        output: &mut Output,
    ) -> Result<(), Stop> {
        if !self.wanted {
            return Ok(());
        }
        if self.starved && output.is_drained() {
            self.starved = false;
            self.key_due = true;
        }
        if self.starved || !output.has_room() {
            self.starved = true;
            self.dropped += 1;
            return Ok(());
        }
        if let Some((header, unit)) = self.encode(picture, occasion)? {
            output.push(&header, unit.as_ref())?;
        }
        Ok(())
    }

    /// Encodes `picture`, and gives the record to write: header and body.
    pub(super) fn encode(
        &mut self,
        picture: &Arc<Picture>,
        occasion: Occasion,
    ) -> Result<Option<([u8; HEADER_LEN], Unit)>, Stop> {
        let begun = MonotonicTime::now();
        let key = std::mem::take(&mut self.key_due);
        let Some(unit) = self.encoder.encode(picture, key)? else {
            self.key_due |= key;
            return Ok(None);
        };
        let length = unit.as_ref().len();
        if length > MAX_ACCESS_UNIT {
            // Those that follow would refer to it.
            self.key_due = true;
            self.dropped += 1;
            return Ok(None);
        }
        let header = AccessUnitHeader {
            mount: self.kind,
            key: unit.is_key(),
            live: occasion.stamps.is_some(),
            startup: occasion.startup,
            tick: occasion.tick,
            arrived: occasion.stamps.map(|stamps| stamps.arrived),
            complete: occasion.stamps.map(|stamps| stamps.complete),
            encode_time: MonotonicTime::now().since(begun),
        };
        let header =
            header.to_bytes(length).map_err(|_| Stop::Fault(crate::boot::Exit::Encoder))?;
        Ok(Some((header, unit)))
    }
}
