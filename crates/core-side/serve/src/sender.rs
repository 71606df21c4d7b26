//! What a sender reports of its stream (RFC 3550 §6.4.1).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cofferdam_picture::MonotonicTime;
use cofferdam_publish::{Mount, Unit};
use cofferdam_rtp::rtcp::{Cname, ReceptionReport, SenderReport};
use cofferdam_rtp::{NtpTimestamp, RtpTimestamp, VIDEO_CLOCK_RATE};
use tokio::time::Instant;

/// Time between sender reports (RFC 3550 §6.2: the least that is recommended).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// How many reports back a reader's answer may refer to.
const ANSWERABLE: usize = 4;

/// A stream to one reader, or to one group of them, as its sender reports tell it.
#[derive(Debug)]
pub(crate) struct Sender {
    mount: Arc<Mount>,
    cname: Cname,
    sent: Sent,
    next_report: Instant,
    /// The last reports; the newest is the last.
    reported: [Option<Reported>; ANSWERABLE],
}

/// A report, as reception reports refer to it.
#[derive(Clone, Copy, Debug)]
struct Reported {
    /// The middle bits of the time that it tells.
    named: u32,
    /// How long before it was sent that was, in ticks of the RTP clock.
    ago: u32,
}

/// Packets and bytes of payload that were sent, as reports count them: modulo 2³².
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    packets: u32,
    octets: u32,
}

impl Sent {
    /// Takes note of a unit that goes out.
    pub(crate) fn count(&mut self, unit: &Unit) {
        let packets = u32::try_from(unit.packets.packet_count()).unwrap_or(u32::MAX);
        let octets = u32::try_from(unit.packets.payload_len()).unwrap_or(u32::MAX);
        self.add(Self { packets, octets });
    }

    fn add(&mut self, other: Self) {
        self.packets = self.packets.wrapping_add(other.packets);
        self.octets = self.octets.wrapping_add(other.octets);
    }
}

impl Sender {
    /// A stream of which nothing has been sent. The first report is due at once.
    pub(crate) fn new(mount: Arc<Mount>, cname: Cname, now: Instant) -> Self {
        let (sent, reported) = (Sent::default(), [None; ANSWERABLE]);
        Self { mount, cname, sent, next_report: now, reported }
    }

    /// The same stream, which begins anew: the next report is due at once.
    pub(crate) fn again(self, now: Instant) -> Self {
        Self { next_report: now, ..self }
    }

    pub(crate) const fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// Takes note of a unit that goes out.
    pub(crate) fn count(&mut self, unit: &Unit) {
        self.sent.count(unit);
    }

    /// Takes note of what went another way.
    pub(crate) fn add(&mut self, sent: Sent) {
        self.sent.add(sent);
    }

    /// Packets sent so far, modulo 2³².
    pub(crate) const fn packets(&self) -> u32 {
        self.sent.packets
    }

    /// When the next report is due.
    pub(crate) const fn next_report(&self) -> Instant {
        self.next_report
    }

    /// The report that is due, if one is.
    ///
    /// In front of a unit it tells the unit's time, a little past, in place of its own: a reader that begins
    /// with the report would find its first picture to come before its time. (Moonfire NVR ends the session
    /// over that: `server/src/stream.rs` there, `enforce_timestamps_with_max_jump_secs`.)
    pub(crate) fn report(&mut self, now: Instant, before: Option<&Unit>) -> Option<Bytes> {
        if now < self.next_report {
            return None;
        }
        self.next_report = now + REPORT_INTERVAL;
        let (report, ago) = self.sender_report(before);
        self.reported.rotate_left(1);
        if let Some(newest) = self.reported.last_mut() {
            *newest = Some(Reported { named: report.ntp.middle(), ago });
        }
        Some(report.compound(&self.cname))
    }

    /// The last report.
    pub(crate) fn goodbye(&self) -> Bytes {
        self.sender_report(None).0.goodbye(&self.cname)
    }

    /// The round trip that `report` tells of, if it refers to a report of ours.
    pub(crate) fn round_trip(&self, report: &ReceptionReport) -> Option<Duration> {
        let named = report.last_sender_report;
        let ours = self.reported.iter().flatten().find(|ours| ours.named == named)?;
        let units = report.round_trip(NtpTimestamp::from(SystemTime::now()))?;
        let since_named = Duration::from_secs_f64(f64::from(units) / 65536.0);
        since_named.checked_sub(time_of(ours.ago))
    }

    /// The report of the time of `before`, or of now, and how many ticks ago that was.
    fn sender_report(&self, before: Option<&Unit>) -> (SenderReport, u32) {
        let (rtp, wall) = (self.mount.rtp_time(MonotonicTime::now()), SystemTime::now());
        let ago = before.map_or(0, |unit| ticks_between(unit.timestamp, rtp));
        let report = SenderReport {
            ssrc: self.mount.ssrc(),
            ntp: NtpTimestamp::from(wall.checked_sub(time_of(ago)).unwrap_or(wall)),
            rtp: rtp.wrapping_add(ago.wrapping_neg()),
            packets: self.sent.packets,
            octets: self.sent.octets,
        };
        (report, ago)
    }
}

/// Ticks from `earlier` to `later`; none where it is no earlier.
fn ticks_between(earlier: RtpTimestamp, later: RtpTimestamp) -> u32 {
    let ticks = later.wrapping_sub(earlier);
    // More than half of the clock back is ahead.
    if ticks > u32::MAX / 2 { 0 } else { ticks }
}

/// What so many ticks of the RTP clock take.
fn time_of(ticks: u32) -> Duration {
    Duration::from_secs(ticks.into()) / VIDEO_CLOCK_RATE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_counted_over_the_end_of_the_clock_and_never_backwards() {
        let at = RtpTimestamp::new;
        for (earlier, later, ticks) in [(5, 9, 4), (u32::MAX, 3, 4), (9, 5, 0), (3, u32::MAX, 0)] {
            assert_eq!(ticks_between(at(earlier), at(later)), ticks, "{earlier} {later}");
        }
        assert_eq!(time_of(90), Duration::from_millis(1));
    }
}
