//! The least that serves the film: one call to the kernel for each reader and access unit, and nothing
//! besides. What a server costs beyond that is its own doing, as far as one round can be told from the next.
//!
//! A reader connects and says on a line at which UDP port it listens, or 0 to be sent to in the connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use cofferdam_picture::MonotonicTime;
use cofferdam_publish::verified_nal_units;
use cofferdam_rtp::{
    H264Packetizer, PacketLimit, PacketizedUnit, PayloadType, RtpTimestamp, SequenceNumber, Ssrc,
    Stream,
};
use quinn_udp::{Transmit, UdpSocketState};

use crate::film::{self, FilmUnit, RATE};
use crate::options::Serve;
use crate::stamp::Stamp;

/// What stands in front of the address that a reader is given.
pub(crate) const SCHEME: &str = "bare://";
/// One datagram of IP takes no more.
const MOST_AT_ONCE: usize = 60_000;

struct Readers {
    connections: Vec<TcpStream>,
    /// A datagram reader's connection is held open, for it would end otherwise.
    datagrams: Vec<(SocketAddr, TcpStream)>,
}

/// Serves until standard input ends. Prints where.
pub(crate) fn run(options: &Serve) -> anyhow::Result<()> {
    let film = film::read(&options.film)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("listening {}", listener.local_addr()?.port());
    listener.set_nonblocking(true)?;
    let watched = Arc::new(());
    let parent = Arc::downgrade(&watched);
    std::thread::spawn(move || {
        let _ = io::stdin().read(&mut [0]);
        drop(watched);
    });
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let segmenting = UdpSocketState::new((&socket).into())?;

    let mut packetizer = packetizer()?;
    let mut readers = Readers { connections: Vec::new(), datagrams: Vec::new() };
    let begin = Instant::now();
    let period = Duration::from_secs(1) / RATE;
    for (number, unit) in (0..).zip(film.iter().cycle()) {
        if parent.strong_count() == 0 {
            break;
        }
        std::thread::sleep((begin + period * number).saturating_duration_since(Instant::now()));
        readers.accept(&listener)?;
        let packets = packets(&mut packetizer, unit, number)?;
        readers.connections.retain_mut(|reader| reader.write_all(packets.framed()).is_ok());
        let datagrams = packets.unframed();
        let segment = packets.packets().map(<[u8]>::len).max().unwrap_or(1);
        for (to, _) in &readers.datagrams {
            for run in packets.runs((MOST_AT_ONCE / segment).min(segmenting.max_gso_segments())) {
                let (range, size) = packets.unframed_run(run);
                segmenting.try_send(
                    (&socket).into(),
                    &Transmit {
                        destination: *to,
                        ecn: None,
                        contents: &datagrams[range],
                        segment_size: Some(size),
                        src_ip: None,
                    },
                )?;
            }
        }
    }
    Ok(())
}

impl Readers {
    fn accept(&mut self, listener: &TcpListener) -> anyhow::Result<()> {
        while let Ok((connection, _)) = listener.accept() {
            connection.set_nonblocking(false)?;
            connection.set_nodelay(true)?;
            let mut line = String::new();
            BufReader::new(&connection).read_line(&mut line)?;
            match line.trim().parse()? {
                0 => self.connections.push(connection),
                port => self.datagrams.push(((Ipv4Addr::LOCALHOST, port).into(), connection)),
            }
        }
        Ok(())
    }
}

fn packetizer() -> anyhow::Result<H264Packetizer> {
    let stream = Stream { ssrc: Ssrc::new(1), payload_type: PayloadType::DYNAMIC };
    Ok(H264Packetizer::new(stream, SequenceNumber::new(0), PacketLimit::default()))
}

fn packets(
    packetizer: &mut H264Packetizer,
    unit: &FilmUnit,
    number: u32,
) -> anyhow::Result<PacketizedUnit> {
    let mut bytes = unit.bytes.clone();
    Stamp { number, nanos: MonotonicTime::now().as_nanos() }.write_to(&mut bytes);
    let units = verified_nal_units(&bytes, unit.key, bytes.len())?;
    ensure!(!units.is_empty(), "unit {number} is empty");
    Ok(packetizer.packetize(RtpTimestamp::new(number.wrapping_mul(90_000 / RATE)), &units))
}
