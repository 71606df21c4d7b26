//! Interfaces, addresses and routes, as rtnetlink(7) tells them: of this process's network namespace,
//! and of every routing table.

use std::net::IpAddr;

use super::netlink::{attributes, number32};
use super::{Address, Link, Route};
use crate::Prefix;

/// `RTM_GETLINK`, with an `ifinfomsg`.
pub(crate) const GET_LINKS: (u16, &[u8]) = (18, &[0; 16]);
/// `RTM_GETADDR`, with an `ifaddrmsg`.
pub(crate) const GET_ADDRESSES: (u16, &[u8]) = (22, &[0; 8]);
/// `RTM_GETROUTE`, with an `rtmsg`.
pub(crate) const GET_ROUTES: (u16, &[u8]) = (26, &[0; 12]);

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// An interface, from an `ifinfomsg`.
pub(crate) fn link(body: &[u8]) -> Option<Link> {
    const IFLA_IFNAME: u16 = 3;
    const IFLA_MASTER: u16 = 10;
    let index = number32(body, 4)?;
    let (mut name, mut master) = (None, None);
    for (number, value) in attributes(body.get(16..)?) {
        match number {
            IFLA_IFNAME => {
                let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                name = Some(String::from_utf8_lossy(text).into_owned());
            }
            IFLA_MASTER => master = number32(value, 0),
            _ => {}
        }
    }
    Some(Link { index, name: name?, master })
}

/// An address, from an `ifaddrmsg`.
pub(crate) fn address(body: &[u8]) -> Option<Address> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    let (family, bits) = (*body.first()?, *body.get(1)?);
    let link = number32(body, 4)?;
    let (mut local, mut peer) = (None, None);
    for (number, value) in attributes(body.get(8..)?) {
        match number {
            IFA_LOCAL => local = ip(family, value),
            // On a point-to-point link this is the other end.
            IFA_ADDRESS => peer = ip(family, value),
            _ => {}
        }
    }
    let address = local.or(peer)?;
    Some(Address { link, address, network: Prefix::new(peer.unwrap_or(address), bits)? })
}

/// The routes of an `rtmsg`: one for each of its next hops, none where it is not a unicast one.
pub(crate) fn routes(body: &[u8]) -> Vec<Route> {
    const RTN_UNICAST: u8 = 1;
    const RTM_F_CLONED: u32 = 0x200;
    const RTA_DST: u16 = 1;
    const RTA_OIF: u16 = 4;
    const RTA_MULTIPATH: u16 = 9;
    let [Some(&family), Some(&bits), Some(&RTN_UNICAST)] = [0, 1, 7].map(|at| body.get(at)) else {
        return Vec::new();
    };
    let cloned = number32(body, 8).is_none_or(|flags| flags & RTM_F_CLONED != 0);
    let (Some(rest), false) = (body.get(12..), cloned) else { return Vec::new() };
    let unspecified: IpAddr = match family {
        AF_INET => [0; 4].into(),
        AF_INET6 => [0; 16].into(),
        _ => return Vec::new(),
    };
    let mut to = Prefix::new(unspecified, bits);
    let mut links = Vec::new();
    for (number, value) in attributes(rest) {
        match number {
            RTA_DST => to = ip(family, value).and_then(|address| Prefix::new(address, bits)),
            RTA_OIF => links.extend(number32(value, 0)),
            RTA_MULTIPATH => links.extend(next_hops(value)),
            _ => {}
        }
    }
    links.into_iter().filter_map(|link| Some(Route { link, to: to? })).collect()
}

/// The interfaces of a list of `rtnexthop`.
fn next_hops(mut bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    std::iter::from_fn(move || {
        let length = usize::from(super::netlink::number16(bytes, 0)?);
        let link = number32(bytes, 4)?;
        if length < 8 {
            return None;
        }
        bytes = bytes.get((length + 3) & !3..).unwrap_or_default();
        Some(link)
    })
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => <[u8; 4]>::try_from(value).ok().map(Into::into),
        AF_INET6 => <[u8; 16]>::try_from(value).ok().map(Into::into),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::netlink::testing::attribute;
    use super::*;

    #[test]
    fn a_port_of_a_bridge_is_seen_as_one() {
        let mut body = vec![0; 16];
        body[4..8].copy_from_slice(&7u32.to_ne_bytes());
        body.extend(attribute(3, b"cam0\0"));
        body.extend(attribute(10, &3u32.to_ne_bytes()));
        assert_eq!(link(&body), Some(Link { index: 7, name: "cam0".into(), master: Some(3) }));
        assert_eq!(link(&body[..15]), None);
    }

    #[test]
    fn an_address_is_the_local_end() {
        let mut body = vec![AF_INET, 24, 0, 0];
        body.extend(2u32.to_ne_bytes());
        body.extend(attribute(1, &[10, 0, 0, 9]));
        body.extend(attribute(2, &[10, 0, 0, 1]));
        let found = address(&body).unwrap();
        assert_eq!((found.link, found.address), (2, [10, 0, 0, 1].into()));
        assert_eq!(found.network.to_string(), "10.0.0.0/24");
    }

    #[test]
    fn routes_of_one_and_of_several_hops_and_a_default() {
        let fixed = |family: u8, bits: u8, kind: u8| {
            [&[family, bits, 0, 0, 254, 4, 0, kind][..], &[0; 4]].concat()
        };
        let mut one = fixed(AF_INET, 16, 1);
        one.extend(attribute(1, &[10, 20, 0, 0]));
        one.extend(attribute(4, &5u32.to_ne_bytes()));
        let found = routes(&one);
        assert_eq!((found[0].link, found[0].to.to_string().as_str()), (5, "10.20.0.0/16"));

        let hop = |link: u32| [&8u16.to_ne_bytes()[..], &[0, 0], &link.to_ne_bytes()].concat();
        let mut several = fixed(AF_INET6, 0, 1);
        several.extend(attribute(9, &[hop(2), hop(3)].concat()));
        let found: Vec<_> = routes(&several).iter().map(|r| (r.link, r.to.is_default())).collect();
        assert_eq!(found, [(2, true), (3, true)]);

        // Of kind local: this host's own address, and no way anywhere.
        let mut local = fixed(AF_INET, 32, 2);
        local.extend(attribute(4, &5u32.to_ne_bytes()));
        assert!(routes(&local).is_empty());
    }
}
