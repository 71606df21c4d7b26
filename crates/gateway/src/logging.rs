//! Where log lines go and how they look.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat};

/// As much as a pipe takes at once where it says that it takes anything (pipe(7): `PIPE_BUF`).
const PIECE: usize = 4096;

/// Lines that this process could not say.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Starts logging to standard error. Called once a process.
pub(crate) fn init(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    // Who watched and who was refused is told at any level, unless the filter names it.
    let audited = (!log.level.contains("audit")).then(|| "audit=info".parse().ok()).flatten();
    let filter = audited.into_iter().fold(filter, EnvFilter::add_directive);
    let builder = fmt().with_env_filter(filter).with_writer(|| Unwaited(io::stderr()));
    // Only a second call can fail, and there is none.
    let _ = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
        LogFormat::Text => {
            builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init()
        }
    };
}

/// Standard error, which nobody waits for: a full disk, a pipe that is read too slowly or not any more cost lines,
/// and not pictures.
struct Unwaited<T>(T);

impl<T: Write + std::os::fd::AsFd> Write for Unwaited<T> {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !line.chunks(PIECE).all(|piece| takes(&self.0) && self.0.write_all(piece).is_ok()) {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether something can be written without waiting.
fn takes(file: &impl std::os::fd::AsFd) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    // What cannot be looked at is written to.
    !matches!(poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&at_once)), Ok(0))
}

/// How many lines this process could not say, as a metric.
#[derive(Debug)]
pub(crate) struct LostLines;

impl Collector for LostLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let lost = ConstCounter::new(LOST.load(Ordering::Relaxed));
        let encoder = encoder.encode_descriptor(
            "log_lines_lost",
            "Log lines of the core side that standard error did not take",
            None,
            MetricType::Counter,
        )?;
        lost.encode(encoder)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_takes_no_line_is_not_waited_for() {
        let lost = || LOST.load(Ordering::Relaxed);
        let mut full = Unwaited(File::options().write(true).open("/dev/full").unwrap());
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut unread = Unwaited(File::from(writer));
        let before = lost();
        assert_eq!(full.write(b"line\n").unwrap(), 5);
        assert_eq!(lost() - before, 1);
        // A pipe holds sixteen pages.
        let long = [b'x'; 3 * PIECE];
        for _ in 0..16 {
            assert_eq!(unread.write(&long).unwrap(), long.len());
        }
        assert!(lost() - before >= 10);
        drop(reader);
        assert_eq!(unread.write(b"line\n").unwrap(), 5);
        let mut file = Unwaited(tempfile::tempfile().unwrap());
        let before = lost();
        file.write_all(&long).unwrap();
        assert_eq!(lost(), before);
        assert_eq!(file.0.metadata().unwrap().len(), long.len() as u64);
    }
}
