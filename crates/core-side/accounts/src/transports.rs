//! How a reader's packets may travel.

use std::str::FromStr;

/// One way of travel, as accounts tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// In the RTSP connection, in clear.
    Tcp,
    /// As datagrams, in clear.
    Udp,
    /// In the RTSP connection, within TLS.
    Tls,
    /// As datagrams in clear, to everyone who joined a group.
    Multicast,
}

impl TransportKind {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Tls, Self::Multicast];

    /// The name in configuration, metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Tls => "tls",
            Self::Multicast => "multicast",
        }
    }
}

/// Ways of travel that an account may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportSet(u8);

impl TransportSet {
    /// Every way there is.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether `kind` is among them.
    #[must_use]
    pub const fn contains(self, kind: TransportKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl FromIterator<TransportKind> for TransportSet {
    fn from_iter<I: IntoIterator<Item = TransportKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}

/// A text names no way of travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTransport;

impl FromStr for TransportKind {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        Self::ALL.into_iter().find(|kind| kind.label() == text).ok_or(UnknownTransport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let only_tcp: TransportSet = [TransportKind::Tcp].into_iter().collect();
        assert!(only_tcp.contains(TransportKind::Tcp) && !only_tcp.contains(TransportKind::Udp));
        for kind in TransportKind::ALL {
            assert!(TransportSet::ALL.contains(kind));
            assert_eq!(kind.label().parse(), Ok(kind));
        }
        assert_eq!("broadcast".parse::<TransportKind>(), Err(UnknownTransport));
    }
}
