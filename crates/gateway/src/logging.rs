//! Where log lines go and how they look.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat};

/// As much as a pipe takes at once where it says that it takes anything (pipe(7): `PIPE_BUF`).
const PIECE: usize = 4096;

/// Lines that this process could not say.
static LOST: AtomicU64 = AtomicU64::new(0);

static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts logging to standard error. Called once a process, before it gives anything up.
pub(crate) fn init(log: &Log) {
    let filter = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    // Who watched and who was refused is told at any level, unless the filter names it.
    let audited = (!log.level.contains("audit")).then(|| "audit=info".parse().ok()).flatten();
    let filter = audited.into_iter().fold(filter, EnvFilter::add_directive);
    let builder = fmt().with_env_filter(filter).with_writer(|| LINES.get_or_init(Lines::standard));
    let _ = LINES.get_or_init(Lines::standard);
    // Only a second call can fail, and there is none.
    let _ = match log.format {
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
        LogFormat::Text => {
            builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init()
        }
    };
}

/// Where lines go, which nobody waits for: a full disk, a pipe that is read too slowly or not any more cost lines, and
/// not pictures.
#[derive(Debug)]
struct Lines {
    to: Option<File>,
    is_socket: bool,
    /// The last line has no end.
    is_torn: AtomicBool,
}

impl Lines {
    fn standard() -> Self {
        // Out of descriptors at its very start, a process has other worries than its log.
        let descriptor = io::stderr().as_fd().try_clone_to_owned();
        Self::over(descriptor.map(File::from).ok())
    }

    fn over(to: impl Into<Option<File>>) -> Self {
        let Some(to) = to.into() else {
            return Self { to: None, is_socket: false, is_torn: AtomicBool::new(false) };
        };
        let kind = to.metadata().map(|metadata| metadata.file_type());
        let (is_pipe, is_socket) =
            kind.map_or((false, false), |kind| (kind.is_fifo(), kind.is_socket()));
        // Opened anew, a pipe can be told not to wait without telling whoever else writes to it.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let path = format!("/proc/self/fd/{}", to.as_raw_fd());
        let anew = || File::options().write(true).custom_flags(flags).open(path).ok();
        let to = is_pipe.then(anew).flatten().unwrap_or(to);
        Self { to: Some(to), is_socket, is_torn: AtomicBool::new(false) }
    }

    /// Says it whole, or loses it.
    fn say(&self, line: &[u8]) {
        let was_torn = self.is_torn.load(Ordering::Relaxed);
        if was_torn && self.put(b"\n") == 0 {
            LOST.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut said = 0;
        for piece in line.chunks(PIECE) {
            let put = self.put(piece);
            said += put;
            if put < piece.len() {
                break;
            }
        }
        self.is_torn.store(0 < said && said < line.len(), Ordering::Relaxed);
        if said < line.len() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How much of it is taken at once.
    fn put(&self, piece: &[u8]) -> usize {
        let Some(to) = &self.to else { return 0 };
        if self.is_socket {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            return send(to, piece, flags).unwrap_or(0);
        }
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let takes = loop {
            match poll(&mut [PollFd::new(to, PollFlags::OUT)], Some(&at_once)) {
                Err(Errno::INTR) => {}
                Ok(ready) => break ready > 0,
                Err(_) => break false,
            }
        };
        if takes { rustix::io::write(to, piece).unwrap_or(0) } else { 0 }
    }
}

impl Write for &Lines {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.say(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    use std::io::{Read, Seek as _};

    use super::*;

    #[test]
    fn what_takes_no_line_is_not_waited_for_and_lines_stay_lines() {
        let lost = || LOST.load(Ordering::Relaxed);
        let full = Lines::over(File::options().write(true).open("/dev/full").unwrap());
        let before = lost();
        full.say(b"line\n");
        assert_eq!(lost() - before, 1);

        let long = [&[b'x'; 3 * PIECE], &b"\n"[..]].concat();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let pipe = Lines::over(File::from(writer));
        let (mut other, socket) = std::os::unix::net::UnixStream::pair().unwrap();
        let socket = Lines::over(File::from(std::os::fd::OwnedFd::from(socket)));
        assert!(socket.is_socket);
        for (lines, reader) in
            [(&pipe, &mut File::from(reader) as &mut dyn Read), (&socket, &mut other)]
        {
            let before = lost();
            while lost() < before + 10 {
                lines.say(&long);
            }
            // Read again, it goes on at the beginning of a line.
            let mut bytes = vec![0; 1 << 20];
            let length = reader.read(&mut bytes).unwrap();
            assert!(length > 0);
            lines.say(b"short\n");
            let mut all = bytes[..length].to_vec();
            while !all.ends_with(b"\nshort\n") {
                let length = reader.read(&mut bytes).unwrap();
                all.extend_from_slice(&bytes[..length]);
            }
        }
        let before = lost();
        let closed = Lines::over(File::from(rustix::pipe::pipe().unwrap().1));
        closed.say(b"line\n");
        assert_eq!(lost() - before, 1);

        let mut file = tempfile::tempfile().unwrap();
        let lines = Lines::over(file.try_clone().unwrap());
        lines.say(&long);
        assert_eq!(lost() - before, 1);
        file.rewind().unwrap();
        let mut text = Vec::new();
        file.read_to_end(&mut text).unwrap();
        assert_eq!(text, long);
    }
}
