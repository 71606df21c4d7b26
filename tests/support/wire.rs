//! What is on a wire, as tcpdump saw it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::netns::Namespace;
use crate::processes::Owned;
use crate::wait::until;

/// A capture that runs until it is asked for its frames.
#[derive(Debug)]
pub struct Capture<'a> {
    namespace: &'a Namespace,
    towards: SocketAddr,
    tcpdump: Owned,
    said: BufReader<std::process::ChildStderr>,
    folder: tempfile::TempDir,
}

/// One Ethernet frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was there.
    pub at: Duration,
    /// All of its bytes.
    pub bytes: Vec<u8>,
}

const DEADLINE: Duration = Duration::from_secs(60);

/// What a frame carries that ends a capture.
const END: &[u8] = b"nothing after this is wanted";

impl<'a> Capture<'a> {
    /// Starts capturing every frame on an interface, in both directions; it has begun on return. What
    /// is sent `towards` some address goes out by that interface.
    ///
    /// # Panics
    /// When tcpdump does not start.
    #[must_use]
    pub fn start(namespace: &'a Namespace, interface: &str, towards: SocketAddr) -> Self {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let mut command = namespace.command("tcpdump");
        // As it is, for nothing may be missing: whole frames, a buffer of 64 MiB, no other user.
        command.args(["-i", interface, "-n", "-U", "-s", "0", "-B", "65536"]);
        command.args(["-Z", "root", "-w"]).arg(folder.path().join("frames"));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("tcpdump starts");
        let said = BufReader::new(child.stderr.take().expect("it is a pipe"));
        let (send, begun) = channel();
        let reader = std::thread::spawn(move || {
            let mut said = said;
            let mut line = String::new();
            while said.read_line(&mut line).is_ok_and(|read| read > 0) {
                if line.contains("listening on") {
                    let _ = send.send(());
                    break;
                }
            }
            (said, line)
        });
        let tcpdump = Owned(child);
        let begun = begun.recv_timeout(DEADLINE);
        let (said, line) = reader.join().expect("it does not panic");
        assert!(begun.is_ok(), "tcpdump: {line}");
        Self { namespace, towards, tcpdump, said, folder }
    }

    /// Ends it. Every frame until now is in the answer, or this panics.
    ///
    /// # Panics
    /// When frames were lost, or tcpdump does not say.
    #[must_use]
    pub fn frames(mut self) -> Vec<Frame> {
        let path: PathBuf = self.folder.path().join("frames");
        // Frames come in the order they were on the wire: behind this one none is missing.
        let (namespace, towards) = (self.namespace, self.towards);
        until(DEADLINE, "the last frame to be captured", || {
            namespace.inside(|| {
                let socket = UdpSocket::bind("0.0.0.0:0").expect("a port");
                // An answer to one before, that nobody listens, fails the next.
                let _ = socket.send_to(END, towards);
            });
            let captured = std::fs::read(&path).ok()?;
            captured.windows(END.len()).any(|window| window == END).then_some(())
        });
        stop(&self.tcpdump.0);
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("tcpdump's words");
        let status = self.tcpdump.0.wait().expect("a child can be waited for");
        assert!(status.success(), "tcpdump: {status}: {said}");
        assert!(said.lines().any(|l| l == "0 packets dropped by kernel"), "tcpdump: {said}");
        parse(&std::fs::read(path).expect("tcpdump wrote it"))
    }
}

/// As Ctrl-C does: it writes out what it has.
fn stop(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process number");
    kill_process(pid, Signal::INT).expect("it runs");
}

/// Frames of a pcap file in this machine's order of bytes
/// (draft-ietf-opsawg-pcap: a header of 24 bytes, and of 16 for each packet).
fn parse(file: &[u8]) -> Vec<Frame> {
    let word = |at: usize| {
        let bytes = file.get(at..at + 4).expect("a whole file");
        u32::from_ne_bytes(bytes.try_into().expect("four bytes"))
    };
    assert_eq!(word(0), 0xa1b2_c3d4, "microseconds, in this machine's order");
    assert_eq!(word(20), 1, "Ethernet");
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < file.len() {
        let length = word(at + 8) as usize;
        assert_eq!(word(at + 8), word(at + 12), "captured whole");
        frames.push(Frame {
            at: Duration::from_secs(word(at).into()) + Duration::from_micros(word(at + 4).into()),
            bytes: file[at + 16..at + 16 + length].to_vec(),
        });
        at += 16 + length;
    }
    frames
}

/// What a frame carries.
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;

impl Frame {
    /// The hardware addresses in its header: to whom, and from whom.
    #[must_use]
    pub fn hardware(&self) -> [[u8; 6]; 2] {
        [0, 6].map(|at| self.bytes[at..at + 6].try_into().expect("six bytes"))
    }

    /// Who sent it on this wire.
    #[must_use]
    pub fn sender(&self) -> [u8; 6] {
        self.hardware()[1]
    }

    fn kind(&self) -> u16 {
        u16::from_be_bytes([self.bytes[12], self.bytes[13]])
    }

    /// Whether it is one of ARP.
    #[must_use]
    pub fn is_arp(&self) -> bool {
        self.kind() == ARP
    }

    /// Whether it is one of IPv6.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        self.kind() == IPV6
    }

    /// Every hardware and network address in any of its headers.
    #[must_use]
    pub fn addresses(&self) -> (BTreeSet<[u8; 6]>, BTreeSet<IpAddr>) {
        let mut hardware: BTreeSet<[u8; 6]> = self.hardware().into();
        let mut network = BTreeSet::new();
        let v4 = |at: usize| {
            let bytes: Option<[u8; 4]> = self.bytes.get(at..at + 4)?.try_into().ok();
            bytes.map(|bytes| IpAddr::from(Ipv4Addr::from(bytes)))
        };
        let v6 = |at: usize| {
            let bytes: Option<[u8; 16]> = self.bytes.get(at..at + 16)?.try_into().ok();
            bytes.map(|bytes| IpAddr::from(Ipv6Addr::from(bytes)))
        };
        match self.kind() {
            IPV4 => network.extend([v4(26), v4(30)].into_iter().flatten()),
            IPV6 => network.extend([v6(22), v6(38)].into_iter().flatten()),
            ARP => {
                network.extend([v4(28), v4(38)].into_iter().flatten());
                for at in [22, 32] {
                    let bytes: Option<[u8; 6]> =
                        self.bytes.get(at..at + 6).and_then(|b| b.try_into().ok());
                    hardware.extend(bytes);
                }
            }
            _ => {}
        }
        (hardware, network)
    }

    /// The address and port that take a connection with this frame, if it does that.
    #[must_use]
    pub fn accepts(&self) -> Option<(IpAddr, u16)> {
        const SYN_ACK: u8 = 0b1_0010;
        let segment = self.segment().filter(|segment| segment.flags & SYN_ACK == SYN_ACK)?;
        let from: [u8; 4] = self.bytes.get(26..30)?.try_into().ok()?;
        Some((IpAddr::from(from), segment.source))
    }

    /// The UDP datagram of a frame, if it is one and not in fragments.
    #[must_use]
    pub fn datagram(&self) -> Option<Datagram<'_>> {
        const UDP: u8 = 17;
        let (to, ttl, protocol, udp) = match self.kind() {
            IPV4 => {
                let header = usize::from(self.bytes.get(14)? & 15) * 4;
                let to: [u8; 4] = self.bytes.get(30..34)?.try_into().ok()?;
                (IpAddr::from(to), self.bytes[22], self.bytes[23], self.bytes.get(14 + header..)?)
            }
            IPV6 => {
                let to: [u8; 16] = self.bytes.get(38..54)?.try_into().ok()?;
                (IpAddr::from(to), self.bytes[21], self.bytes[20], &self.bytes[54..])
            }
            _ => return None,
        };
        let number = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
        let payload = udp.get(8..usize::from(number(4)?))?;
        (protocol == UDP).then_some(Datagram { to: (to, number(2)?).into(), ttl, payload })
    }

    /// The TCP segment of a frame over IPv4.
    #[must_use]
    pub fn segment(&self) -> Option<Segment<'_>> {
        const TCP: u8 = 6;
        if self.kind() != IPV4 || self.bytes.get(23) != Some(&TCP) {
            return None;
        }
        let header = usize::from(self.bytes.get(14)? & 15) * 4;
        let total = usize::from(u16::from_be_bytes([*self.bytes.get(16)?, *self.bytes.get(17)?]));
        let tcp = self.bytes.get(14 + header..14 + total)?;
        let offset = usize::from(tcp.get(12)? >> 4) * 4;
        let number = |at: usize| Some(u32::from_be_bytes(tcp.get(at..at + 4)?.try_into().ok()?));
        Some(Segment {
            source: u16::from_be_bytes([*tcp.first()?, *tcp.get(1)?]),
            sequence: number(4)?,
            acknowledged: number(8)?,
            flags: *tcp.get(13)?,
            payload: tcp.get(offset..)?,
        })
    }
}

/// A UDP datagram (RFC 768).
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Where it goes.
    pub to: SocketAddr,
    /// How many networks it may still reach.
    pub ttl: u8,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// A TCP segment (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The port it comes from.
    pub source: u16,
    /// The number of its first byte.
    pub sequence: u32,
    /// The number of the byte that is expected next.
    pub acknowledged: u32,
    /// FIN is 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// Its bytes.
    pub payload: &'a [u8],
}

impl Segment<'_> {
    /// Whether it opens a connection.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.flags & 0b1_0010 == 0b10
    }
}
