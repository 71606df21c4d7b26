//! A camera we did not write: GStreamer's RTSP server library, from Python.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A running camera of GStreamer's making.
pub struct ForeignCamera {
    child: Child,
    port: u16,
    // It runs until this closes.
    _stdin: ChildStdin,
}

/// Whether Python and the library are there. Where they are not, says which test goes without.
#[must_use]
pub fn available(test: &str) -> bool {
    let script = "import gi; gi.require_version('GstRtspServer', '1.0'); \
                  from gi.repository import GstRtspServer";
    let found = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED {test}: gir1.2-gst-rtsp-server-1.0 is not installed");
    }
    found
}

impl ForeignCamera {
    /// Serves a GStreamer launch line whose payloader is called `pay0`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn launch(line: &str, account: Option<(&str, &str)>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/foreign_camera.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(line);
        if let Some((user, password)) = account {
            command.args([user, password]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let stdin = child.stdin.take().expect("standard input is piped");
        let stdout = child.stdout.take().expect("standard output is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the camera prints its port");
        let port = line.trim().parse().expect("the camera prints its port");
        Self { child, port, _stdin: stdin }
    }

    /// Serves a file of footage, once through for each client.
    ///
    /// # Panics
    /// When the file's kind is not one of the footage's.
    #[must_use]
    pub fn footage(file: &Path) -> Self {
        let name = file.file_name().and_then(|n| n.to_str()).expect("a file name");
        let path = file.display();
        let source = format!("filesrc location=\"{path}\"");
        let line = match name.rsplit_once('.').map(|(_, kind)| kind) {
            Some("h264") => format!(
                "( {source} ! h264parse config-interval=-1 ! \
                video/x-h264,framerate=25/1 ! h264timestamper ! rtph264pay name=pay0 pt=96 )"
            ),
            Some("mp4") if name.contains("h265") => format!(
                "( {source} ! qtdemux name=d d.video_0 ! \
                queue ! h265parse config-interval=-1 ! rtph265pay name=pay0 pt=96 )"
            ),
            Some("mp4") => format!(
                "( {source} ! qtdemux name=d d.video_0 ! \
                queue ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )"
            ),
            Some("mov") => format!(
                "( {source} ! qtdemux name=d d.video_0 ! \
                queue ! jpegparse ! rtpjpegpay name=pay0 pt=26 )"
            ),
            _ => panic!("no way to serve {name}"),
        };
        Self::launch(&line, None)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/stream", self.port)
    }
}

impl Drop for ForeignCamera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
