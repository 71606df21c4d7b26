//! VLC's command line, and what Debian's build of it needs to open an RTSP URL.
//!
//! VLC's RTSP client is its live555 plugin, which Debian has not built since VLC 3.0.12-2 (Debian bug
//! 981439): by itself, that VLC opens no RTSP URL of any server. It still has libavformat, whose RTSP
//! client it uses when told to, once something else has opened the URL as a stream of bytes. Debian's
//! build tries its SAT>IP module on such URLs, so a [`Door`] stands before the gateway: it satisfies
//! that module, which comes first, and passes every later connection on, byte for byte. What VLC
//! does from there is its own: demultiplexing, timing, decoding. Where VLC has live555, it gets the
//! gateway's URL and no door.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::player::Transport;

/// Nobody's user number: VLC refuses to run as root.
const NOBODY: &str = "65534";

/// VLC playing `url` to its standard output: I420, picture after picture.
///
/// # Panics
/// When the URL is not that of a mount.
pub(crate) fn command(transport: Transport, url: &str, home: &Path) -> (Command, Option<Door>) {
    let mut words: Vec<String> = Vec::new();
    if rustix::process::geteuid().is_root() {
        let as_nobody = [
            "setpriv",
            &format!("--reuid={NOBODY}"),
            &format!("--regid={NOBODY}"),
            "--clear-groups",
        ];
        words.extend(as_nobody.map(Into::into));
    }
    words.extend(["vlc", "--intf=dummy", "--no-dbus", "--no-audio"].map(Into::into));
    // Whatever comes late is decoded all the same: it is the gateway that is judged.
    words.extend(["--no-drop-late-frames", "--no-skip-frames"].map(Into::into));
    words.extend(["--avcodec-hw=none", "--network-caching=500"].map(Into::into));
    words.push("--sout=#transcode{vcodec=I420}:std{access=file,mux=dummy,dst=-}".into());
    let door = if has_live555() {
        if transport == Transport::Tcp {
            words.push("--rtsp-tcp".into());
        }
        words.push(url.into());
        None
    } else {
        let account = url.strip_prefix("rtsp://").and_then(|rest| rest.split_once('@'));
        let (account, plain) = account
            .map_or((String::new(), url.to_owned()), |(account, rest)| {
                (format!("{account}@"), format!("rtsp://{rest}"))
            });
        let (gateway, path) = parts(&plain).expect("a mount's URL");
        let door = Door::open(gateway, transport);
        words.extend(["--demux=avformat", "--avformat-format=rtsp"].map(Into::into));
        words.push(format!("rtsp://{account}{}/{path}", door.address));
        Some(door)
    };
    words.push("vlc://quit".into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env("HOME", home);
    (command, door)
}

fn has_live555() -> bool {
    let output = Command::new("sh")
        .args(["-c", "ls /usr/lib/*/vlc/plugins/access /usr/lib/vlc/plugins/access"])
        .stderr(Stdio::null())
        .output()
        .expect("the shell runs");
    String::from_utf8_lossy(&output.stdout).contains("live555")
}

fn parts(url: &str) -> Option<(SocketAddr, &str)> {
    let (address, path) = url.strip_prefix("rtsp://")?.split_once('/')?;
    Some((address.parse().ok()?, path))
}

/// A listener before a gateway, for one VLC.
#[derive(Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    fn open(gateway: SocketAddr, transport: Transport) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let closed = Arc::new(AtomicBool::new(false));
        let closing = Arc::clone(&closed);
        let thread = std::thread::spawn(move || {
            let mut first = true;
            for client in listener.incoming().flatten() {
                if closing.load(Ordering::SeqCst) {
                    return;
                }
                if std::mem::replace(&mut first, false) {
                    std::thread::spawn(move || satisfy(client));
                } else if let Ok(server) = TcpStream::connect(gateway) {
                    pass_on(client, server, transport);
                }
            }
        });
        Self { address, closed, thread: Some(thread) }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers the SAT>IP module as a receiver would, and gives it a few packets of nothing.
fn satisfy(mut client: TcpStream) {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) else { return };
    let Ok(from) = socket.local_addr() else { return };
    let mut port = 0;
    while let Some(request) = request(&mut client) {
        let sequence = header(&request, "CSeq:").unwrap_or("0");
        let mut answer = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nSession: 1\r\n");
        if let Some(ports) = request.split("client_port=").nth(1) {
            port = ports.split('-').next().and_then(|p| p.parse::<u16>().ok()).unwrap_or(0);
            let (rtp, rtcp, own) = (port, port.wrapping_add(1), from.port());
            answer += &format!(
                "Transport: RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={own}-{own}\r\n"
            );
        }
        if client.write_all(format!("{answer}\r\n").as_bytes()).is_err() {
            return;
        }
        if request.starts_with("PLAY") {
            for sequence in 1..=8 {
                let mut packet = vec![0; 12 + 7 * 188];
                packet[..4].copy_from_slice(&[0x80, 33, 0, sequence]);
                let _ = socket.send_to(&packet, (Ipv4Addr::LOCALHOST, port));
            }
        }
    }
}

/// Carries a connection between VLC and the gateway. libavformat asks for UDP first and has no option
/// here that would change that, so for TCP the answer to its first SETUP is that UDP is not to be had.
fn pass_on(client: TcpStream, server: TcpStream, transport: Transport) {
    let (Ok(mut client_out), Ok(mut server_out)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let (mut client, mut server) = (client, server);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut server, &mut client_out);
        let _ = client_out.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            let bytes = &buffer[..length];
            let text = String::from_utf8_lossy(bytes);
            let refused = transport == Transport::Tcp
                && text.starts_with("SETUP")
                && !text.contains("RTP/AVP/TCP");
            let written = if refused {
                let sequence = header(&text, "CSeq:").unwrap_or("0");
                let answer =
                    format!("RTSP/1.0 461 Unsupported Transport\r\nCSeq: {sequence}\r\n\r\n");
                client.write_all(answer.as_bytes())
            } else {
                server_out.write_all(bytes)
            };
            if written.is_err() {
                break;
            }
        }
        let _ = server_out.shutdown(Shutdown::Both);
    });
}

/// The next request, whole; these have no bodies.
fn request(client: &mut TcpStream) -> Option<String> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        if !matches!(client.read(&mut byte), Ok(1)) || text.len() > 4096 {
            return None;
        }
        text.push(byte[0]);
    }
    String::from_utf8(text).ok()
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
