//! One mount's way out: verify, stamp, packetize, publish.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cofferdam_encode_link::{AccessUnitHeader, MAX_ACCESS_UNIT, MountKind};
use cofferdam_picture::{MonotonicTime, Untrusted};
use cofferdam_rtp::{H264Packetizer, PacketLimit, RtpTimestamp, SequenceNumber, Stream};

use super::OutputFault;
use crate::access_unit::AccessUnit;
use crate::clock::{RtpClock, UnitClock};
use crate::metrics::MountMetrics;
use crate::unit::{FirstSent, PictureStamps};
use crate::{Mount, MountSeed, Refusal, Unit};

/// A unit is never this much older than now: it would have been thrown away on the way.
const MOST_BEHIND: Duration = Duration::from_secs(2);

/// Nor is it due later than this: the worker encodes what is due.
const MOST_AHEAD: Duration = Duration::from_millis(100);

/// A worker that delivers nothing but refused units for this long is no good…
const PATIENCE: Duration = Duration::from_secs(3);

/// …when they are at least this many…
const LEAST_REFUSALS: u32 = 5;

/// …or as soon as they are this many.
const MOST_REFUSALS: u32 = 500;

/// How many start-up slates are kept. Two, because the pictures of neighbouring IDR access units
/// must differ in `idr_pic_id` (H.264 §7.4.3).
const SLATES: usize = 2;

/// Whether a unit went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    Yes,
    No,
}

/// The writing side of a mount.
#[derive(Debug)]
pub(super) struct Outlet {
    mount: Arc<Mount>,
    metrics: MountMetrics,
    packetizer: H264Packetizer,
    clock: UnitClock,
    largest: usize,
    slates: Vec<Vec<Vec<u8>>>,
    next_slate: usize,
    standing_in: bool,
    awaiting_key: bool,
    refusals: Option<Refusals>,
    last_picture: Option<MonotonicTime>,
}

/// Refused units since the last one published.
#[derive(Clone, Copy, Debug)]
struct Refusals {
    since: MonotonicTime,
    count: u32,
}

impl Outlet {
    pub(super) fn new(mount: Arc<Mount>, seed: MountSeed, metrics: MountMetrics) -> Self {
        let stream = Stream { ssrc: mount.ssrc(), payload_type: Mount::PAYLOAD_TYPE };
        let first = SequenceNumber::new(seed.sequence);
        // Even incompressible pictures, coded sample by sample, are smaller.
        let largest = (2 * mount.geometry().picture_len() + (64 << 10)).min(MAX_ACCESS_UNIT);
        Self {
            packetizer: H264Packetizer::new(stream, first, PacketLimit::default()),
            clock: UnitClock::new(RtpClock::new(RtpTimestamp::new(seed.timestamp))),
            mount,
            metrics,
            largest,
            slates: Vec::with_capacity(SLATES),
            next_slate: 0,
            standing_in: false,
            awaiting_key: true,
            refusals: None,
            last_picture: None,
        }
    }

    pub(super) const fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    pub(super) const fn is_standing_in(&self) -> bool {
        self.standing_in
    }

    /// What comes next builds on nothing that was sent.
    pub(super) fn await_key(&mut self) {
        self.awaiting_key = true;
        self.refusals = None;
        self.mount.forget_recent();
    }

    /// No worker delivers: the slates kept go out until one does.
    pub(super) const fn stand_in(&mut self) {
        self.standing_in = true;
    }

    /// Takes in a unit made at a worker's start. The first fixes the parameter sets of the mount;
    /// every other has to have the same.
    pub(super) fn keep_startup(
        &mut self,
        header: &AccessUnitHeader,
        bytes: &[u8],
    ) -> Result<(), OutputFault> {
        let fault = |reason| OutputFault::Startup(self.mount.kind(), reason);
        let refuse = |reason| {
            self.metrics.refused(reason);
            fault(reason)
        };
        if !header.key {
            return Err(refuse(Refusal::KeyFlag));
        }
        let unit = AccessUnit::verify(bytes, true, self.largest).map_err(refuse)?;
        self.metrics.removed(unit.removed());
        let found = unit.parameter_sets().ok_or_else(|| refuse(Refusal::Order))?;
        if !self.mount.fix_parameter_sets(&found) {
            return Err(refuse(Refusal::ParameterSets));
        }
        if self.slates.len() < SLATES {
            self.slates.push(unit.nal_units().iter().map(|nal_unit| nal_unit.to_vec()).collect());
        }
        Ok(())
    }

    /// Publishes a unit, if it may be.
    pub(super) fn publish(
        &mut self,
        header: &AccessUnitHeader,
        bytes: &[u8],
        now: MonotonicTime,
    ) -> Result<Published, OutputFault> {
        if self.mount.kind() == MountKind::Sub && self.mount.readers() == 0 {
            // Still on its way when the last reader left.
            return Ok(Published::No);
        }
        let unit = match self.verify(header, bytes) {
            Ok(unit) => unit,
            Err(reason) => return self.refuse(reason, now).map(|()| Published::No),
        };
        self.metrics.encoded(header.encode_time);
        self.metrics.removed(unit.removed());
        self.refusals = None;
        self.awaiting_key = false;
        self.standing_in = false;
        let due = Untrusted::new(header.tick).clamp(now - MOST_BEHIND, now + MOST_AHEAD);
        let picture = self.new_picture(header);
        self.send(unit.nal_units(), header.key, header.live, due, picture, now);
        Ok(Published::Yes)
    }

    /// Publishes the next slate in a worker's stead, if somebody is there to see it.
    pub(super) fn publish_slate(&mut self, now: MonotonicTime) {
        if !self.standing_in || self.mount.readers() == 0 || self.slates.is_empty() {
            return;
        }
        let index = self.next_slate % self.slates.len();
        self.next_slate = index + 1;
        let slate = std::mem::take(&mut self.slates[index]);
        let nal_units: Vec<&[u8]> = slate.iter().map(Vec::as_slice).collect();
        self.send(&nal_units, true, false, now, None, now);
        self.slates[index] = slate;
    }

    fn verify<'a>(
        &self,
        header: &AccessUnitHeader,
        bytes: &'a [u8],
    ) -> Result<AccessUnit<'a>, Refusal> {
        let fixed = self.mount.parameter_sets().ok_or(Refusal::NotReady)?;
        let unit = AccessUnit::verify(bytes, header.key, self.largest)?;
        if !unit.agrees_with(&fixed) {
            return Err(Refusal::ParameterSets);
        }
        if self.awaiting_key && !header.key {
            return Err(Refusal::AwaitingKey);
        }
        Ok(unit)
    }

    fn refuse(&mut self, reason: Refusal, now: MonotonicTime) -> Result<(), OutputFault> {
        self.metrics.refused(reason);
        let refusals = self.refusals.get_or_insert(Refusals { since: now, count: 0 });
        refusals.count = refusals.count.saturating_add(1);
        let Refusals { since, count } = *refusals;
        if count == 1 && reason != Refusal::AwaitingKey {
            tracing::warn!(
                camera = %self.mount.camera(),
                mount = self.mount.kind().label(),
                %reason,
                "access unit refused"
            );
        }
        let lasting = count >= LEAST_REFUSALS && now.since(since) >= PATIENCE;
        if lasting || count >= MOST_REFUSALS {
            return Err(OutputFault::Unpublishable(self.mount.kind(), reason));
        }
        // Later units may build on this one.
        self.awaiting_key = true;
        self.mount.forget_recent();
        self.mount.want_key_frame(now);
        Ok(())
    }

    /// The stamps of a live picture that has not been published before.
    fn new_picture(&mut self, header: &AccessUnitHeader) -> Option<PictureStamps> {
        let AccessUnitHeader { arrived, complete, .. } = *header;
        if !header.live || complete == self.last_picture {
            return None;
        }
        self.last_picture = complete;
        Some(PictureStamps { arrived, complete, latency: self.metrics.latency() })
    }

    fn send(
        &mut self,
        nal_units: &[&[u8]],
        key: bool,
        live: bool,
        due: MonotonicTime,
        picture: Option<PictureStamps>,
        now: MonotonicTime,
    ) {
        let timestamp = self.clock.stamp(due);
        let first_sequence = self.packetizer.next_sequence();
        let packets = self.packetizer.packetize(timestamp, nal_units);
        self.metrics.published(nal_units.iter().map(|nal_unit| nal_unit.len()).sum());
        let sent = FirstSent::new(picture);
        let unit = Unit {
            key,
            live,
            due,
            timestamp,
            first_sequence,
            packets,
            sent,
            unframed: OnceLock::new(),
        };
        self.mount.publish(&Arc::new(unit), now);
    }
}
