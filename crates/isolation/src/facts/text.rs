//! The kernel's files under `/proc`, parsed (proc(5)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Device, Process, Protocol};

/// A socket of `/proc/net/{tcp,udp,raw}{,6}`, with its inode.
pub(crate) type Listed = (u64, SocketAddr);

/// The sockets in `table` that take what anyone sends: TCP ones that listen, others that are not
/// connected. `None` for a table that is not understood.
pub(crate) fn sockets(protocol: Protocol, table: &str) -> Option<Vec<Listed>> {
    const LISTEN: &str = "0A";
    const CLOSE: &str = "07";
    let state = if protocol == Protocol::Tcp { LISTEN } else { CLOSE };
    let mut found = Vec::new();
    for line in table.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, is) = (socket_address(fields.get(1)?)?, fields.get(3)?);
        if *is == state {
            found.push((fields.get(9)?.parse().ok()?, local));
        }
    }
    Some(found)
}

/// Words of an address are printed as the machine reads them.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok();
    let address: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?.to_ne_bytes()).into(),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?.to_ne_bytes());
            }
            // An IPv4 address in IPv6 clothes is what it is.
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// The interfaces that the sockets of `/proc/net/packet` listen on. `None` for a table that is not
/// understood.
pub(crate) fn packet_sockets(table: &str) -> Option<Vec<Device>> {
    let lines = table.lines().skip(1).filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            Some(match line.split_whitespace().nth(4)?.parse().ok()? {
                0 => Device::Any,
                index => Device::Link(index),
            })
        })
        .collect()
}

/// This process, from `/proc/self/status`. `None` where a line is missing.
pub(crate) fn process(status: &str) -> Option<Process> {
    let line = |name: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let set = |name: &str| u64::from_str_radix(line(name)?, 16).ok();
    let users: Vec<u32> = line("Uid")?.split_whitespace().map_while(|u| u.parse().ok()).collect();
    Some(Process {
        users: users.try_into().ok()?,
        capabilities: set("CapInh")? | set("CapPrm")? | set("CapEff")? | set("CapAmb")?,
        no_new_privileges: line("NoNewPrivs")? == "1",
        filtered: line("Seccomp")? == "2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_are_open_to_anyone_are_found() {
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0\n\
            \x20  1: 0100007F:2382 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0\n";
        if cfg!(target_endian = "little") {
            let local = "127.0.0.1:9090".parse().unwrap();
            assert_eq!(sockets(Protocol::Tcp, tcp), Some(vec![(101, local)]));
            let udp6 = "head\n 0: 00000000000000000000000000000000:0044 0:0 07 0:0 0:0 0 0 0 7 2\n\
                 1: 0000000000000000FFFF00000100000A:0044 0:0 07 0:0 0:0 0 0 0 8 2\n";
            let expected =
                vec![(7, "[::]:68".parse().unwrap()), (8, "10.0.0.1:68".parse().unwrap())];
            assert_eq!(sockets(Protocol::Udp, udp6), Some(expected));
        }
        assert_eq!(sockets(Protocol::Tcp, "head\n garbage\n"), None);
        assert_eq!(sockets(Protocol::Tcp, "head\n"), Some(vec![]));
    }

    #[test]
    fn packet_sockets_tell_their_interface() {
        let table = "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n\
            ffff8881 3      3    0003   0     1 0      0      77\n\
            ffff8882 3      3    0003   4     1 0      0      78\n";
        assert_eq!(packet_sockets(table), Some(vec![Device::Any, Device::Link(4)]));
        assert_eq!(packet_sockets("head\nx\n"), None);
    }

    #[test]
    fn a_process_is_what_its_status_says() {
        let status = "Name:\tx\nUid:\t1\t2\t3\t4\nCapInh:\t0000000000000001\nCapPrm:\t00\n\
            CapEff:\t0000000000000400\nCapBnd:\tff\nCapAmb:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n\
            Seccomp_filters:\t1\n";
        let expected = Process {
            users: [1, 2, 3, 4],
            capabilities: 0x401,
            no_new_privileges: true,
            filtered: true,
        };
        assert_eq!(process(status), Some(expected));
        assert_eq!(process(&status.replace("CapEff", "CapXyz")), None);
    }
}
