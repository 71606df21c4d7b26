//! Debian's motion, a recorder: it writes to files what it reads.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cofferdam_simulator::barcode;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::player::{HARMLESS, LUMA, Transport};
use crate::programs;
use crate::wait::until;
use crate::watcher::Seen;

/// For its end.
const DEADLINE: Duration = Duration::from_secs(60);

/// One stream that it is to record.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What the recording is called; a file's name.
    pub name: String,
    /// The stream, without an account.
    pub url: String,
    /// How to fetch it.
    pub transport: Transport,
    /// Name and password.
    pub account: Option<(String, String)>,
    /// Width and height, multiples of 8: motion takes no others as they are.
    pub size: (usize, usize),
    /// Pictures a second.
    pub rate: u32,
}

/// Motion, recording.
#[derive(Debug)]
pub struct Motion {
    child: Child,
    folder: TempDir,
    recordings: Vec<Recording>,
}

/// Whether this host has it. Where it has not, says which test goes without.
#[must_use]
pub fn is_here(test: &str) -> bool {
    programs::has("motion", test)
}

impl Motion {
    /// Records all of these, each to a file of its own and as it comes, without looking for motion in it.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(recordings: Vec<Recording>) -> Self {
        let folder = TempDir::with_prefix("cofferdam-motion-").expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let mut main = String::from(
            "daemon off\nsetup_mode off\nlog_level 4\nwebcontrol_port 0\nstream_port 0\n",
        );
        for (number, recording) in (1..).zip(&recordings) {
            let file = path(&format!("{}.conf", recording.name));
            std::fs::write(&file, camera(number, recording, folder.path()))
                .expect("a folder of our own");
            let _ = writeln!(main, "camera {}", file.display());
        }
        std::fs::write(path("motion.conf"), main).expect("a folder of our own");
        let child = Command::new("motion")
            .args(["-n", "-c"])
            .arg(path("motion.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("motion starts");
        Self { child, folder, recordings }
    }

    /// Waits until each recording has its file.
    ///
    /// # Panics
    /// When one has none in time.
    pub fn wait_for_files(&self, deadline: Duration) {
        for recording in &self.recordings {
            let file = self.file(recording);
            let what = format!("motion to record {}", recording.name);
            until(deadline, &what, || file.is_file().then_some(()));
        }
    }

    /// Ends it, and gives what each file shows.
    ///
    /// # Panics
    /// When it does not end, or a file does not decode without a complaint.
    #[must_use]
    pub fn stop(mut self) -> Vec<(Recording, Seen)> {
        let pid = Pid::from_child(&self.child);
        let _ = kill_process(pid, Signal::TERM);
        until(DEADLINE, "motion to end", || self.child.try_wait().expect("a child of this test"));
        let recordings = std::mem::take(&mut self.recordings);
        recordings.into_iter().map(|r| (r.clone(), decode(&self.file(&r), r.size))).collect()
    }

    fn file(&self, recording: &Recording) -> PathBuf {
        self.folder.path().join(format!("{}.mp4", recording.name))
    }
}

impl Drop for Motion {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn camera(number: u32, recording: &Recording, folder: &Path) -> String {
    let Recording { name, url, transport, account, size: (width, height), rate } = recording;
    let account = account
        .as_ref()
        .map(|(name, password)| format!("netcam_userpass {name}:{password}\n"))
        .unwrap_or_default();
    format!(
        "camera_id {number}\nnetcam_url {url}\nnetcam_params rtsp_transport={}\n{account}\
         width {width}\nheight {height}\nframerate {rate}\n\
         target_dir {}\nmovie_filename {name}\nmovie_output on\nmovie_passthrough on\n\
         movie_max_time 0\n\
         picture_output off\nemulate_motion on\ntext_left\ntext_right\n",
        transport.rtsp_transport(),
        folder.display(),
    )
}

/// What a film shows.
fn decode(file: &Path, size: (usize, usize)) -> Seen {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "warning", "-i"])
        .arg(file)
        .args(LUMA)
        .output()
        .expect("ffmpeg runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let harmless = |line: &&str| HARMLESS.iter().any(|harmless| line.contains(harmless));
    let complaints: Vec<_> = said.lines().filter(|line| !harmless(line)).collect();
    assert!(output.status.success() && complaints.is_empty(), "{}: {said}", file.display());
    let (width, height) = size;
    let pictures = output.stdout.chunks_exact(width * height);
    pictures.map(|luma| barcode::read(luma, width, height, width)).collect()
}
