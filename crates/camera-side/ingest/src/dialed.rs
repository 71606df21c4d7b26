//! Where the camera is, by the dialer's word (`cofferdam_ingest_boot::channel`).

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use cofferdam_ingest_boot::channel::{LONGEST_ADDRESS, READY, parse_address};
use cofferdam_picture_ring::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Tells the dialer that this worker is ready, and waits for the address of the camera that took a
/// connection. The dialer limits the wait: it ends a worker that has no camera.
pub(crate) async fn address(channel: OwnedFd) -> Result<IpAddr, Fault> {
    let said = converse(channel).await.map_err(|_| Fault::WorkerSetup)?;
    parse_address(&said).ok_or(Fault::WorkerSetup)
}

async fn converse(channel: OwnedFd) -> io::Result<Vec<u8>> {
    // By fcntl: behind the lock there is no ioctl, which std would use.
    cofferdam_jail::set_nonblocking(&channel)?;
    let mut channel = UnixStream::from_std(channel.into())?;
    channel.write_all(&[READY]).await?;
    let mut said = Vec::new();
    channel.take(LONGEST_ADDRESS).read_to_end(&mut said).await?;
    Ok(said)
}
