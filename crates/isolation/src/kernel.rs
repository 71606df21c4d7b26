//! Asks the kernel: the files under `/proc`, and netlink. Needs no privilege, no file of `/sys`
//! (which may belong to another network namespace), and nothing that a side's list of system calls
//! or its being not dumpable closes.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use crate::facts::netlink::{Message, dump, messages};
use crate::facts::{route, sock_diag, text};
use crate::rules::settings;
use crate::{Device, Facts, Link, OpenSocket, Protocol, Settings, Subject};

/// The kernel did not say.
#[derive(Debug, thiserror::Error)]
#[error("isolation self-check: expected to read {what}, found {found}")]
pub struct ReadError {
    what: String,
    found: String,
}

const UNKNOWN: &str = "a form that is not known";

impl ReadError {
    fn new(what: impl Into<String>, found: &impl ToString) -> Self {
        Self { what: what.into(), found: found.to_string() }
    }
}

/// Reads what the rules want to know, of this process's network namespace. Takes milliseconds: call
/// it beside an event loop.
///
/// # Errors
/// When a file or a question is refused, or its answer not understood.
pub fn read(subject: &Subject) -> Result<Facts, ReadError> {
    let mut facts = Facts::default();
    let status = file("/proc/self/status")?.unwrap_or_default();
    facts.process =
        text::process(&status).ok_or_else(|| ReadError::new("/proc/self/status", &UNKNOWN))?;
    if subject.process_only {
        return Ok(facts);
    }
    let ask = |what: &str, question: (u16, &[u8])| {
        ask_route(question).map_err(|error| ReadError::new(what, &error))
    };
    facts.links = parts(&ask("interfaces", route::GET_LINKS)?, route::link);
    facts.addresses = parts(&ask("addresses", route::GET_ADDRESSES)?, route::address);
    let routes = ask("routes", route::GET_ROUTES)?;
    facts.routes = routes.iter().flat_map(|body| route::routes(body)).collect();
    facts.settings = read_settings(subject, &facts.links)?;
    facts.sockets = read_sockets()?;
    Ok(facts)
}

/// A file's text; `None` where the kernel has no such file.
fn file(path: &str) -> Result<Option<String>, ReadError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ReadError::new(path, &error)),
    }
}

fn read_settings(subject: &Subject, links: &[Link]) -> Result<Settings, ReadError> {
    let mut values = BTreeMap::new();
    for path in settings::wanted(subject, links) {
        let full = format!("/proc/sys/net/{path}");
        if let Some(value) = file(&full)? {
            let value = value.trim();
            let number = value.parse().map_err(|_| ReadError::new(full, &format!("{value:?}")))?;
            values.insert(path, number);
        }
    }
    Ok(Settings(values))
}

const TABLES: [(Protocol, [&str; 2]); 3] = [
    (Protocol::Tcp, ["/proc/net/tcp", "/proc/net/tcp6"]),
    (Protocol::Udp, ["/proc/net/udp", "/proc/net/udp6"]),
    (Protocol::Raw, ["/proc/net/raw", "/proc/net/raw6"]),
];

fn read_sockets() -> Result<Vec<OpenSocket>, ReadError> {
    /// Looks until both tables speak of the same sockets: one may be opened between the two.
    const LOOKS: usize = 3;
    let mut sockets = Vec::new();
    for _ in 0..LOOKS {
        let (devices, complete) = socket_devices();
        sockets.clear();
        for (protocol, paths) in TABLES {
            for path in paths {
                let Some(table) = file(path)? else { continue };
                let listed = text::sockets(protocol, &table)
                    .ok_or_else(|| ReadError::new(path, &UNKNOWN))?;
                sockets.extend(listed.into_iter().map(|(inode, local)| OpenSocket {
                    protocol,
                    local: Some(local),
                    device: match devices.get(&inode) {
                        Some(0) => Device::Any,
                        Some(index) => Device::Link(*index),
                        None => Device::Unknown,
                    },
                }));
            }
        }
        if !complete || sockets.iter().all(|socket| socket.device != Device::Unknown) {
            break;
        }
    }
    let path = "/proc/net/packet";
    if let Some(table) = file(path)? {
        let devices = text::packet_sockets(&table).ok_or_else(|| ReadError::new(path, &UNKNOWN))?;
        let socket = |device| OpenSocket { protocol: Protocol::Packet, local: None, device };
        sockets.extend(devices.into_iter().map(socket));
    }
    Ok(sockets)
}

/// The interface of each socket, by its inode, and whether the kernel told it of every protocol: one
/// without the modules for that tells of none.
fn socket_devices() -> (BTreeMap<u64, u32>, bool) {
    let mut devices = BTreeMap::new();
    let mut complete = true;
    for (kind, body) in sock_diag::requests() {
        let answer = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )
        .map_err(io::Error::from)
        .and_then(|socket| ask(&socket, kind, &body));
        match answer {
            Ok(bodies) => devices.extend(parts(&bodies, sock_diag::bound)),
            Err(_) => complete = false,
        }
    }
    (devices, complete)
}

fn parts<T>(bodies: &[Vec<u8>], parse: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
    bodies.iter().filter_map(|body| parse(body)).collect()
}

/// All that the kernel has of `question`, asked again while it changes.
fn ask_route((kind, body): (u16, &[u8])) -> io::Result<Vec<Vec<u8>>> {
    // NETLINK_ROUTE is protocol 0.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    ask(&socket, kind, body)
}

/// One dump: the bodies of its messages.
fn ask(socket: &OwnedFd, kind: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    /// A table that changes all the time is taken as it was the last time.
    const TRIES: usize = 4;
    /// Far more than the kernel takes; it is never to be waited for without end.
    const PATIENCE: Duration = Duration::from_secs(5);
    set_socket_timeout(socket.as_fd(), Timeout::Recv, Some(PATIENCE))?;
    let mut bodies = Vec::new();
    for _ in 0..TRIES {
        bodies.clear();
        send(socket, &dump(kind, body), SendFlags::empty())?;
        if !collect(socket, &mut bodies)? {
            break;
        }
    }
    Ok(bodies)
}

/// Receives a dump to its end; whether it was interrupted by a change.
fn collect(socket: &OwnedFd, bodies: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    // The kernel fills at most 32 KiB at a time.
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (length, _) = recv(socket, &mut buffer, RecvFlags::empty())?;
        let datagram = buffer.get(..length).unwrap_or_default();
        let mut any = false;
        for message in messages(datagram) {
            any = true;
            match message {
                Message::Part(_, body) => bodies.push(body.to_vec()),
                Message::Done { interrupted } => return Ok(interrupted),
                Message::Failed(number) => return Err(io::Error::from_raw_os_error(number)),
            }
        }
        if !any {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{TcpListener, UdpSocket};

    use super::*;
    use crate::{InterfaceName, Stance};

    fn subject() -> Subject {
        Subject {
            stance: Stance::Together,
            camera: Some(InterfaceName::new("lo").unwrap()),
            core: None,
            listeners: Vec::new(),
            allow: BTreeSet::new(),
            config: String::new(),
            locked: false,
            process_only: false,
        }
    }

    #[test]
    fn this_host_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let facts = read(&subject()).unwrap();
        let lo = facts.link("lo").expect("every namespace has one");
        assert!(facts.addresses.iter().any(|a| a.link == lo.index && a.address.is_loopback()));
        assert!(facts.settings.get("ipv4/ip_forward").is_some());
        assert!(facts.settings.get("ipv4/conf/lo/rp_filter").is_some());
        for (protocol, local) in [
            (Protocol::Tcp, listener.local_addr().unwrap()),
            (Protocol::Udp, datagrams.local_addr().unwrap()),
        ] {
            let is =
                |socket: &&OpenSocket| socket.protocol == protocol && socket.local == Some(local);
            let found = facts.sockets.iter().find(is).expect("it is open");
            assert!(matches!(found.device, Device::Any | Device::Unknown), "{found:?}");
        }
    }

    #[test]
    fn of_a_process_alone_nothing_else_is_read() {
        let facts = read(&Subject { process_only: true, ..subject() }).unwrap();
        assert!(facts.links.is_empty() && facts.sockets.is_empty());
        assert_eq!(facts.process.users[1], rustix::process::geteuid().as_raw());
    }
}
