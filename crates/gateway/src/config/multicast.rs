//! Multicast groups of mounts.

use std::collections::HashMap;
use std::net::IpAddr;

use cofferdam_serve::MulticastGroup;

use super::validate::{Found, within};
use super::{Camera, file};

/// Validates one group; `None` where there is none, or a wrong one, which `found` then says.
pub(super) fn group(
    raw: Option<&file::Multicast>,
    key: &str,
    found: &mut Found,
) -> Option<MulticastGroup> {
    let raw = raw?;
    let address = raw.address.parse().ok().filter(is_usable);
    if address.is_none() {
        let what = format!(
            "expected a multicast address such as \"239.1.2.3\" or \"ff15::1:2\", outside of 224.0.0.0/24, found {:?}",
            raw.address
        );
        found.push((format!("{key}.address"), what));
    }
    let port = u16::try_from(raw.port).ok().filter(|port| *port >= 1024 && port.is_multiple_of(2));
    if port.is_none() {
        let what = format!(
            "expected an even port from 1024 to 65534 (RTCP goes to the next), found {}",
            raw.port
        );
        found.push((format!("{key}.port"), what));
    }
    let ttl = within(raw.ttl, 1, 255, &format!("{key}.ttl"), found);
    Some(MulticastGroup { address: address?, port: port?, ttl: u8::try_from(ttl?).ok()? })
}

/// The block below is that of routing protocols, whose hosts would all hear it (RFC 5771 §4).
fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_multicast() && !address.octets().starts_with(&[224, 0, 0])
        }
        IpAddr::V6(address) => address.is_multicast(),
    }
}

/// Refuses a group that two mounts have, and groups where the host's routes would choose the interface.
pub(super) fn distinct(cameras: &[Camera], has_interface: bool, found: &mut Found) {
    let mut taken = HashMap::new();
    for camera in cameras {
        for (name, group) in
            [("multicast", camera.multicast), ("sub.multicast", camera.sub_multicast)]
        {
            let Some(MulticastGroup { address, port, .. }) = group else { continue };
            let key = format!("camera {}: {name}", camera.id);
            if !has_interface {
                let what = "expected none without `core.interface`, since the host's routes would choose \
                            whose network it goes to, found one";
                found.push((key.clone(), what.into()));
            }
            if let Some(other) = taken.insert((address, port), key.clone()) {
                let what = format!(
                    "expected an address and port of its own, found {address} port {port} as in `{other}`"
                );
                found.push((key, what));
            }
        }
    }
}
