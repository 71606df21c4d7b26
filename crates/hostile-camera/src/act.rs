//! What a hostile camera does on a connection, one thing after the other.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;

/// Stands in an [`Act::Answer`] where the `CSeq` of the request that was heard last belongs.
pub(crate) const CSEQ: &str = "{cseq}";
/// Stands in an [`Act::Answer`] where the address of another host belongs.
pub(crate) const ELSEWHERE: &str = "{elsewhere}";

/// Stands in the head of an [`Act::Answer`] where the line with its body's length belongs.
pub(crate) const LENGTH: &str = "{length}";

/// Makes the bytes of a stream: those of its picture, or whatever is in its place, of that number.
pub(crate) type Make = Arc<dyn Fn(u32) -> Vec<u8> + Send + Sync>;

/// One thing that a camera does.
#[derive(Clone)]
pub enum Act {
    /// Waits for a request to end.
    Hear,
    /// Answers the request that was heard last, by its number: with this head, and this body.
    Answer(String, String),
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Sends these bytes one by one, with that much time between them.
    Dribble(Vec<u8>, Duration),
    /// Sends these bytes over and over, until nobody takes them.
    Repeat(Vec<u8>),
    /// Sends what is made, with that much time between two, until nobody takes it.
    Stream(Duration, Make),
    /// The same, that many times.
    Times(u32, Duration, Make),
    /// Sends these bytes as a datagram to where its connection comes from.
    Datagram(Vec<u8>),
    /// Says that it will send nothing more, and listens on.
    HalfClose,
    /// Closes the connection.
    Close,
    /// Ends the connection with a reset.
    Reset,
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hear => "Hear",
            Self::Answer(..) => "Answer",
            Self::Say(_) => "Say",
            Self::Dribble(..) => "Dribble",
            Self::Repeat(_) => "Repeat",
            Self::Stream(..) => "Stream",
            Self::Times(..) => "Times",
            Self::Datagram(_) => "Datagram",
            Self::HalfClose => "HalfClose",
            Self::Close => "Close",
            Self::Reset => "Reset",
        })
    }
}

/// What is known on a connection.
pub(crate) struct Stage {
    pub(crate) stream: TcpStream,
    pub(crate) elsewhere: String,
    /// Everything the other side said.
    pub(crate) heard: Vec<u8>,
    /// Where the request begins that was not heard yet.
    next: usize,
    cseq: String,
}

impl Stage {
    pub(crate) const fn new(stream: TcpStream, elsewhere: String) -> Self {
        Self { stream, elsewhere, heard: Vec::new(), next: 0, cseq: String::new() }
    }

    /// Does all of `acts`, then listens until the other side closes.
    ///
    /// # Errors
    /// When the other side is gone.
    pub(crate) fn play(&mut self, acts: &[Act]) -> io::Result<()> {
        for act in acts {
            match act {
                Act::Hear => self.hear()?,
                Act::Answer(head, body) => {
                    let body = self.filled_in(body);
                    let length = match body.len() {
                        0 => String::new(),
                        length => format!("Content-Length: {length}\r\n"),
                    };
                    let head = self.filled_in(head).replace(LENGTH, &length);
                    self.stream.write_all(format!("{head}{body}").as_bytes())?;
                }
                Act::Say(bytes) => self.stream.write_all(bytes)?,
                Act::Dribble(bytes, pause) => {
                    for byte in bytes {
                        self.stream.write_all(&[*byte])?;
                        self.listen_for(*pause)?;
                    }
                }
                Act::Repeat(bytes) => loop {
                    self.stream.write_all(bytes)?;
                },
                Act::Stream(pause, make) => self.stream_out(0..=u32::MAX, *pause, make)?,
                Act::Times(count, pause, make) => self.stream_out(1..=*count, *pause, make)?,
                Act::Datagram(bytes) => {
                    let socket = UdpSocket::bind((self.stream.local_addr()?.ip(), 0))?;
                    socket.send_to(bytes, self.stream.peer_addr()?)?;
                }
                Act::HalfClose => self.stream.shutdown(Shutdown::Write)?,
                Act::Close => return Ok(()),
                Act::Reset => {
                    sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO))?;
                    return Ok(());
                }
            }
        }
        self.stream.set_read_timeout(None)?;
        self.stream.read_to_end(&mut self.heard).map(drop)
    }

    fn filled_in(&self, text: &str) -> String {
        text.replace(CSEQ, &self.cseq).replace(ELSEWHERE, &self.elsewhere)
    }

    fn stream_out(
        &mut self,
        numbers: impl Iterator<Item = u32>,
        pause: Duration,
        make: &Make,
    ) -> io::Result<()> {
        for number in numbers {
            self.stream.write_all(&make(number))?;
            self.listen_for(pause)?;
        }
        Ok(())
    }

    /// Lets that much time pass, unless the other side goes. What it says meanwhile is kept.
    fn listen_for(&mut self, pause: Duration) -> io::Result<()> {
        if pause.is_zero() {
            return Ok(());
        }
        self.stream.set_read_timeout(Some(pause))?;
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.heard.extend_from_slice(&bytes[..length]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn hear(&mut self) -> io::Result<()> {
        self.stream.set_read_timeout(None)?;
        let mut bytes = [0; 4096];
        loop {
            let rest = &self.heard[self.next..];
            if let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
                let request = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.next += end + 4;
                let number = request.lines().find_map(|line| line.strip_prefix("CSeq:"));
                number.unwrap_or_default().trim().clone_into(&mut self.cseq);
                return Ok(());
            }
            match self.stream.read(&mut bytes)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                length => self.heard.extend_from_slice(&bytes[..length]),
            }
        }
    }
}
