//! A camera we did not write: GStreamer's RTSP server library, from Python.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

use crate::skip::{Need, skip};

/// Debian's own Python: its GStreamer bindings are for no other.
const PYTHON: &str = "/usr/bin/python3";

/// A running camera of GStreamer's making.
pub struct ForeignCamera {
    child: Child,
    port: u16,
    // It runs until this closes.
    _stdin: ChildStdin,
    // Holds what it serves, where that had to be made first.
    folder: Option<TempDir>,
}

/// Whether Python and the library are there. Where they are not, says which test goes without.
#[must_use]
pub fn available(test: &str) -> bool {
    let script = "import gi; gi.require_version('GstRtspServer', '1.0'); \
                  from gi.repository import GstRtspServer";
    let found = Command::new(PYTHON)
        .args(["-c", script])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        skip(Need::Programs, test, "gir1.2-gst-rtsp-server-1.0 is not installed");
    }
    found
}

impl ForeignCamera {
    /// Serves a GStreamer launch line whose payloader is called `pay0`, on that port of loopback (0
    /// for any), to anyone or to those who know the account's user and password (Digest).
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn launch(port: u16, line: &str, account: Option<(&str, &str)>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/foreign_camera.py");
        let mut command = Command::new(PYTHON);
        command.arg(script).arg(port.to_string()).arg(line);
        if let Some((user, _)) = account {
            command.arg(user);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let mut stdin = child.stdin.take().expect("standard input is piped");
        if let Some((_, password)) = account {
            writeln!(stdin, "{password}").expect("the camera reads its password");
        }
        let stdout = child.stdout.take().expect("standard output is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the camera prints its port");
        let port = line.trim().parse().expect("the camera prints its port");
        Self { child, port, _stdin: stdin, folder: None }
    }

    /// Serves the video of a file, whose name tells its codec, once through for each client; where,
    /// and to whom, as [`launch`](Self::launch).
    ///
    /// # Panics
    /// When the file's kind is not one of the footage's.
    #[must_use]
    pub fn film(port: u16, file: &Path, account: Option<(&str, &str)>) -> Self {
        let name = file.file_name().and_then(|n| n.to_str()).expect("a file name");
        let kind = name.rsplit_once('.').map(|(_, kind)| kind);
        let (folder, path) = match kind {
            // A bare bit stream has no times for GStreamer to serve it by: 25 pictures a second.
            Some("h264") => remade(file, "mp4", &["-r", "25"], &["-c", "copy"]),
            // RTP carries JPEG without Huffman tables (RFC 2435 section 3.1.8): those of the standard
            // are meant, and GStreamer does not look whether a picture uses them. This one does not.
            Some("mov") => remade(
                file,
                "mov",
                &[],
                &["-an", "-c:v", "mjpeg", "-huffman", "default", "-q:v", "2"],
            ),
            _ => (None, file.to_owned()),
        };
        let parser = match kind {
            Some("mov") => "jpegparse ! rtpjpegpay name=pay0 pt=26",
            Some("mp4") if name.contains("h265") => {
                "h265parse config-interval=-1 ! rtph265pay name=pay0 pt=96"
            }
            Some("mp4" | "h264") => "h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96",
            _ => panic!("no way to serve {name}"),
        };
        let source = path.display();
        let line = format!(
            "( filesrc location=\"{source}\" ! qtdemux name=d d.video_0 ! queue ! {parser} )"
        );
        let mut camera = Self::launch(port, &line, account);
        camera.folder = folder;
        camera
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.port)
    }
}

/// Where a camera on that port is.
#[must_use]
pub fn url(port: u16) -> String {
    format!("rtsp://127.0.0.1:{port}/stream")
}

/// A file made from another by FFmpeg, in a folder of its own.
fn remade(file: &Path, kind: &str, input: &[&str], output: &[&str]) -> (Option<TempDir>, PathBuf) {
    let folder = TempDir::with_prefix("cofferdam-film-").expect("a temporary folder");
    let path = folder.path().join(format!("film.{kind}"));
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(input)
        .arg("-i")
        .arg(file)
        .args(output)
        .arg(&path)
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("ffmpeg runs").success(), "{} cannot be remade", file.display());
    (Some(folder), path)
}

impl Drop for ForeignCamera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
