//! A second handle on sockets that a library opened and keeps to itself.

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

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
}
