//! The counters in encoded pictures, as FFmpeg decodes them.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use cofferdam_simulator::barcode::{self, Barcode};

/// The barcode of each access unit, of pictures of this size, in their order. The first unit must be
/// decodable by itself.
///
/// Without B-frames there is one picture for each unit, so that the nth picture is the nth unit's;
/// any other number of pictures is an error.
pub(crate) fn barcodes<'a>(
    units: impl Iterator<Item = &'a [u8]>,
    (width, height): (usize, usize),
) -> anyhow::Result<Vec<Option<Barcode>>> {
    // The barcode is in the top tenth, and to hand over the rest would cost more than to decode it.
    let strip = (height / 10).next_multiple_of(2);
    let mut child = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "h264", "-i", "-", "-fps_mode", "passthrough"])
        .args(["-vf", &format!("crop=iw:{strip}:0:0")])
        .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("ffmpeg")?;
    let mut input = child.stdin.take().context("standard input is piped")?;
    let mut output = child.stdout.take().context("standard output is piped")?;
    let (mut count, mut stream) = (0, Vec::new());
    for unit in units {
        count += 1;
        stream.extend_from_slice(unit);
    }
    let writer = std::thread::spawn(move || input.write_all(&stream));

    let mut codes = Vec::with_capacity(count);
    let mut picture = vec![0; width * height];
    while output.read_exact(&mut picture[..width * strip]).is_ok() {
        codes.push(barcode::read(&picture, width, height, width));
    }
    let status = child.wait()?;
    ensure!(status.success(), "ffmpeg ended with {status}");
    let written = writer.join();
    ensure!(matches!(written, Ok(Ok(()))), "ffmpeg did not take the whole stream");
    ensure!(codes.len() == count, "{count} access units gave {} pictures", codes.len());
    Ok(codes)
}
