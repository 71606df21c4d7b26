//! Players that are not ours, giving decoded pictures.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cofferdam_simulator::barcode::{self, Barcode};
use tempfile::TempDir;

use crate::{programs, python, retina_reader, vlc};

/// How a player fetches RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// In datagrams.
    Udp,
    /// Interleaved, within HTTP; not with VLC, which has no option for it alone, nor with retina.
    Http,
}

impl Transport {
    /// libavformat's name for it, in its option `rtsp_transport`.
    pub(crate) const fn rtsp_transport(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
        }
    }
}

/// The players that give pictures as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// FFmpeg's command line.
    Ffmpeg,
    /// GStreamer's `rtspsrc`.
    Gstreamer,
    /// VLC.
    Vlc,
    /// OpenCV's `VideoCapture`, in Python.
    OpenCv,
    /// `PyAV`.
    PyAv,
    /// The crate retina, in this process; what it gives is decoded by FFmpeg.
    Retina,
}

impl Client {
    /// Those that are programs of the host.
    pub const PROGRAMS: [Self; 3] = [Self::Ffmpeg, Self::Gstreamer, Self::Vlc];
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ffmpeg, Self::Gstreamer, Self::Vlc, Self::OpenCv, Self::PyAv, Self::Retina];

    /// Whether this host has it. Where it has not, says which test goes without.
    #[must_use]
    pub fn is_here(self, test: &str) -> bool {
        match self {
            Self::Ffmpeg | Self::Retina => programs::has("ffmpeg", test),
            Self::Gstreamer => programs::has("gst-launch-1.0", test),
            Self::Vlc => programs::has("vlc", test),
            Self::OpenCv | Self::PyAv => python::is_here(test),
        }
    }

    /// The bytes that follow each luma plane of that size. GStreamer and VLC give I420: on the way to
    /// grey they would stretch the range of the samples.
    const fn chroma(self, luma: usize) -> usize {
        match self {
            Self::Ffmpeg | Self::OpenCv | Self::PyAv | Self::Retina => 0,
            Self::Gstreamer | Self::Vlc => luma / 2,
        }
    }
}

/// What players say though nothing is wrong; everything else they say is a complaint.
pub(crate) const HARMLESS: [&str; 13] = [
    // VLC, looking for a way from each format its decoder might give to grey: most are none.
    "chain filter error: Too high level of recursion",
    "main filter error: Failed to create video converter",
    "main stream out error: Failed to create video converter",
    // VLC, offering options of real encoders to the one that only copies pictures.
    "avcodec encoder error: Unknown option",
    // VLC without a desktop.
    "vlcpulse audio output error: PulseAudio server connection failure",
    "main interface error: no suitable interface module",
    "interface \"globalhotkeys,none\" initialization failed",
    "dummy interface: using the dummy interface module",
    // VLC, naming the two modules that were asked for.
    "dummy mux: Open",
    "idummy demux: command `quit'",
    // VLC's libavformat, told by the door that UDP is not to be had.
    "method SETUP failed: 461 Unsupported Transport",
    // FFmpeg's libraries, looking for two ports that nobody has by trying some.
    "bind failed: Address already in use",
    // The decoder, which is not to wait for more pictures to tell their rate from.
    "not enough frames to estimate rate",
];

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
    // What its part in this process said.
    beside: Arc<Mutex<String>>,
    // VLC's, both.
    _door: Option<vlc::Door>,
    _home: Option<TempDir>,
}

/// What a player did until it was stopped.
#[derive(Debug)]
pub struct Ended {
    /// What it printed.
    pub said: String,
}

impl Ended {
    /// The lines that tell of something gone wrong.
    #[must_use]
    pub fn complaints(&self) -> Vec<&str> {
        let lines = self.said.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.filter(|line| !HARMLESS.iter().any(|harmless| line.contains(harmless))).collect()
    }
}

impl Player {
    /// Plays `url`, whose pictures must be of that size.
    ///
    /// # Panics
    /// When the player cannot be started.
    #[must_use]
    pub fn start(client: Client, transport: Transport, url: &str, size: (usize, usize)) -> Self {
        let (mut door, mut home) = (None, None);
        let mut command_stdin = Stdio::null();
        let mut command = match client {
            Client::Ffmpeg => ffmpeg(transport, url),
            Client::Gstreamer => gstreamer(transport, url),
            Client::Vlc => {
                let folder = everyones_folder();
                let (command, before) = vlc::command(transport, url, folder.path());
                (door, home) = (before, Some(folder));
                command
            }
            Client::OpenCv => python::command("opencv.py", transport, url),
            Client::PyAv => python::command("pyav.py", transport, url),
            Client::Retina => {
                command_stdin = Stdio::piped();
                decoder()
            }
        };
        let mut child = command
            .stdin(command_stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the player starts");
        let mut stdout = child.stdout.take().expect("standard output is piped");
        let mut stderr = child.stderr.take().expect("standard error is piped");
        let (send, pictures) = sync_channel(4096);
        let (width, height) = size;
        let mut chroma = vec![0; client.chroma(width * height)];
        std::thread::spawn(move || {
            loop {
                let mut luma = vec![0; width * height];
                if stdout.read_exact(&mut luma).is_err() || stdout.read_exact(&mut chroma).is_err()
                {
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
        let beside = Arc::default();
        if let Some(stdin) = child.stdin.take() {
            retina_reader::start(transport, url, stdin, &beside);
        }
        Self { child, pictures, width, height, said: Some(said), beside, _door: door, _home: home }
    }

    /// The next picture, within `deadline`; `None` when the player ended or none came.
    pub fn next(&self, deadline: Duration) -> Option<Shown> {
        self.pictures.recv_timeout(deadline).ok()
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
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ended { said: said.unwrap_or_default() + &beside }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that VLC can write to as well when it runs as another user.
fn everyones_folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::with_prefix("cofferdam-vlc-").expect("a temporary folder");
    let everyone = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(folder.path(), everyone).expect("a folder of our own");
    folder
}

fn ffmpeg(transport: Transport, url: &str) -> Command {
    let transport = transport.rtsp_transport();
    let mut command = Command::new("ffmpeg");
    command
        .args(["-nostdin", "-v", "warning", "-flags", "low_delay"])
        // The description says all there is to know: there is nothing to analyse for five seconds.
        .args(["-analyzeduration", "500000"])
        .args(["-threads", "1", "-rtsp_transport", transport, "-i", url, "-an"])
        .args(LUMA);
    command
}

/// What makes FFmpeg write luma planes.
pub(crate) const LUMA: [&str; 9] = [
    // As they were decoded, as the other players give them.
    "-vf",
    "extractplanes=y",
    "-fps_mode",
    "passthrough",
    // As fine as RTP's: pictures less than a tick apart, as where a slate ends, are no mistake.
    "-enc_time_base",
    "1:90000",
    "-f",
    "rawvideo",
    "-",
];

/// FFmpeg, as no more than a decoder of the access units on its standard input.
fn decoder() -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "warning", "-flags", "low_delay", "-analyzeduration", "0", "-probesize", "32"])
        .args(["-threads", "1", "-f", "h264", "-i", "-"])
        .args(LUMA);
    command
}

fn gstreamer(transport: Transport, url: &str) -> Command {
    let protocol = match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
        Transport::Http => "tcp+http",
    };
    // It takes the way from the scheme.
    let url = match transport {
        Transport::Http => url.replace("rtsp://", "rtsph://"),
        Transport::Tcp | Transport::Udp => url.to_owned(),
    };
    // No authority vouches for a certificate of a test's own.
    let trust = url.starts_with("rtsps://").then_some("tls-validation-flags=0");
    let mut command = Command::new("gst-launch-1.0");
    command
        .args(["-q", "rtspsrc", &format!("location={url}"), &format!("protocols={protocol}")])
        .args(trust)
        .args(["latency=100", "!", "rtph264depay", "!", "h264parse", "!"])
        .args(["avdec_h264", "max-threads=1", "!", "videoconvert", "!"])
        .args(["video/x-raw,format=I420", "!", "fdsink", "sync=false"]);
    command
}
