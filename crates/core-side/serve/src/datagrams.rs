//! RTP and RTCP as datagrams: one pair of sockets for all readers.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cofferdam_publish::Unit;
use cofferdam_rtp::rtcp::{self, Incoming};
use cofferdam_rtsp::{MalformedReason, PortPair};
use quinn_udp::{Transmit, UdpSocketState};
use rustix::net::sockopt;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::metrics::ServeMetrics;
use crate::sockets;

/// The most that one call hands to the kernel for segmentation: it must fit an IP packet.
const MAX_RUN_BYTES: usize = 60_000;
/// Packets sent in a row, and the pause after them. A receive buffer of the kernel's default size
/// takes about ninety; at this pace, some 300 Mb/s, it is emptied meanwhile.
const BURST: usize = 32;
/// The same in bytes: parameter sets, in a small packet of their own, take nothing from it.
const BURST_BYTES: usize = BURST * 1408;
/// The pause after a burst.
pub(crate) const BURST_GAP: Duration = Duration::from_millis(1);
/// Compound RTCP packets of a receiver are far shorter.
const MAX_RTCP: usize = 2048;
/// How long to wait after a failed receive.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);
/// Reports of one reader that may wait; more than that are dropped.
const FEEDBACK_QUEUE: usize = 8;

/// The sockets that serve all readers over UDP.
#[derive(Debug)]
pub(crate) struct Datagrams {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    state: UdpSocketState,
    ports: PortPair,
    listeners: Arc<Mutex<Listeners>>,
}

#[derive(Debug, Default)]
struct Listeners {
    by_address: HashMap<SocketAddr, (u64, mpsc::Sender<Incoming>)>,
    next: u64,
}

/// Where one reader's packets go, and where they are to come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination {
    pub(crate) rtp: SocketAddr,
    pub(crate) rtcp: SocketAddr,
    /// Our address that the reader connected to: its firewall expects packets from there.
    pub(crate) source: Option<IpAddr>,
}

/// What a reader says over RTCP. Dropping it stops listening.
#[derive(Debug)]
pub(crate) struct Feedback {
    reports: mpsc::Receiver<Incoming>,
    listeners: Arc<Mutex<Listeners>>,
    address: SocketAddr,
    number: u64,
}

/// How far a unit has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The first packet that is still to be sent: the number of packets where all are.
    pub(crate) next: usize,
    /// The kernel takes no more at present, or not in this way.
    pub(crate) blocked: bool,
}

impl Datagrams {
    /// Sockets on the address of `address`, on ports that the kernel chooses.
    pub(crate) fn bind(address: SocketAddr, interface: Option<&str>) -> io::Result<Self> {
        let (rtp, rtcp) = sockets::datagram_pair(address, interface)?;
        Self::over(rtp, rtcp)
    }

    /// The sockets that are to send RTP and RTCP.
    pub(crate) fn over(rtp: UdpSocket, rtcp: UdpSocket) -> io::Result<Self> {
        let ports = PortPair { rtp: rtp.local_addr()?.port(), rtcp: rtcp.local_addr()?.port() };
        let state = UdpSocketState::new((&rtp).into())?;
        // The line above forbids fragmentation, as QUIC needs it. A tunnel narrower than our packets
        // must get fragments rather than nothing.
        sockopt::set_ip_mtu_discover(&rtp, sockopt::Ipv4PathMtuDiscovery::WANT)?;
        Ok(Self { rtp, rtcp, state, ports, listeners: Arc::default() })
    }

    pub(crate) const fn ports(&self) -> PortPair {
        self.ports
    }

    /// Sends the packets of a unit from `packet` on, each as a datagram, in as few calls as the kernel
    /// allows, and with pauses that let an ordinary receive buffer take a large key frame.
    pub(crate) async fn send_unit(
        &self,
        unit: &Unit,
        packet: usize,
        to: &Destination,
    ) -> io::Result<()> {
        let mut next = packet;
        // What comes before has only just been sent.
        let mut pause = packet > 0;
        while next < unit.packets.packet_count() {
            if std::mem::replace(&mut pause, true) {
                sleep(BURST_GAP).await;
            }
            for run in self.burst(unit, next) {
                let (datagrams, segment) = unit.datagrams(run.clone());
                match self.send(&self.rtp, datagrams, Some(segment), to.rtp, to.source).await {
                    Err(_) if self.cannot_segment(&run) => {
                        for packet in unit.packets.packets().take(run.end).skip(run.start) {
                            self.send(&self.rtp, packet, None, to.rtp, to.source).await?;
                        }
                    }
                    sent => sent?,
                }
                next = run.end;
            }
        }
        Ok(())
    }

    /// Sends what of a unit, from `packet` on, can be sent at once and without a pause.
    pub(crate) fn try_send_burst(
        &self,
        unit: &Unit,
        packet: usize,
        to: &Destination,
    ) -> io::Result<Progress> {
        let mut next = packet;
        for run in self.burst(unit, packet) {
            let (datagrams, segment) = unit.datagrams(run.clone());
            let transmit = transmit(datagrams, Some(segment), to.rtp, to.source);
            let attempt = self
                .rtp
                .try_io(Interest::WRITABLE, || self.state.try_send((&self.rtp).into(), &transmit));
            match attempt {
                Ok(()) => next = run.end,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress { next, blocked: true });
                }
                Err(_) if self.cannot_segment(&run) => {
                    return Ok(Progress { next, blocked: true });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Progress { next, blocked: false })
    }

    /// The runs, from `packet` on, between which there need be no pause.
    fn burst(&self, unit: &Unit, packet: usize) -> impl Iterator<Item = Range<usize>> {
        let mut bytes = 0;
        self.runs(unit, packet).take_while(move |run| {
            let first = bytes == 0;
            bytes += unit.packets.unframed_run(run.clone()).0.len();
            first || bytes <= BURST_BYTES
        })
    }

    /// The packets from one on, as runs that one call takes.
    fn runs(&self, unit: &Unit, packet: usize) -> impl Iterator<Item = Range<usize>> {
        let packets = &unit.packets;
        let largest = packets.packets().map(<[u8]>::len).max().unwrap_or(1).max(1);
        let most = self.state.max_gso_segments().min(MAX_RUN_BYTES / largest).min(BURST);
        packets.runs(most).skip_while(move |run| run.start < packet)
    }

    /// Whether a run failed because the network device cannot segment: this is how the kernel says so.
    fn cannot_segment(&self, run: &Range<usize>) -> bool {
        run.len() > 1 && self.state.max_gso_segments() == 1
    }

    /// Sends one compound RTCP packet.
    pub(crate) async fn send_rtcp(&self, packet: &[u8], to: &Destination) -> io::Result<()> {
        self.send(&self.rtcp, packet, None, to.rtcp, to.source).await
    }

    /// Sends one compound RTCP packet if that can be done at once.
    pub(crate) fn try_send_rtcp(&self, packet: &[u8], to: &Destination) -> io::Result<()> {
        let transmit = transmit(packet, None, to.rtcp, to.source);
        self.state.try_send((&self.rtcp).into(), &transmit)
    }

    async fn send(
        &self,
        socket: &UdpSocket,
        contents: &[u8],
        segment: Option<usize>,
        to: SocketAddr,
        source: Option<IpAddr>,
    ) -> io::Result<()> {
        let transmit = transmit(contents, segment, to, source);
        socket.async_io(Interest::WRITABLE, || self.state.try_send(socket.into(), &transmit)).await
    }

    /// Listens for what the reader at `address` says.
    pub(crate) fn listen(&self, address: SocketAddr) -> Feedback {
        let (sender, reports) = mpsc::channel(FEEDBACK_QUEUE);
        let mut listeners = lock(&self.listeners);
        listeners.next += 1;
        let number = listeners.next;
        listeners.by_address.insert(address, (number, sender));
        drop(listeners);
        Feedback { reports, listeners: Arc::clone(&self.listeners), address, number }
    }

    /// Hands every RTCP packet that arrives to whoever listens for its sender. Never returns.
    pub(crate) async fn receive(&self, metrics: &ServeMetrics) {
        loop {
            let (from, incoming) = self.next_report(metrics).await;
            if let Some((_, listener)) = lock(&self.listeners).by_address.get(&from) {
                // A reader that reports faster than it is heard is heard less often.
                let _ = listener.try_send(incoming);
            }
        }
    }

    /// The next RTCP packet that arrives, and who sent it; what is none is counted. Cancel-safe.
    pub(crate) async fn next_report(&self, metrics: &ServeMetrics) -> (SocketAddr, Incoming) {
        let mut buffer = [0; MAX_RTCP];
        loop {
            match self.rtcp.recv_from(&mut buffer).await {
                Ok((length, from)) => match rtcp::parse(&buffer[..length]) {
                    Ok(incoming) => return (from, incoming),
                    Err(_) => metrics.malformed(MalformedReason::Rtcp),
                },
                // Nothing is known that fails for long, but then it must not spin.
                Err(_) => sleep(RECEIVE_PAUSE).await,
            }
        }
    }
}

impl Feedback {
    /// The next compound packet. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Incoming {
        match self.reports.recv().await {
            Some(incoming) => incoming,
            // Another session of the same reader took the address over.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Feedback {
    fn drop(&mut self) {
        let mut listeners = lock(&self.listeners);
        if listeners.by_address.get(&self.address).is_some_and(|(n, _)| *n == self.number) {
            listeners.by_address.remove(&self.address);
        }
    }
}

const fn transmit(
    contents: &[u8],
    segment_size: Option<usize>,
    destination: SocketAddr,
    src_ip: Option<IpAddr>,
) -> Transmit<'_> {
    Transmit { destination, ecn: None, contents, segment_size, src_ip }
}

fn lock(listeners: &Mutex<Listeners>) -> MutexGuard<'_, Listeners> {
    listeners.lock().unwrap_or_else(PoisonError::into_inner)
}
