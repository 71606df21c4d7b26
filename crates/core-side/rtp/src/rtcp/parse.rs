//! What a reader sends back. All of it is a stranger's bytes: bounded, checked, never trusted for
//! more than a metric.

use super::{GOODBYE, RECEIVER_REPORT, SENDER_REPORT, VERSION};
use crate::{NtpTimestamp, Ssrc};

/// How many reception reports are taken from one compound packet; a reader of one stream sends one.
pub const MAX_REPORTS: usize = 31;

const REPORT_LEN: usize = 24;

/// How one source is received (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptionReport {
    /// Whose packets this is about.
    pub source: Ssrc,
    /// Packets lost since the last report, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost so far; negative when duplicates outnumber losses.
    pub cumulative_lost: i32,
    /// The highest sequence number received, with the count of its wraps in the upper half.
    pub highest_sequence: u32,
    /// Estimated variance of arrival, in ticks of the RTP clock.
    pub jitter: u32,
    /// Middle bits of the last sender report's time; 0 when there was none.
    pub last_sender_report: u32,
    /// Time since then, in units of 2⁻¹⁶ s.
    pub delay: u32,
}

impl ReceptionReport {
    /// The round trip to the reader (RFC 3550 §6.4.1), in units of 2⁻¹⁶ s, for a report that came
    /// at `now`; `None` when the reader has had no report yet or claims a delay that cannot be.
    #[must_use]
    pub fn round_trip(&self, now: NtpTimestamp) -> Option<u32> {
        if self.last_sender_report == 0 {
            return None;
        }
        now.middle().wrapping_sub(self.last_sender_report).checked_sub(self.delay)
    }

    fn read(block: &[u8; REPORT_LEN]) -> Self {
        let word = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&block[at..at + 4]);
            u32::from_be_bytes(bytes)
        };
        // 24 bits, signed: shifted up and back down to carry the sign.
        let lost = i32::from_be_bytes([block[5], block[6], block[7], 0]) >> 8;
        Self {
            source: Ssrc::new(word(0)),
            fraction_lost: block[4],
            cumulative_lost: lost,
            highest_sequence: word(8),
            jitter: word(12),
            last_sender_report: word(16),
            delay: word(20),
        }
    }
}

/// What a compound packet said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Its reception reports, [`MAX_REPORTS`] at most.
    pub reports: Vec<ReceptionReport>,
    /// Somebody left the session.
    pub goodbye: bool,
}

/// Why bytes are no RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// No whole header.
    #[error("RTCP: expected a whole packet header")]
    Truncated,
    /// Another version than 2.
    #[error("RTCP: expected version 2, found {0}")]
    Version(u8),
    /// A length that reaches past the end of the datagram, or is too short for what it counts.
    #[error("RTCP: expected a length that fits the packet")]
    Length,
}

/// Reads a compound packet (RFC 3550 §6.1), or a single one (RFC 5506). Source descriptions,
/// application packets and unknown types are passed over.
///
/// # Errors
/// When the bytes are not RTCP; nothing of them is to be used then.
pub fn parse(bytes: &[u8]) -> Result<Incoming, RtcpError> {
    let mut incoming = Incoming::default();
    let mut rest = bytes;
    if rest.is_empty() {
        return Err(RtcpError::Truncated);
    }
    while !rest.is_empty() {
        let (head, after) = rest.split_first_chunk::<4>().ok_or(RtcpError::Truncated)?;
        let version = head[0] >> 6;
        if version != VERSION {
            return Err(RtcpError::Version(version));
        }
        let length = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (body, next) = after.split_at_checked(length).ok_or(RtcpError::Length)?;
        let count = usize::from(head[0] & 0x1f);
        match head[1] {
            SENDER_REPORT => read_reports(body, 24, count, &mut incoming)?,
            RECEIVER_REPORT => read_reports(body, 4, count, &mut incoming)?,
            GOODBYE => incoming.goodbye = true,
            _ => {}
        }
        rest = next;
    }
    Ok(incoming)
}

fn read_reports(
    body: &[u8],
    before: usize,
    count: usize,
    incoming: &mut Incoming,
) -> Result<(), RtcpError> {
    let blocks = body.get(before..).ok_or(RtcpError::Length)?.as_chunks::<REPORT_LEN>().0;
    let blocks = blocks.get(..count).ok_or(RtcpError::Length)?;
    let room = MAX_REPORTS - incoming.reports.len();
    incoming.reports.extend(blocks.iter().take(room).map(ReceptionReport::read));
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtcp::cases::{CASES, RECEIVER_REPORT};

    fn receiver_report() -> Vec<u8> {
        RECEIVER_REPORT.to_vec()
    }

    #[test]
    fn each_case_comes_to_what_it_says() {
        for (what, bytes, expected) in CASES {
            match (parse(bytes), expected) {
                (Ok(found), Ok((reports, goodbye))) => {
                    assert_eq!(
                        (found.reports.len(), found.goodbye),
                        (*reports, *goodbye),
                        "{what}"
                    );
                }
                (Err(error), Err(wanted)) => {
                    let text = error.to_string();
                    assert!(
                        text.starts_with(&format!("RTCP: expected {wanted}")),
                        "{what}: {text}"
                    );
                }
                (found, _) => panic!("{what}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_receiver_report_is_read() {
        let incoming = parse(&receiver_report()).unwrap();
        assert!(!incoming.goodbye);
        let expected = ReceptionReport {
            source: Ssrc::new(5),
            fraction_lost: 64,
            cumulative_lost: -2,
            highest_sequence: 0x1_0009,
            jitter: 1000,
            last_sender_report: 0x7e81_8000,
            delay: 0x8000,
        };
        assert_eq!(incoming.reports, [expected]);
    }

    #[test]
    fn the_round_trip_is_what_the_delay_leaves() {
        let report = parse(&receiver_report()).unwrap().reports[0];
        let at = |middle: u64| NtpTimestamp::from_bits(middle << 16);
        assert_eq!(report.round_trip(at(0x7e82_0100)), Some(0x100));
        assert_eq!(report.round_trip(at(0x7e81_9000)), None);
        let none_yet = ReceptionReport { last_sender_report: 0, ..report };
        assert_eq!(none_yet.round_trip(at(0x7e82_0100)), None);
    }

    #[test]
    fn reports_of_many_packets_are_bounded() {
        let one = receiver_report();
        let many: Vec<u8> = std::iter::repeat_n(one, 100).flatten().collect();
        assert_eq!(parse(&many).unwrap().reports.len(), MAX_REPORTS);
    }

    #[test]
    fn what_is_no_rtcp_is_refused() {
        let good = receiver_report();
        let broken = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            parse(&bytes)
        };
        assert_eq!(parse(&[]), Err(RtcpError::Truncated));
        assert_eq!(parse(&good[..3]), Err(RtcpError::Truncated));
        assert_eq!(parse(&good[..31]), Err(RtcpError::Length));
        assert_eq!(parse(&good[..34]), Err(RtcpError::Truncated));
        assert_eq!(broken(0, 0x41), Err(RtcpError::Version(1)));
        assert_eq!(broken(0, 0x82), Err(RtcpError::Length));
        assert_eq!(broken(2, 0xff), Err(RtcpError::Length));
        assert_eq!(broken(1, 204).unwrap(), Incoming::default());
        assert_eq!(parse(&[0x80, 201, 0, 0]), Err(RtcpError::Length));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_stays_bounded(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(incoming) = parse(&bytes) {
                prop_assert!(incoming.reports.len() <= MAX_REPORTS);
            }
        }

        #[test]
        fn parsing_survives_damage(at in 0usize..44, value: u8, cut in 0usize..45) {
            let mut bytes = receiver_report();
            bytes[at] = value;
            bytes.truncate(cut);
            let _ = parse(&bytes);
        }
    }
}
