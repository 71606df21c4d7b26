//! The report: everything an accreditor needs to judge the proof, and to repeat it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use cofferdam_encode_link::EncoderSettings;
use cofferdam_isolation::Report as IsolationReport;

use crate::exit::Exit;
use crate::programs::Programs;

use super::judge::{Judged, Verdict};
use super::observe::Observed;
use super::posture::Posture;

/// Protocols in the order in which a connection meets them.
const LAYERS: [&str; 8] = ["RTSP", "SDP", "RTP", "RTCP", "H.264", "H.265", "JPEG", "AAC"];

/// What the report is about, beside its findings.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Context {
    /// When it was written, in UTC (RFC 3339).
    pub(super) time: String,
    pub(super) version: &'static str,
    pub(super) host: Host,
    /// The programs that ran, with their hashes.
    pub(super) programs: Vec<Program>,
    /// The configuration whose encoder settings were used; the defaults where there is none.
    pub(super) configuration: Option<String>,
    pub(super) encoders: Vec<EncoderSettings>,
    /// What the self-check of this host found for that configuration; `None` where it names no interface.
    pub(super) isolation: Option<Vec<HostCheck>>,
}

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Host {
    pub(super) kernel: String,
    pub(super) machine: String,
}

/// A program and its SHA-256.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) sha256: String,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) verdict: Verdict,
    pub(super) context: Context,
    pub(super) seconds: f64,
    pub(super) totals: Totals,
    pub(super) cameras: Vec<Camera>,
    pub(super) places: Vec<Place>,
    pub(super) searched: Vec<Source>,
    pub(super) findings: Vec<Finding>,
    /// Marks that were not on the wire, as `camera: place`.
    pub(super) missing: Vec<String>,
    pub(super) posture: Posture,
}

/// A check of the host's isolation.
#[derive(Clone, Debug, Serialize)]
pub(super) struct HostCheck {
    pub(super) check: &'static str,
    pub(super) outcome: &'static str,
    /// What is wrong, as `expected …, found …`.
    pub(super) findings: Vec<String>,
}

impl HostCheck {
    /// Every check of a report.
    pub(super) fn all(report: &IsolationReport) -> Vec<Self> {
        let line = |finding: &cofferdam_isolation::Finding| {
            format!("expected {}, found {}", finding.expected, finding.found)
        };
        let checks = report.outcomes().map(|(check, outcome)| Self {
            check: check.name(),
            outcome: outcome.name(),
            findings: outcome.findings().iter().map(line).collect(),
        });
        checks.collect()
    }
}

/// Numbers that sum it up.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Totals {
    /// Marks planted, and how many of them were seen on the wire to the gateway.
    pub(super) planted: usize,
    pub(super) seen_on_the_wire: usize,
    /// Marks found in what the core side said.
    pub(super) found: usize,
    /// Bytes of streams searched in what the core side said, and in what the cameras said.
    pub(super) bytes_searched: u64,
    pub(super) bytes_of_control: u64,
    pub(super) patterns: usize,
    pub(super) chance_of_a_false_finding: f64,
}

/// A camera.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Camera {
    pub(super) name: String,
    pub(super) codec: String,
    pub(super) marks: usize,
}

/// A place, over all cameras that have it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Place {
    pub(super) place: String,
    pub(super) layer: String,
    /// Marks planted there, seen on the wire, found in what the core side said.
    pub(super) planted: usize,
    pub(super) seen_on_the_wire: usize,
    pub(super) found: usize,
}

/// Something the core side said.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) bytes: usize,
}

/// A mark that crossed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) place: String,
    pub(super) source: String,
    pub(super) written: &'static str,
    pub(super) read: &'static str,
    pub(super) offset: usize,
}

impl Context {
    /// Looks at the programs and the host.
    pub(super) fn collect(
        programs: &Programs,
        encoders: Vec<EncoderSettings>,
        configuration: Option<&Path>,
    ) -> Result<Self, Exit> {
        let paths = [
            programs.cofferdam().to_owned(),
            programs.ingest()?,
            programs.encode()?,
            programs.simulator()?,
        ];
        let programs: Result<_, _> = paths.iter().map(|path| Program::hash(path)).collect();
        let host = rustix::system::uname();
        let text = |value: &std::ffi::CStr| value.to_string_lossy().into_owned();
        Ok(Self {
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            version: env!("CARGO_PKG_VERSION"),
            host: Host { kernel: text(host.release()), machine: text(host.machine()) },
            programs: programs?,
            configuration: configuration.map(|path| path.display().to_string()),
            encoders,
            isolation: None,
        })
    }
}

impl Program {
    fn hash(path: &Path) -> Result<Self, Exit> {
        let failed = |error| Exit::run_time(format!("hashing {}: {error}", path.display()));
        let mut file = File::open(path).map_err(failed)?;
        let (mut hasher, mut chunk) = (Sha256::new(), vec![0; 64 * 1024]);
        loop {
            match file.read(&mut chunk).map_err(failed)? {
                0 => break,
                read => hasher.update(&chunk[..read]),
            }
        }
        let sha256 = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self { name: name.unwrap_or_default(), path: path.display().to_string(), sha256 })
    }
}

impl Report {
    pub(super) fn new(
        context: Context,
        observed: Observed,
        judged: Judged,
        took: Duration,
    ) -> Self {
        let order = |layer: &str| LAYERS.iter().position(|l| *l == layer).unwrap_or(LAYERS.len());
        let mut places: BTreeMap<(usize, String), Place> = BTreeMap::new();
        for camera in &observed.planted {
            for mark in &camera.marks {
                let (place, layer) = (mark.place().to_owned(), mark.layer().to_owned());
                let row = places.entry((order(&layer), place.clone())).or_insert(Place {
                    place,
                    layer,
                    planted: 0,
                    seen_on_the_wire: 0,
                    found: 0,
                });
                row.planted += 1;
                let missing = format!("{}: {}", camera.name, mark.place());
                row.seen_on_the_wire += usize::from(!judged.missing.contains(&missing));
                row.found += judged.findings.iter().filter(|f| f.place == mark.place()).count();
            }
        }
        let mut sources: BTreeMap<String, usize> = BTreeMap::new();
        for capture in &observed.emitted {
            *sources.entry(capture.name.clone()).or_default() += capture.len();
        }
        let findings: Vec<Finding> = judged
            .findings
            .into_iter()
            .map(|finding| Finding {
                place: finding.place,
                source: finding.source,
                written: finding.encoding,
                read: finding.view,
                offset: finding.offset,
            })
            .collect();
        let cameras = observed.planted.into_iter();
        Self {
            verdict: judged.verdict,
            context,
            seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
            totals: Totals {
                planted: judged.controlled + judged.missing.len(),
                seen_on_the_wire: judged.controlled,
                found: findings.len(),
                bytes_searched: judged.searched,
                bytes_of_control: judged.control,
                patterns: judged.patterns,
                chance_of_a_false_finding: judged.chance,
            },
            cameras: cameras
                .map(|camera| Camera {
                    name: camera.name,
                    codec: camera.codec,
                    marks: camera.marks.len(),
                })
                .collect(),
            places: places.into_values().collect(),
            searched: sources.into_iter().map(|(name, bytes)| Source { name, bytes }).collect(),
            findings,
            missing: judged.missing,
            posture: observed.metrics.posture(),
        }
    }

    /// For machines.
    pub(super) fn to_json(&self) -> Result<String, Exit> {
        serde_json::to_string_pretty(self)
            .map_err(|error| Exit::run_time(format!("writing the report: {error}")))
    }

    /// One line for the terminal.
    pub(super) fn summary(&self) -> String {
        let Totals { planted, seen_on_the_wire, found, bytes_searched, .. } = self.totals;
        format!(
            "{}: {found} findings of {planted} marks in {bytes_searched} bytes; \
             control: {seen_on_the_wire} of {planted} marks on the wire",
            self.verdict.line()
        )
    }

    /// What the command ends with.
    pub(super) fn outcome(&self) -> Result<(), Exit> {
        match self.verdict {
            Verdict::NothingCrossed => Ok(()),
            Verdict::Leak => Err(Exit::run_time(format!(
                "expected no mark in what the core side says, found {}",
                self.totals.found
            ))),
            Verdict::ControlFailed => Err(Exit::run_time(format!(
                "expected every mark on the wire to the gateway, found none of: {}",
                self.missing.join(", ")
            ))),
        }
    }
}

impl Verdict {
    /// The verdict in words.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::NothingCrossed => "nothing crossed",
            Self::Leak => "LEAK",
            Self::ControlFailed => "no conclusion: the control failed",
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn report(verdict: Verdict) -> Report {
        let finding = Finding {
            place: "sdp/tool".into(),
            source: "log".into(),
            written: "raw",
            read: "as it is",
            offset: 7,
        };
        let program =
            Program { name: "cofferdam".into(), path: "/x/cofferdam".into(), sha256: "00".into() };
        Report {
            verdict,
            context: Context {
                time: "2026-01-01T00:00:00Z".into(),
                version: "0",
                host: Host { kernel: "6.1".into(), machine: "x86_64".into() },
                programs: vec![program],
                configuration: None,
                encoders: Vec::new(),
                isolation: None,
            },
            seconds: 1.0,
            totals: Totals {
                planted: 2,
                seen_on_the_wire: 1,
                found: 1,
                bytes_searched: 1,
                bytes_of_control: 1,
                patterns: 1,
                chance_of_a_false_finding: 1e-9,
            },
            cameras: Vec::new(),
            places: Vec::new(),
            searched: vec![Source { name: "log".into(), bytes: 1 }],
            findings: vec![finding],
            missing: vec!["cam: sdp/tool".into()],
            posture: Posture { jail: None, encoders: None },
        }
    }

    #[test]
    fn only_a_proof_ends_well() {
        assert!(report(Verdict::NothingCrossed).outcome().is_ok());
        assert!(report(Verdict::Leak).outcome().is_err());
        assert!(report(Verdict::ControlFailed).outcome().is_err());
    }
}
