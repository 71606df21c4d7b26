//! From what was seen to a verdict. Nothing here touches the network or the clock.

use std::collections::BTreeSet;

use cofferdam_canary::{BuildError, Finding, Mark, PlantedCamera, Search};

use crate::exit::Exit;

use super::observe::Observed;

/// What the search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// Every mark was sent to the gateway, and none came out.
    NothingCrossed,
    /// Something a camera wrote came out.
    Leak,
    /// Some mark was never sent, or nothing was emitted: no conclusion.
    ControlFailed,
}

/// A verdict and its reasons.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// What was found in what the core side said.
    pub(super) findings: Vec<Finding>,
    /// Marks that were not found in what the cameras said, as `camera: place`.
    pub(super) missing: Vec<String>,
    /// Marks that were found there.
    pub(super) controlled: usize,
    /// Bytes of streams searched, and of control.
    pub(super) searched: u64,
    pub(super) control: u64,
    /// Patterns looked for.
    pub(super) patterns: usize,
    /// The probability that chance alone finds any of them.
    pub(super) chance: f64,
}

/// Searches, and judges.
pub(super) fn judge(observed: &Observed) -> Result<Judged, Exit> {
    let search = build(observed.planted.iter().flat_map(|camera| &camera.marks))?;
    let searched = search.captures(&observed.emitted);
    let (mut missing, mut controlled, mut control) = (Vec::new(), 0, 0);
    for camera in &observed.planted {
        let (sent, bytes) = sent(camera, observed)?;
        control += bytes;
        for mark in &camera.marks {
            if sent.contains(mark.place()) {
                controlled += 1;
            } else {
                missing.push(format!("{}: {}", camera.name, mark.place()));
            }
        }
    }
    let verdict = if !searched.findings.is_empty() {
        Verdict::Leak
    } else if !missing.is_empty() || controlled == 0 || searched.bytes == 0 {
        Verdict::ControlFailed
    } else {
        Verdict::NothingCrossed
    };
    Ok(Judged {
        verdict,
        findings: searched.findings,
        missing,
        controlled,
        searched: searched.bytes,
        control,
        patterns: search.patterns(),
        chance: searched.chance,
    })
}

/// The places whose marks a camera's own bytes hold, and how many bytes were searched for them.
fn sent(camera: &PlantedCamera, observed: &Observed) -> Result<(BTreeSet<String>, u64), Exit> {
    let search = build(&camera.marks)?;
    let own = format!("{}, ", camera.name);
    let captures = observed.sent.iter().filter(|capture| capture.name.starts_with(&own));
    let searched = search.captures(captures);
    Ok((searched.findings.into_iter().map(|finding| finding.place).collect(), searched.bytes))
}

fn build<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> Result<Search, Exit> {
    Search::new(marks).map_err(|error: BuildError| Exit::run_time(error.to_string()))
}

#[cfg(test)]
mod tests {
    use cofferdam_canary::{Capture, Kind};

    use super::super::posture::Metrics;
    use super::*;

    fn observed(sent: &[u8], emitted: &[u8]) -> Observed {
        let mark =
            |place: &str, bytes: &[u8]| Mark::new(place, "test", vec![bytes.to_vec()]).unwrap();
        let camera = PlantedCamera {
            name: "cam".into(),
            codec: "h264".into(),
            marks: vec![
                mark("a/one", b"\x11\x92\x13\x94\x15\x96\x17\x98"),
                mark("a/two", b"abcdefgh"),
            ],
        };
        Observed {
            planted: vec![camera],
            sent: vec![Capture::new("cam, connection 1", Kind::Bytes(sent.to_vec()))],
            emitted: vec![Capture::new("log", Kind::Bytes(emitted.to_vec()))],
            metrics: Metrics::default(),
        }
    }

    const BOTH: &[u8] = b"..\x11\x92\x13\x94\x15\x96\x17\x98..abcdefgh..";

    #[test]
    fn clean_output_of_cameras_that_sent_every_mark_is_a_proof() {
        let judged = judge(&observed(BOTH, b"nothing of it")).unwrap();
        assert_eq!(judged.verdict, Verdict::NothingCrossed);
        assert_eq!(judged.controlled, 2);
    }

    #[test]
    fn the_cameras_own_bytes_as_output_are_a_leak() {
        let judged = judge(&observed(BOTH, BOTH)).unwrap();
        assert_eq!(judged.verdict, Verdict::Leak);
        let places: BTreeSet<&str> = judged.findings.iter().map(|f| f.place.as_str()).collect();
        assert_eq!(places, BTreeSet::from(["a/one", "a/two"]));
        // Written down in base 64, too.
        assert_eq!(judge(&observed(BOTH, b"YWJjZGVmZ2g=")).unwrap().verdict, Verdict::Leak);
    }

    #[test]
    fn a_mark_that_was_never_sent_proves_nothing() {
        let judged = judge(&observed(b"abcdefgh", b"clean")).unwrap();
        assert_eq!(judged.verdict, Verdict::ControlFailed);
        assert_eq!(judged.missing, ["cam: a/one"]);
        assert_eq!(judge(&observed(BOTH, b"")).unwrap().verdict, Verdict::ControlFailed);
    }
}
