//! What stands around the jail, made before it is closed.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::IntoRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Things to reach for. Descriptors are plain numbers: the jail closes some of them.
#[derive(Debug)]
pub(crate) struct Stage {
    /// A ring as a worker has it: a memory file, kept.
    pub(crate) ring: i32,
    /// A file that a careless library left open.
    pub(crate) file: i32,
    /// This program, likewise.
    pub(crate) program: i32,
    /// The root folder, likewise.
    pub(crate) folder: i32,
    /// A bound UDP socket, likewise.
    pub(crate) datagrams: i32,
    /// A listening TCP socket, likewise.
    pub(crate) listener: i32,
    /// An unconnected TCP socket, likewise.
    pub(crate) stream: i32,
    /// An unconnected Unix socket: never in a worker, but those are kept.
    pub(crate) unix: i32,
    /// The ends of a pipe.
    pub(crate) pipe: (i32, i32),
    /// The UDP and TCP ports of the sockets above.
    pub(crate) ports: (u16, u16),
    /// The name of an abstract Unix socket outside for datagrams.
    pub(crate) abstract_name: Vec<u8>,
    /// The path of a Unix socket outside for datagrams. Where no folder can be written there is none:
    /// a jail does not ask the file system, and the control runs where one can.
    pub(crate) socket_path: Vec<u8>,
    /// A process of the same user outside the jail.
    pub(crate) sibling: i32,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let ring = rustix::fs::memfd_create("ring", rustix::fs::MemfdFlags::ALLOW_SEALING)
            .expect("a memory file");
        rustix::fs::ftruncate(&ring, 1 << 16).expect("a memory file can be sized");
        let file = std::fs::File::open("/proc/self/status").expect("/proc is mounted");
        let program = std::fs::File::open("/proc/self/exe").expect("/proc is mounted");
        let folder = std::fs::File::open("/").expect("the root folder can be opened");
        let datagrams = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        listener.set_nonblocking(true).expect("a socket");
        let ports = (
            datagrams.local_addr().expect("bound").port(),
            listener.local_addr().expect("bound").port(),
        );
        let abstract_name = format!("cofferdam-escape-{}", std::process::id()).into_bytes();
        let address = SocketAddr::from_abstract_name(&abstract_name).expect("a short name");
        let outside = UnixDatagram::bind_addr(&address).expect("an abstract socket");
        // Stays open in this process, which is outside the jail.
        let _ = outside.into_raw_fd();
        let path =
            std::env::temp_dir().join(format!("cofferdam-escape-{}.socket", std::process::id()));
        if let Ok(outside) = UnixDatagram::bind(&path) {
            let _ = outside.into_raw_fd();
        }
        let stream = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            None,
        )
        .expect("a TCP socket");
        let unix = UnixDatagram::unbound().expect("a Unix socket");
        let (read, write) = rustix::pipe::pipe().expect("a pipe");
        Self {
            ring: ring.into_raw_fd(),
            file: file.into_raw_fd(),
            program: program.into_raw_fd(),
            folder: folder.into_raw_fd(),
            datagrams: datagrams.into_raw_fd(),
            listener: listener.into_raw_fd(),
            stream: stream.into_raw_fd(),
            unix: unix.into_raw_fd(),
            pipe: (read.into_raw_fd(), write.into_raw_fd()),
            ports,
            abstract_name,
            socket_path: path.as_os_str().as_bytes().to_vec(),
            sibling: sibling(),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(std::ffi::OsStr::from_bytes(&self.socket_path));
    }
}

/// A process that waits until this one ends.
fn sibling() -> i32 {
    // SAFETY: this program has one thread, so the child has all of its state.
    match unsafe { libc::fork() } {
        0 => {
            let bound = rustix::process::set_parent_process_death_signal(Some(
                rustix::process::Signal::KILL,
            ));
            if bound.is_err() {
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(1) }
            }
            loop {
                // SAFETY: waits for a signal, and touches nothing.
                unsafe { libc::pause() };
            }
        }
        pid => pid,
    }
}
