//! A note of when each picture left.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cofferdam_picture::{CameraId, MonotonicTime};

/// A file that gets one line `CAMERA COUNTER NANOSECONDS` for each picture and reader, stamped with
/// the host's monotonic clock when the socket had taken the picture's last byte.
///
/// Lines are appended whole, so that several cameras and processes can share one file, and are
/// never held back, so that a benchmark can read along.
#[derive(Clone, Debug)]
pub struct SentLog(Arc<Mutex<File>>);

impl SentLog {
    /// Opens or creates the file, to append.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn append_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    /// Notes that the picture with this counter left now.
    pub(crate) fn record(&self, camera: &CameraId, counter: u32) -> io::Result<()> {
        let now = MonotonicTime::now().as_nanos();
        // One write each: a line of another process cannot come in between.
        let line = format!("{camera} {counter} {now}\n");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_whole_lines_with_rising_stamps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sent");
        let camera: CameraId = "lobby".parse().unwrap();
        SentLog::append_to(&path).unwrap().record(&camera, 7).unwrap();
        SentLog::append_to(&path).unwrap().record(&camera, 8).unwrap();

        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(' ').collect()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0][..2], ["lobby", "7"]);
        assert_eq!(lines[1][..2], ["lobby", "8"]);
        assert!(lines[0][2].parse::<u64>().unwrap() <= lines[1][2].parse::<u64>().unwrap());
    }
}
