//! Sender reports (RFC 3550 §6.4.1) with the camera's name (§6.5.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::packetize::RtpStream;

/// Seconds from 1900, where NTP starts, to 1970.
const NTP_OFFSET: u64 = 2_208_988_800;

const CNAME: &[u8] = b"camera";

/// Appends a compound packet, framed for the channel after the stream's, that says that `timestamp`
/// was now.
pub(crate) fn sender_report(
    stream: &RtpStream,
    timestamp: u32,
    now: SystemTime,
    out: &mut Vec<u8>,
) {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let ntp = ntp(since_epoch);
    let ssrc = stream.ssrc.to_be_bytes();
    // Chunk: SSRC, item type 1, length, text, and zeros up to a multiple of four bytes, at least one.
    let text = [&[1, 6], CNAME, &[0, 0, 0, 0]].concat();
    let parts: [&[u8]; 10] = [
        &[b'$', stream.channel.wrapping_add(1), 0, 48],
        &[0x80, 200, 0, 6],
        &ssrc,
        &ntp.to_be_bytes(),
        &timestamp.to_be_bytes(),
        &stream.packets.to_be_bytes(),
        &stream.octets.to_be_bytes(),
        &[0x81, 202, 0, 4],
        &ssrc,
        &text,
    ];
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn ntp(since_epoch: Duration) -> u64 {
    let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
    since_epoch.as_secs().wrapping_add(NTP_OFFSET) << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_what_is_there() {
        let stream = RtpStream {
            channel: 0,
            payload_type: 96,
            ssrc: 7,
            sequence: 0,
            packets: 0x11,
            marks: None,
            octets: 0x22,
        };
        let mut out = Vec::new();
        sender_report(&stream, 0x33, UNIX_EPOCH, &mut out);
        assert_eq!(out[..4], [b'$', 1, 0, 48]);
        assert_eq!(out.len(), 4 + 48);
        let description = 4 + 4 * (usize::from(out[7]) + 1);
        assert_eq!(out[description + 1], 202);
        assert_eq!(out.len(), description + 4 * (usize::from(out[description + 3]) + 1));
        assert_eq!(out[12..20], (NTP_OFFSET << 32).to_be_bytes());
        assert_eq!(out[20..32], [0, 0, 0, 0x33, 0, 0, 0, 0x11, 0, 0, 0, 0x22]);
    }

    #[test]
    fn half_a_second_is_half_the_fraction() {
        assert_eq!(ntp(Duration::from_millis(500)) & 0xFFFF_FFFF, 1 << 31);
    }
}
