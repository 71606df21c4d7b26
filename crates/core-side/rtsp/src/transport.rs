//! The `Transport` header (RFC 2326 §12.39): what a reader offers, and which of it is taken.
//!
//! Parsed here rather than by the typed header of `rtsp-types` 0.1.3, which panics on `mode="` and
//! on `dest_addr="`.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::framer::number;

/// How many alternatives of one header are looked at.
const MAX_OFFERS: usize = 16;
/// Below are the ports of services, which no reader receives on and none may have us write to.
const LEAST_CLIENT_PORT: u16 = 1024;

/// Two UDP ports: one for RTP, one for RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortPair {
    /// The port of RTP packets.
    pub rtp: u16,
    /// The port of RTCP packets.
    pub rtcp: u16,
}

/// An address that many listen to, and how far packets to it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MulticastGroup {
    /// A multicast address.
    pub address: IpAddr,
    /// The port of RTP packets; that of RTCP packets is the next.
    pub port: u16,
    /// How many networks they may reach (the hop limit of IPv6).
    pub ttl: u8,
}

impl MulticastGroup {
    /// The ports of a group.
    #[must_use]
    pub const fn ports(self) -> PortPair {
        PortPair { rtp: self.port, rtcp: self.port.saturating_add(1) }
    }
}

/// What can be offered beside packets in the RTSP connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Datagrams {
    /// The ports that datagrams are sent from, `None` when there are none.
    pub(crate) server: Option<PortPair>,
    /// The group of the mount, where it has one.
    pub(crate) group: Option<MulticastGroup>,
}

/// How a session's packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In the RTSP connection, framed (RFC 2326 §10.12).
    Interleaved {
        /// The channel of RTP packets.
        rtp: u8,
        /// The channel of RTCP packets.
        rtcp: u8,
    },
    /// As datagrams to the address the RTSP connection came from.
    Udp {
        /// The reader's ports.
        client: PortPair,
        /// Ours.
        server: PortPair,
    },
    /// As datagrams to everyone who joined a group.
    Multicast(MulticastGroup),
}

impl Transport {
    /// The first alternative of a `Transport` header that can be served and `may_use` allows.
    pub(crate) fn choose(
        header: &str,
        datagrams: Datagrams,
        may_use: impl Fn(Self) -> bool,
    ) -> Option<Self> {
        split_unquoted(header, ',')
            .take(MAX_OFFERS)
            .find_map(|offer| accept(offer, datagrams).filter(|offer| may_use(*offer)))
    }

    /// The header of the answer.
    pub(crate) fn answer(self, ssrc: u32) -> String {
        let mut text = match self {
            Self::Interleaved { rtp, rtcp } => {
                format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}")
            }
            Self::Udp { client, server } => format!(
                "RTP/AVP;unicast;client_port={}-{};server_port={}-{}",
                client.rtp, client.rtcp, server.rtp, server.rtcp
            ),
            Self::Multicast(group) => {
                let MulticastGroup { address, ttl, .. } = group;
                let PortPair { rtp, rtcp } = group.ports();
                format!("RTP/AVP;multicast;destination={address};port={rtp}-{rtcp};ttl={ttl}")
            }
        };
        // Writing to a String does not fail.
        let _ = write!(text, ";ssrc={ssrc:08X};mode=\"PLAY\"");
        text
    }
}

/// Whether a header offers anything in the form of RFC 2326 §12.39, to be had or not.
pub(crate) fn is_readable(header: &str) -> bool {
    split_unquoted(header, ',').take(MAX_OFFERS).any(|offer| {
        let mut parts = split_unquoted(offer, ';').map(str::trim);
        let is_token = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let specification = parts.next().unwrap_or_default();
        let is_specification = (2..=3).contains(&specification.split('/').count())
            && specification.split('/').all(is_token);
        is_specification
            && parts.all(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                let numbers = ["interleaved", "client_port"];
                let has_numbers = numbers.iter().any(|n| name.trim().eq_ignore_ascii_case(n));
                !has_numbers || pair(value.trim().trim_matches('"')).is_some()
            })
    })
}

fn accept(offer: &str, datagrams: Datagrams) -> Option<Transport> {
    let mut parts = split_unquoted(offer, ';').map(str::trim);
    let specification = parts.next()?;
    let mut interleaved = None;
    let mut client_port = None;
    let mut is_multicast = false;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.trim_end(), value.trim().trim_matches('"'));
        match name.to_ascii_lowercase().as_str() {
            "multicast" => is_multicast = true,
            "interleaved" => interleaved = Some(pair(value)?),
            "client_port" => client_port = Some(pair(value)?),
            "mode" if !value.split(',').any(|m| m.trim().eq_ignore_ascii_case("play")) => {
                return None;
            }
            // A destination other than the reader's own address or the mount's own group is never
            // honoured, so it need not be read.
            _ => {}
        }
    }
    let is_udp = ["RTP/AVP", "RTP/AVP/UDP"].iter().any(|s| specification.eq_ignore_ascii_case(s));
    if is_multicast {
        return datagrams.group.filter(|_| is_udp).map(Transport::Multicast);
    }
    if specification.eq_ignore_ascii_case("RTP/AVP/TCP") {
        let (rtp, rtcp) = interleaved.unwrap_or((0, 1));
        let (rtp, rtcp) = (u8::try_from(rtp).ok()?, u8::try_from(rtcp).ok()?);
        (rtp != rtcp).then_some(Transport::Interleaved { rtp, rtcp })
    } else if is_udp {
        let (rtp, rtcp) = client_port?;
        let usable = rtp != rtcp && rtp >= LEAST_CLIENT_PORT && rtcp >= LEAST_CLIENT_PORT;
        usable
            .then_some(datagrams.server)
            .flatten()
            .map(|server| Transport::Udp { client: PortPair { rtp, rtcp }, server })
    } else {
        None
    }
}

/// `a-b`, or `a` alone for `a` and the number after it.
fn pair(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| u16::try_from(number(text.trim().as_bytes())?).ok();
    match text.split_once('-') {
        Some((first, second)) => Some((number(first)?, number(second)?)),
        None => {
            let first = number(text)?;
            Some((first, first.checked_add(1)?))
        }
    }
}

fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SERVER: PortPair = PortPair { rtp: 50_000, rtcp: 50_001 };

    const GROUP: MulticastGroup =
        MulticastGroup { address: IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3)), port: 5004, ttl: 16 };
    const UNICAST: Datagrams = Datagrams { server: Some(SERVER), group: None };

    const fn tcp(rtp: u8, rtcp: u8) -> Option<Transport> {
        Some(Transport::Interleaved { rtp, rtcp })
    }

    const fn udp(rtp: u16, rtcp: u16) -> Option<Transport> {
        Some(Transport::Udp { client: PortPair { rtp, rtcp }, server: SERVER })
    }

    #[test]
    fn takes_the_first_offer_that_can_be_served() {
        let cases = [
            ("RTP/AVP/TCP;unicast;interleaved=0-1", tcp(0, 1)),
            ("rtp/avp/tcp; interleaved = 4-5 ; mode=play", tcp(4, 5)),
            ("RTP/AVP/TCP;interleaved=7-2", tcp(7, 2)),
            ("RTP/AVP/TCP;interleaved=254", tcp(254, 255)),
            ("RTP/AVP/TCP", tcp(0, 1)),
            ("RTP/AVP/TCP;unicast;mode=\"PLAY,RECORD\"", tcp(0, 1)),
            ("RTP/AVP/TCP;interleaved=255", None),
            ("RTP/AVP/TCP;interleaved=3-3", None),
            ("RTP/AVP/TCP;interleaved=0-256", None),
            ("RTP/AVP/TCP;interleaved=", None),
            ("RTP/AVP/TCP;unicast;mode=record", None),
            ("RTP/AVP;unicast;client_port=6000-6001", udp(6000, 6001)),
            ("RTP/AVP/UDP;client_port=6000", udp(6000, 6001)),
            ("RTP/AVP;unicast;destination=10.9.9.9;client_port=6000-6001", udp(6000, 6001)),
            ("RTP/AVP;unicast", None),
            ("RTP/AVP;unicast;client_port=0-1", None),
            ("RTP/AVP;unicast;client_port=53-54", None),
            ("RTP/AVP;unicast;client_port=65535", None),
            ("RTP/AVP;multicast;client_port=6000-6001", None),
            ("RTP/SAVP;unicast;client_port=6000-6001", None),
            ("RTP/AVP;multicast, RTP/AVP/TCP;interleaved=2-3", tcp(2, 3)),
            ("RAW/RAW/UDP;x=\"a,b;c\",RTP/AVP;client_port=6000-6001,RTP/AVP/TCP", udp(6000, 6001)),
            ("RTP/AVP/TCP;mode=\"", None),
            ("RTP/AVP/TCP;dest_addr=\"", tcp(0, 1)),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(Transport::choose(header, UNICAST, |_| true), expected, "{header}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_told_from_what_cannot_be_read() {
        for readable in [
            "RTP/AVP;multicast",
            "RTP/SAVP;unicast;client_port=6000-6001",
            "RAW/RAW/UDP;x=\"a,b;c\"",
            "RTP/AVP/TCP;interleaved=0-1;;",
            "nonsense, RTP/AVP/TCP",
        ] {
            assert!(is_readable(readable), "{readable}");
        }
        for broken in ["", "nonsense", "RTP", "RTP/AVP/TCP;interleaved=x", "RTP/AVP;client_port=-1"]
        {
            assert!(!is_readable(broken), "{broken}");
        }
    }

    #[test]
    fn without_ports_datagrams_are_passed_over() {
        let header = "RTP/AVP;client_port=6000-6001, RTP/AVP/TCP;interleaved=0-1";
        let choose = |header: &str| Transport::choose(header, Datagrams::default(), |_| true);
        assert_eq!(choose(header), tcp(0, 1));
        assert_eq!(choose("RTP/AVP;client_port=6000-6001"), None);
    }

    #[test]
    fn a_group_is_the_mounts_whatever_a_reader_would_like() {
        let group = Some(Transport::Multicast(GROUP));
        let datagrams = Datagrams { group: Some(GROUP), ..UNICAST };
        for (header, expected) in [
            ("RTP/AVP;multicast", group),
            ("RTP/AVP/UDP;multicast;client_port=6000-6001", group),
            ("RTP/AVP;multicast;destination=224.2.0.1;port=3456-3457;ttl=127;mode=PLAY", group),
            ("RTP/AVP;multicast;mode=record", None),
            ("RTP/AVP/TCP;multicast;interleaved=0-1", None),
            ("RTP/SAVP;multicast, RTP/AVP/TCP;interleaved=2-3", tcp(2, 3)),
            ("RTP/AVP;unicast;client_port=6000-6001", udp(6000, 6001)),
        ] {
            assert_eq!(Transport::choose(header, datagrams, |_| true), expected, "{header}");
        }
        let no_group = |transport| !matches!(transport, Transport::Multicast(_));
        assert_eq!(Transport::choose("RTP/AVP;multicast", datagrams, no_group), None);
    }

    #[test]
    fn what_a_reader_may_not_use_is_passed_over() {
        let header = "RTP/AVP;client_port=6000-6001, RTP/AVP/TCP;interleaved=0-1";
        let choose = |may: fn(Transport) -> bool| Transport::choose(header, UNICAST, may);
        let is_udp = |transport| matches!(transport, Transport::Udp { .. });
        assert_eq!(
            choose(|transport| matches!(transport, Transport::Interleaved { .. })),
            tcp(0, 1)
        );
        assert_eq!(choose(is_udp), udp(6000, 6001));
        assert_eq!(Transport::choose(header, UNICAST, |_| false), None);
    }

    #[test]
    fn answers_name_ports_channels_and_source() {
        assert_eq!(
            tcp(0, 1).map(|t| t.answer(0xab)).as_deref(),
            Some("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=000000AB;mode=\"PLAY\"")
        );
        assert_eq!(
            udp(6000, 6001).map(|t| t.answer(u32::MAX)).as_deref(),
            Some(
                "RTP/AVP;unicast;client_port=6000-6001;server_port=50000-50001;ssrc=FFFFFFFF;mode=\"PLAY\""
            )
        );
        assert_eq!(
            Transport::Multicast(GROUP).answer(1),
            "RTP/AVP;multicast;destination=239.1.2.3;port=5004-5005;ttl=16;ssrc=00000001;mode=\"PLAY\""
        );
    }
}
