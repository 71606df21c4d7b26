//! That what the numbers are to show would show.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use crate::options::Transport;
use crate::round::{self, Plan, Round};
use crate::subject::{Fault, Subject};

const READERS: usize = 4;
/// Milliseconds.
const HOLD: u64 = 20;
/// Comes at 10 s, which is within what is measured.
const LEFT_OUT: u32 = 250;

/// # Errors
/// When a delay or a loss made on purpose is not what is measured.
pub(crate) fn run(film: &Path) -> anyhow::Result<()> {
    let plain = measure(film, None)?;
    let held = measure(film, Some(Fault::Hold(HOLD)))?;
    let cut = measure(film, Some(Fault::LeaveOut(LEFT_OUT)))?;
    let delay = |round: &Round| f64::from(round.reading.delay_p50.unwrap_or_default()) / 1e3;
    let more = delay(&held) - delay(&plain);
    println!("control  units held for {HOLD} ms show as {more:+.1} ms");
    println!("control  none left out: {} lost", plain.reading.lost);
    println!("control  one left out for {READERS} readers: {} lost", cut.reading.lost);
    ensure!((more - HOLD as f64).abs() < 3.0, "a delay does not show as what it is");
    ensure!(plain.reading.lost == 0 && cut.reading.lost == READERS as u64, "nor does a loss");
    Ok(())
}

fn measure(film: &Path, fault: Option<Fault>) -> anyhow::Result<Round> {
    let subject = Subject::ours(film, fault)?;
    let measure = Duration::from_secs(10);
    round::run(&subject, Plan { transport: Transport::Tcp, readers: READERS, measure, joins: 0 })
}
