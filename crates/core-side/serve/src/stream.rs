//! A reader's connection: TCP, in clear or with TLS inside. Nothing here waits but [`Stream::ready`].

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConnection;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;

use crate::tls::Certificates;

/// Plain bytes that are encrypted ahead of what the kernel takes: more would hide a reader's lag.
const MAX_ENCRYPTED_AHEAD: usize = 64 << 10;
/// Looks at the socket in one read: a reader that sends records without content is not listened to for ever.
const MAX_LOOKS: usize = 16;

/// A connection that reads and writes what is at hand.
#[derive(Debug)]
pub(crate) struct Stream {
    tcp: Arc<TcpStream>,
    tls: Option<Box<Tls>>,
}

#[derive(Debug)]
struct Tls {
    session: ServerConnection,
    /// Whether bytes are decrypted that have not been read.
    has_plain: bool,
}

/// The socket as the TLS session knows it.
struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    /// A connection in clear, or with TLS where there are certificates for it.
    pub(crate) fn new(tcp: TcpStream, certificates: Option<&Certificates>) -> io::Result<Self> {
        let tls = certificates
            .map(|certificates| {
                let mut session = certificates.session().map_err(io::Error::other)?;
                session.set_buffer_limit(Some(MAX_ENCRYPTED_AHEAD));
                Ok::<_, io::Error>(Box::new(Tls { session, has_plain: false }))
            })
            .transpose()?;
        Ok(Self { tcp: Arc::new(tcp), tls })
    }

    /// The connection itself, where what is written to it goes out as it is.
    pub(crate) fn in_clear(&self) -> Option<Arc<TcpStream>> {
        self.tls.is_none().then(|| Arc::clone(&self.tcp))
    }

    /// The address that was connected to.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Waits until it can be read or written, whichever is of interest.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        if interest.is_readable() && self.tls.as_ref().is_some_and(|tls| tls.has_plain) {
            return Ok(Ready::READABLE);
        }
        self.tcp.ready(interest).await
    }

    /// Whether the handshake is not over.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.session.is_handshaking())
    }

    /// The certificate that the reader has shown, in DER, once the handshake is over.
    pub(crate) fn peer_certificate(&self) -> Option<&[u8]> {
        let session = &self.tls.as_ref()?.session;
        let shown = (!session.is_handshaking()).then(|| session.peer_certificates())??;
        shown.first().map(AsRef::as_ref)
    }

    /// Whether encrypted bytes wait for the kernel to take them.
    pub(crate) fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.session.wants_write())
    }

    /// Reads what has come; 0 at the end.
    pub(crate) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.tcp.try_read(buffer) };
        for _ in 0..MAX_LOOKS {
            match tls.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => tls.has_plain = false,
                read => {
                    tls.has_plain = read.is_ok();
                    return read;
                }
            }
            if tls.session.read_tls(&mut Socket(&self.tcp))? == 0 {
                return Ok(0);
            }
            let processed = tls.session.process_new_packets();
            // Answers of the handshake, and the alert that says why there is none.
            let _ = tls.write_out(&self.tcp);
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
        Err(ErrorKind::WouldBlock.into())
    }

    /// Writes as much as the kernel takes, or a little more where it is encrypted first.
    pub(crate) fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.tcp.try_write_vectored(slices) };
        tls.write_out(&self.tcp)?;
        let taken = tls.session.writer().write_vectored(slices)?;
        match tls.write_out(&self.tcp) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ if taken == 0 => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(taken),
        }
    }

    /// Gives the kernel what is encrypted and waits; `WouldBlock` when it does not take all.
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.write_out(&self.tcp))
    }

    /// Says that no more will come.
    pub(crate) fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.session.send_close_notify();
            // The end of the connection tells the same.
            let _ = tls.write_out(&self.tcp);
        }
    }
}

impl Tls {
    fn write_out(&mut self, tcp: &TcpStream) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut Socket(tcp))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}
