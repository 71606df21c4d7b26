//! A second handle on sockets that a library opened and keeps to itself.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Descriptors above this are not looked at: a worker has a handful.
const HIGHEST: i32 = 1023;

/// A second handle on this process's socket that is connected to `peer`, whoever opened it; `None`
/// when there is none. The newest descriptor counts when there are several.
///
/// For *looking* (`MSG_PEEK`) at what a client library is about to read. Reading or writing through
/// it would pull the rug from under its owner.
#[must_use]
pub fn socket_connected_to(peer: SocketAddr) -> Option<OwnedFd> {
    (3..=HIGHEST).rev().find_map(|number| {
        // SAFETY: the borrow ends with this closure, and the only calls made on it are getpeername
        // and fcntl's, which report a closed descriptor, or one that is no socket, as an error and
        // change nothing about an open one.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let found = rustix::net::getpeername(borrowed).ok()??;
        if SocketAddr::try_from(found).ok()? != peer {
            return None;
        }
        rustix::io::fcntl_dupfd_cloexec(borrowed, 3).ok()
    })
}

/// The beginning of `struct tcp_info` (linux/tcp.h), in words of eight bytes: as much of it as is
/// looked at here.
type TcpInfo = [u64; 17];
/// Where it has the bytes received.
const BYTES_RECEIVED: usize = 16;

/// How many bytes have arrived on a TCP connection since it began, in order, whether they have been
/// read or not. The end of the stream may count as one more.
///
/// # Errors
/// When it is no TCP socket, or the kernel (before Linux 4.1) does not count.
pub fn bytes_received(connection: impl AsFd) -> io::Result<u64> {
    let mut info: TcpInfo = [0; 17];
    let size = size_of_val(&info);
    let mut length = libc::socklen_t::try_from(size).unwrap_or(0);
    // SAFETY: the kernel writes at most `length` bytes to `info`, which is that large, and any bytes
    // are valid there.
    let result = unsafe {
        libc::getsockopt(
            connection.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if usize::try_from(length) != Ok(size) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(info[BYTES_RECEIVED])
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn finds_the_socket_by_its_peer_and_leaves_it_open() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = listener.local_addr().unwrap();
        assert!(socket_connected_to(peer).is_none());
        let mut client = TcpStream::connect(peer).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"hello").unwrap();
        let mut looked = [0; 5];
        let second = TcpStream::from(socket_connected_to(peer).unwrap());
        while second.peek(&mut looked).unwrap() < 5 {}
        drop(second);
        let mut read = [0; 5];
        client.read_exact(&mut read).unwrap();
        assert_eq!((&looked, &read), (b"hello", b"hello"));
    }
    #[test]
    fn arrivals_are_counted_read_or_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        assert_eq!(bytes_received(&client).unwrap(), 0);
        server.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        client.peek(&mut [0]).unwrap();
        assert_eq!(bytes_received(&client).unwrap(), 5);
        server.write_all(&[0; 1000]).unwrap();
        client.read_exact(&mut [0; 1003]).unwrap();
        assert_eq!(bytes_received(&client).unwrap(), 1005);
        assert!(bytes_received(io::stdin()).is_err());
    }
}
