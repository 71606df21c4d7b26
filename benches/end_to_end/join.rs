//! How long a reader that joins waits for its first picture.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::reader::decode;
use crate::reader::rtp::{AccessUnit, Assembler};
use crate::reader::rtsp::Client;

const PATIENCE: Duration = Duration::from_secs(20);

/// Joins the running mount at `url` so many times, one after the other, and leaves again. Gives for
/// each the nanoseconds from the sending of PLAY to the last packet of the first IDR access unit.
///
/// # Errors
/// When a mount does not play, or one of those access units does not decode by itself.
pub(crate) fn measure(url: &str, size: (u32, u32), count: usize) -> anyhow::Result<Vec<u64>> {
    let mut times = Vec::with_capacity(count);
    let mut firsts = Vec::with_capacity(count);
    for turn in 0..count {
        let (time, unit) = join(url)?;
        times.push(time);
        firsts.push(unit.bytes);
        // At any phase of the group of pictures, and sometimes soon after the one before.
        let pause = 100 + turn * 389 % 1100;
        std::thread::sleep(Duration::from_millis(u64::try_from(pause)?));
    }
    let size = (usize::try_from(size.0)?, usize::try_from(size.1)?);
    let codes = decode::barcodes(firsts.iter().map(Vec::as_slice), size)?;
    let readable = codes.iter().flatten().count();
    ensure!(readable == count, "of {count} first pictures {readable} show the camera");
    Ok(times)
}

fn join(url: &str) -> anyhow::Result<(u64, AccessUnit)> {
    let mut client = Client::prepare(url)?;
    let sent = client.play()?;
    let mut assembler = Assembler::default();
    let end = Instant::now() + PATIENCE;
    loop {
        ensure!(Instant::now() < end, "no key frame");
        let Some(packet) = client.next().context("joining")? else { continue };
        if let Some(mut unit) = assembler.push(&packet.bytes)
            && unit.key
        {
            if !unit.parameters {
                unit.bytes.splice(..0, client.parameter_sets().iter().copied());
            }
            return Ok((packet.at.saturating_sub(sent), unit));
        }
    }
}
