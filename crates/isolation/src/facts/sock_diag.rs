//! The interface that each socket is bound to (sock_diag(7)): `/proc/net` does not tell it.

use super::netlink::number32;

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_RAW: u8 = 255;
/// The states asked for: of TCP, listening; of the others all, which have no such state.
const LISTENING: u32 = 1 << 10;
const ALL: u32 = u32::MAX;

/// The requests for all sockets that take what anyone sends: kind, and an `inet_diag_req_v2` each.
pub(crate) fn requests() -> impl Iterator<Item = (u16, Vec<u8>)> {
    let families = [AF_INET, AF_INET6];
    let protocols = [(IPPROTO_TCP, LISTENING), (IPPROTO_UDP, ALL), (IPPROTO_RAW, ALL)];
    protocols.into_iter().flat_map(move |(protocol, states)| {
        families.map(|family| {
            let mut body = vec![family, protocol, 0, 0];
            body.extend(states.to_ne_bytes());
            // No particular socket.
            body.extend([0; 48]);
            (BY_FAMILY, body)
        })
    })
}

/// A socket's inode and the number of its interface, 0 for none, from an `inet_diag_msg`.
pub(crate) fn bound(body: &[u8]) -> Option<(u64, u32)> {
    const INTERFACE: usize = 40;
    const INODE: usize = 68;
    Some((number32(body, INODE)?.into(), number32(body, INTERFACE)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_long_as_the_kernel_wants_them() {
        let requests: Vec<_> = requests().collect();
        assert_eq!(requests.len(), 6);
        assert!(requests.iter().all(|(kind, body)| *kind == 20 && body.len() == 56));
    }

    #[test]
    fn a_short_answer_is_none() {
        let mut body = vec![0; 72];
        body[40] = 5;
        body[68] = 9;
        if cfg!(target_endian = "little") {
            assert_eq!(bound(&body), Some((9, 5)));
        }
        assert_eq!(bound(&body[..71]), None);
    }
}
