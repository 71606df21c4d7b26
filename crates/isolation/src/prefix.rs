//! Networks as an address and a number of leading bits.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: the leading bits of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    address: IpAddr,
    bits: u8,
}

impl Prefix {
    /// The first `bits` bits of `address`; `None` where it has fewer.
    #[must_use]
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(address) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                Ipv4Addr::from(u32::from(address) & mask).into()
            }
            IpAddr::V6(address) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                Ipv6Addr::from(u128::from(address) & mask).into()
            }
            _ => return None,
        };
        Some(Self { address, bits })
    }

    /// Whether it is everything, or half of everything: two halves are a usual way to write a
    /// default route that outdoes another.
    #[must_use]
    pub const fn is_default(self) -> bool {
        self.bits <= 1
    }

    /// Whether addresses of it mean something on their own link only, so that every interface has
    /// them: link-local and multicast ones.
    #[must_use]
    pub const fn is_of_every_link(self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.is_multicast() || address.is_link_local(),
            IpAddr::V6(address) => address.is_multicast() || address.is_unicast_link_local(),
        }
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        let bits = self.bits.min(other.bits);
        let (mine, theirs) = (Self::new(self.address, bits), Self::new(other.address, bits));
        mine.is_some() && mine == theirs
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        let (address, bits) = text.split_once('/').unwrap();
        Prefix::new(address.parse().unwrap(), bits.parse().unwrap()).unwrap()
    }

    #[test]
    fn overlap_is_having_an_address_in_common() {
        for (a, b) in [
            ("10.20.0.0/16", "10.20.7.0/24"),
            ("10.20.0.0/16", "10.0.0.0/8"),
            ("0.0.0.0/0", "192.0.2.1/32"),
            ("fd00::/8", "fd12::/64"),
        ] {
            assert!(prefix(a).overlaps(prefix(b)) && prefix(b).overlaps(prefix(a)), "{a} {b}");
        }
        for (a, b) in
            [("10.20.0.0/16", "10.21.0.0/16"), ("0.0.0.0/0", "::/0"), ("fd00::/16", "fd01::/16")]
        {
            assert!(!prefix(a).overlaps(prefix(b)), "{a} {b}");
        }
    }

    #[test]
    fn bits_beyond_the_prefix_do_not_count() {
        assert_eq!(prefix("10.20.30.40/16").to_string(), "10.20.0.0/16");
        assert_eq!(prefix("255.255.255.255/0").to_string(), "0.0.0.0/0");
        assert!(Prefix::new([10, 0, 0, 0].into(), 33).is_none());
    }
}
