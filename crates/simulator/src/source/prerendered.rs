//! Pictures drawn and encoded before the camera starts.

use std::time::Duration;

use super::clip::{Clip, ClipUnit};
use super::encoder::{EncodeError, Encoder};
use super::{SourceError, paint};
use crate::picture::Painter;
use crate::settings::Drawn;

/// The longest loop; at 60 pictures a second its counters are far from overflowing.
const MAX_SECONDS: u32 = 3600;

/// A loop of so many seconds, which are as many groups of pictures.
///
/// With `dropped`, the loop is encoded a second time without that picture.
pub(crate) fn render(
    drawn: Drawn,
    painter: &Painter,
    seconds: u32,
    dropped: Option<u32>,
) -> Result<Clip, SourceError> {
    if !(1..=MAX_SECONDS).contains(&seconds) {
        return Err(SourceError::Loop(seconds));
    }
    let pictures = seconds * drawn.rate().per_second();
    let units = encode(drawn, painter, 0..pictures)?;
    let clip =
        Clip::new(units, Duration::from_secs(seconds.into())).ok_or(SourceError::Parameters)?;
    match dropped.filter(|d| *d < pictures) {
        None => Ok(clip),
        Some(dropped) => {
            let without = encode(drawn, painter, (0..pictures).filter(|c| *c != dropped))?;
            Ok(clip.with_interlude(dropped, without))
        }
    }
}

fn encode(
    drawn: Drawn,
    painter: &Painter,
    counters: impl Iterator<Item = u32>,
) -> Result<Vec<ClipUnit>, EncodeError> {
    let mut encoder = Encoder::new(drawn)?;
    let mut encoded = Vec::new();
    for counter in counters {
        encoded.extend(encoder.encode(paint(painter, drawn.codec(), counter), counter)?);
    }
    encoded.extend(encoder.finish()?);
    let unit = |unit: super::encoder::Encoded| {
        let due = due(unit.counter, drawn.rate().per_second());
        ClipUnit { bytes: unit.bytes, key: unit.key, counter: unit.counter, due, shown: due }
    };
    Ok(encoded.into_iter().map(unit).collect())
}

/// When a picture is due, without the error of a rounded period.
pub(crate) fn due(counter: u32, per_second: u32) -> Duration {
    Duration::from_nanos(u64::from(counter) * 1_000_000_000 / u64::from(per_second.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_do_not_drift() {
        assert_eq!(due(30 * 3600, 30), Duration::from_secs(3600));
        assert_eq!(due(1, 30).as_nanos(), 33_333_333);
        assert_eq!(due(2, 30).as_nanos(), 66_666_666);
    }
}
