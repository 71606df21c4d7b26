//! A TCP relay that holds back what comes from the far end: the control of every latency.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Starts a relay to `target` and gives its address. It runs until the process ends.
///
/// What the target sends is passed on `hold` after it came; the other direction is not held.
pub(crate) fn start(target: SocketAddr, hold: Duration) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if let Ok(server) = TcpStream::connect(target) {
                // A connection that fails here is one that its client sees fail.
                let _ = connect(client, server, hold);
            }
        }
    });
    Ok(address)
}

fn connect(client: TcpStream, server: TcpStream, hold: Duration) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (to_client, to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || pass(client, to_server, Duration::ZERO));
    std::thread::spawn(move || pass(server, to_client, hold));
    Ok(())
}

fn pass(mut from: TcpStream, mut to: TcpStream, hold: Duration) {
    let (sender, held): (_, Receiver<(Instant, Vec<u8>)>) = channel();
    std::thread::spawn(move || {
        for (due, bytes) in held {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        if sender.send((Instant::now() + hold, chunk[..read].to_vec())).is_err() {
            return;
        }
    }
}
