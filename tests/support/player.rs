//! Players that are not ours, giving decoded pictures.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use cofferdam_simulator::barcode::{self, Barcode};

/// How a player fetches RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// In datagrams.
    Udp,
}

/// The players that give pictures as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// FFmpeg's command line.
    Ffmpeg,
    /// GStreamer's `rtspsrc`.
    Gstreamer,
}

/// One decoded picture: its luma plane, and when it came.
#[derive(Clone, Debug)]
pub struct Shown {
    /// `width * height` bytes.
    pub luma: Vec<u8>,
    /// When the player gave it.
    pub at: Instant,
}

/// A playing player.
pub struct Player {
    child: Child,
    pictures: Receiver<Shown>,
    /// Columns of every picture.
    pub width: usize,
    /// Rows of every picture.
    pub height: usize,
    said: Option<std::thread::JoinHandle<String>>,
}

/// What a player did until it was stopped.
#[derive(Debug)]
pub struct Ended {
    /// What it printed: nothing, unless something went wrong.
    pub said: String,
}

impl Player {
    /// Plays `url`, whose pictures must be of that size.
    ///
    /// # Panics
    /// When the player cannot be started.
    #[must_use]
    pub fn start(client: Client, transport: Transport, url: &str, size: (usize, usize)) -> Self {
        let mut command = match client {
            Client::Ffmpeg => ffmpeg(transport, url),
            Client::Gstreamer => gstreamer(transport, url),
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the player starts");
        let mut stdout = child.stdout.take().expect("standard output is piped");
        let mut stderr = child.stderr.take().expect("standard error is piped");
        let (send, pictures) = sync_channel(4096);
        let (width, height) = size;
        std::thread::spawn(move || {
            loop {
                let mut luma = vec![0; width * height];
                if stdout.read_exact(&mut luma).is_err() {
                    return;
                }
                if send.send(Shown { luma, at: Instant::now() }).is_err() {
                    return;
                }
            }
        });
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { child, pictures, width, height, said: Some(said) }
    }

    /// The next picture, within `deadline`; `None` when the player ended or none came.
    pub fn next(&self, deadline: Duration) -> Option<Shown> {
        match self.pictures.recv_timeout(deadline) {
            Ok(shown) => Some(shown),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// The barcode in a picture this player gave.
    #[must_use]
    pub fn barcode(&self, shown: &Shown) -> Option<Barcode> {
        barcode::read(&shown.luma, self.width, self.height, self.width)
    }

    /// Every barcode of the pictures that come until `count` of them were read or `deadline` has
    /// passed; pictures without one (a slate) count in the second number.
    #[must_use]
    pub fn barcodes(&self, count: usize, deadline: Duration) -> (Vec<Barcode>, usize) {
        let end = Instant::now() + deadline;
        let (mut codes, mut blank) = (Vec::new(), 0);
        while codes.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            let Some(shown) = self.next(left) else { break };
            match self.barcode(&shown) {
                Some(code) => codes.push(code),
                None => blank += 1,
            }
        }
        (codes, blank)
    }

    /// Whether the player still plays.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Stops it, and gives what it said.
    ///
    /// # Panics
    /// When its output cannot be collected.
    pub fn stop(mut self) -> Ended {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let said = self.said.take().map(|thread| thread.join().expect("the reading thread ends"));
        Ended { said: said.unwrap_or_default() }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ffmpeg(transport: Transport, url: &str) -> Command {
    let transport = match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "warning", "-fflags", "nobuffer", "-flags", "low_delay"])
        // The description says all there is to know: there is nothing to analyse for five seconds.
        .args(["-analyzeduration", "500000"])
        .args(["-threads", "1", "-rtsp_transport", transport, "-i", url, "-an"])
        .args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]);
    command
}

fn gstreamer(transport: Transport, url: &str) -> Command {
    let protocol = match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    let mut command = Command::new("gst-launch-1.0");
    command
        .args(["-q", "rtspsrc", &format!("location={url}"), &format!("protocols={protocol}")])
        .args(["latency=100", "!", "rtph264depay", "!", "h264parse", "!"])
        .args(["avdec_h264", "max-threads=1", "!", "videoconvert", "!"])
        .args(["video/x-raw,format=GRAY8", "!", "fdsink", "sync=false"]);
    command
}

/// What VLC recorded of a mount.
#[derive(Debug)]
pub struct Recorded {
    /// The recording, an MPEG transport stream.
    pub file: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

/// Lets VLC, as a user that is not root (it refuses to run as one), record `url` for a while.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn vlc_records(transport: Transport, url: &str, seconds: u32) -> Recorded {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::TempDir::with_prefix("cofferdam-vlc-").expect("a temporary folder");
    let everyone = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everyone).expect("a folder of our own");
    let file = folder.path().join("recording.ts");
    let mut words: Vec<String> = Vec::new();
    if rustix::process::geteuid().is_root() {
        words.extend(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(Into::into),
        );
    }
    words.extend(["cvlc", "--quiet", "--no-audio", "--intf", "dummy"].map(Into::into));
    if transport == Transport::Tcp {
        words.push("--rtsp-tcp".into());
    }
    words.push(format!("--sout=#std{{access=file,mux=ts,dst={}}}", file.display()));
    words.push(format!("--run-time={seconds}"));
    words.push(url.into());
    words.push("vlc://quit".into());
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("VLC starts");
    let end = Instant::now() + Duration::from_secs(u64::from(seconds) + 20);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < end {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let _ = child.kill();
    let _ = child.wait();
    Recorded { file, _folder: folder }
}

/// Every picture of a recording, decoded by FFmpeg, and what FFmpeg said about it.
///
/// # Panics
/// When FFmpeg cannot be run.
#[must_use]
pub fn decode(file: &std::path::Path, (width, height): (usize, usize)) -> (Vec<Vec<u8>>, String) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning", "-i"])
        .arg(file)
        .args(["-an", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .expect("ffmpeg runs");
    let pictures = output.stdout.chunks_exact(width * height).map(<[u8]>::to_vec).collect();
    (pictures, String::from_utf8_lossy(&output.stderr).into_owned())
}
