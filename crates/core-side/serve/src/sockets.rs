//! Sockets and their options.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use cofferdam_rtsp::MulticastGroup;
use rustix::net::netdevice::name_to_index;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::Limits;

/// How long the kernel waits for a reader to acknowledge or to take anything. A reader of a small stream that takes
/// nothing is found by this: until much is not sent it looks like one that reads. Longer than a reader may stall,
/// which the queue of a large stream tells first, and says more of.
const USER_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes not yet sent at which a connection counts as writable: beyond, lag would hide.
const NOT_SENT_LOW_WATER: u32 = 128 << 10;
/// All readers come at once when the gateway is back after a restart.
const BACKLOG: i32 = 2048;
/// How often another pair of ports is tried for.
const PAIR_ATTEMPTS: usize = 64;
/// What one access unit of the largest picture may take, sent as datagrams in one go.
const DATAGRAM_SEND_BUFFER: usize = 4 << 20;

/// A listener on `address`, reachable through `interface` only (`SO_BINDTODEVICE`). Call within
/// tokio's runtime.
///
/// # Errors
/// What the kernel says: the address is taken or not ours, or there is no such interface.
pub fn listen(address: SocketAddr, interface: Option<&str>) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind_device(interface.map(str::as_bytes))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Makes a reader's lag visible, and a vanished reader's connection end.
pub(crate) fn tune(stream: &TcpStream, limits: &Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_notsent_lowat(NOT_SENT_LOW_WATER)?;
    socket.set_send_buffer_size(limits.send_buffer)
}

/// Two UDP sockets for a group. The first sends RTP from the address `from`, if that is one; the second
/// sends RTCP and hears what members send to the group's port for it. Neither leaves `interface`.
pub(crate) fn multicast_pair(
    group: &MulticastGroup,
    from: IpAddr,
    interface: Option<&str>,
) -> io::Result<(UdpSocket, UdpSocket)> {
    let from = match group.address {
        address if address.is_ipv4() == from.is_ipv4() => from,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let rtp = multicast(group, SocketAddr::new(from, 0), interface)?;
    // Bound to the group, it hears nothing that is for others.
    let rtcp = multicast(group, (group.address, group.ports().rtcp).into(), interface)?;
    let index = match interface {
        Some(name) => name_to_index(&rtcp, name)?,
        // The kernel chooses, by its routes.
        None => 0,
    };
    match group.address {
        IpAddr::V4(address) => {
            SockRef::from(&rtcp)
                .join_multicast_v4_n(&address, &InterfaceIndexOrAddress::Index(index))?;
        }
        IpAddr::V6(address) => SockRef::from(&rtcp).join_multicast_v6(&address, index)?,
    }
    Ok((rtp, rtcp))
}

fn multicast(
    group: &MulticastGroup,
    address: SocketAddr,
    interface: Option<&str>,
) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.bind_device(interface.map(str::as_bytes))?;
    socket.set_send_buffer_size(DATAGRAM_SEND_BUFFER)?;
    // A member on this host has the same port.
    socket.set_reuse_address(true)?;
    match group.address {
        IpAddr::V4(_) => socket.set_multicast_ttl_v4(group.ttl.into())?,
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_multicast_hops_v6(group.ttl.into())?;
        }
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Two UDP sockets on the address of `address`: the first on an even port, the second on the port
/// after it (RFC 3550 §11). The kernel chooses.
pub(crate) fn datagram_pair(
    address: SocketAddr,
    interface: Option<&str>,
) -> io::Result<(UdpSocket, UdpSocket)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PAIR_ATTEMPTS {
        let any = datagram(address, 0, interface)?;
        let port = any.local_addr()?.port();
        let other = datagram(address, port ^ 1, interface);
        match other {
            Ok(other) if port.is_multiple_of(2) => return Ok((any, other)),
            Ok(other) => return Ok((other, any)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn datagram(address: SocketAddr, port: u16, interface: Option<&str>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.bind_device(interface.map(str::as_bytes))?;
    socket.set_send_buffer_size(DATAGRAM_SEND_BUFFER)?;
    socket.bind(&SocketAddr::new(address.ip(), port).into())?;
    UdpSocket::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pairs_are_even_and_odd() {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let pairs: Vec<_> = (0..20).map(|_| datagram_pair(local, None).unwrap()).collect();
        for (rtp, rtcp) in &pairs {
            let (rtp, rtcp) = (rtp.local_addr().unwrap().port(), rtcp.local_addr().unwrap().port());
            assert!(rtp.is_multiple_of(2));
            assert_eq!(rtcp, rtp + 1);
        }
    }
}
