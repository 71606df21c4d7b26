//! The report as one page, without anything from elsewhere. `maud` escapes every text.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::judge::Verdict;
use super::posture::Posture;
use super::report::{HostCheck, Place, Report};

const STYLE: &str = include_str!("report.css");

/// The page.
pub(super) fn render(report: &Report) -> String {
    let context = &report.context;
    let (class, headline, text) = verdict(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Cofferdam: proof of separation, " (context.time) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.product { "Cofferdam " (context.version) " · RTSP isolation gateway" }
                    h1 { "Proof of separation" }
                    p.meta {
                        (context.time) " · Linux " (context.host.kernel) " · " (context.host.machine)
                        " · " (format!("{:.1}", report.seconds)) " s"
                    }
                }
                section.verdict.(class) {
                    p.headline { (headline) }
                    p { (text) }
                }
                (figures(report))
                (method(report))
                @if !report.findings.is_empty() { (findings(report)) }
                @if !report.missing.is_empty() { (missing(report)) }
                (places(report))
                (searched(report))
                (posture(&report.posture, report.context.isolation.as_deref()))
                (setup(report))
                (limits())
                footer {
                    "Written by " code { "cofferdam prove" }
                    ". The same facts for machines are in " code { "cofferdam-proof.json" } "."
                }
            }
        }
    };
    page.into_string()
}

fn verdict(report: &Report) -> (&'static str, &'static str, String) {
    let totals = &report.totals;
    match report.verdict {
        Verdict::NothingCrossed => (
            "good",
            "Nothing a camera wrote crossed",
            format!(
                "None of {} marks that the cameras sent was found in anything the core side said. \
                 The same search found every one of them in the cameras' own bytes.",
                totals.planted
            ),
        ),
        Verdict::Leak => (
            "bad",
            "A camera's bytes crossed",
            format!("Marks were found {} times in what the core side said.", totals.found),
        ),
        Verdict::ControlFailed => (
            "open",
            "No conclusion",
            format!(
                "{} of {} marks were not seen on the wire to the gateway: what was not sent cannot \
                 be looked for.",
                report.missing.len(),
                totals.planted
            ),
        ),
    }
}

fn figures(report: &Report) -> Markup {
    let totals = &report.totals;
    let figure = |value: String, label: &str| {
        html! {
            div { p.value { (value) } p.label { (label) } }
        }
    };
    html! {
        section.figures {
            (figure(totals.planted.to_string(), "marks planted"))
            (figure(totals.seen_on_the_wire.to_string(), "seen on the wire (control)"))
            (figure(totals.found.to_string(), "found on the core side"))
            (figure(size(totals.bytes_searched), "searched"))
        }
    }
}

fn method(report: &Report) -> Markup {
    let totals = &report.totals;
    html! {
        section {
            h2 { "What was done" }
            ol {
                li {
                    "The installed programs were started a second time on this host, on loopback, with "
                    "the encoder settings below. Their cameras were simulated: "
                    @for (index, camera) in report.cameras.iter().enumerate() {
                        @if index > 0 { ", " }
                        strong { (camera.name) } " (" (camera.codec) ", " (camera.marks) " marks)"
                    }
                    "."
                }
                li {
                    "Each camera carried fresh random bytes, a " em { "mark" } ", at every place of the "
                    "protocols where a camera can write. All of them played: their pictures were "
                    "published as live."
                }
                li {
                    "Readers played every stream over TCP, over UDP and through HTTP, asked for every page, made "
                    "requests that are refused, and asked again when the cameras were gone. Every byte "
                    "they were sent was kept, and so was every line of the gateway's logs."
                }
                li {
                    "All of it was searched for " (totals.patterns) " patterns: each mark as it is, "
                    "reversed, inverted, mirrored, with its words swapped, in base64, hexadecimal, "
                    "percent encoding and escapes; in the bytes as they came, without emulation "
                    "prevention, at strides of 2, 3 and 4, as caption pairs, at every bit offset, and "
                    "across packets. The probability that chance alone has a finding is below "
                    (format!("{:.0e}", totals.chance_of_a_false_finding)) "."
                }
                li {
                    strong { "Control. " }
                    "A relay kept what the cameras said on the wire to the gateway. The same search "
                    "has to find every mark there, or the proof fails."
                }
            }
        }
    }
}

fn findings(report: &Report) -> Markup {
    html! {
        section {
            h2 { "What was found on the core side" }
            table {
                thead { tr { th { "Place" } th { "Found in" } th { "Written" } th { "Read" } th.n { "Offset" } } }
                tbody {
                    @for finding in &report.findings {
                        tr.bad {
                            td { code { (finding.place) } }
                            td { (finding.source) }
                            td { (finding.written) }
                            td { (finding.read) }
                            td.n { (finding.offset) }
                        }
                    }
                }
            }
        }
    }
}

fn missing(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Marks that were never seen on the wire" }
            ul { @for place in &report.missing { li { code { (place) } } } }
        }
    }
}

fn places(report: &Report) -> Markup {
    let mut layers: Vec<(&str, Vec<&Place>)> = Vec::new();
    for place in &report.places {
        match layers.last_mut() {
            Some((layer, places)) if *layer == place.layer => places.push(place),
            _ => layers.push((&place.layer, vec![place])),
        }
    }
    html! {
        section {
            h2 { "What was planted" }
            p { "Each place, how many cameras carried a mark there, how many of those marks were seen "
                "on the wire, and how many came out of the core side." }
            @for (layer, places) in layers {
                h3 { (layer) }
                table {
                    thead { tr { th { "Place" } th.n { "Planted" } th.n { "On the wire" } th.n { "Crossed" } } }
                    tbody {
                        @for place in places {
                            tr.bad[place.found > 0 || place.seen_on_the_wire < place.planted] {
                                td { code { (place.place) } }
                                td.n { (place.planted) }
                                td.n { (place.seen_on_the_wire) }
                                td.n { (place.found) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn searched(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Where it was searched" }
            table {
                thead { tr { th { "Said by the core side" } th.n { "Bytes" } } }
                tbody {
                    @for source in &report.searched {
                        tr { td { (source.name) } td.n { (source.bytes) } }
                    }
                }
            }
        }
    }
}

fn posture(posture: &Posture, host: Option<&[HostCheck]>) -> Markup {
    let absent = html! { p.absent { "Not available in this build." } };
    html! {
        section {
            h2 { "Posture" }
            p { "What the second gateway said about its own defences while the cameras played." }
            h3 { "Jail of the workers" }
            @match &posture.jail {
                None => (absent),
                Some(layers) => table {
                    thead { tr { th { "Camera" } th { "Worker" } th { "Layer" } th { "Enforced" } } }
                    tbody {
                        @for layer in layers {
                            tr.bad[!layer.enforced] {
                                td { (layer.camera) }
                                td { (layer.worker) }
                                td { (layer.layer) }
                                td { (yes(layer.enforced)) }
                            }
                        }
                    }
                },
            }
            h3 { "Attestation of the encoders" }
            @match &posture.encoders {
                None => (absent),
                Some(encoders) => table {
                    thead { tr { th { "Camera" } th { "Facts" } th { "Attested" } } }
                    tbody {
                        @for encoder in encoders {
                            tr.bad[!encoder.attested] {
                                td { (encoder.camera) }
                                td {
                                    @for (name, value) in &encoder.facts {
                                        div { (name) " " code { (value) } }
                                    }
                                }
                                td { (yes(encoder.attested)) }
                            }
                        }
                    }
                },
            }
            h3 { "Isolation of the host" }
            @match host {
                None => p {
                    "Not checked: no configuration with interfaces was given, and the second gateway ran "
                    "on loopback, where there is nothing to isolate."
                },
                Some(checks) => {
                    p { "The self-check of this host for the given configuration." }
                    table {
                        thead { tr { th { "Check" } th { "Outcome" } th { "Found" } } }
                        tbody {
                            @for check in checks {
                                tr.bad[!check.findings.is_empty()] {
                                    td { (check.check) }
                                    td { (check.outcome) }
                                    td { @for finding in &check.findings { div { (finding) } } }
                                }
                            }
                        }
                    }
                },
            }
        }
    }
}

fn setup(report: &Report) -> Markup {
    let context = &report.context;
    html! {
        section {
            h2 { "What ran" }
            table {
                thead { tr { th { "Program" } th { "SHA-256" } } }
                tbody {
                    @for program in &context.programs {
                        tr {
                            td { strong { (program.name) } div.path { (program.path) } }
                            td { code.hash { (program.sha256) } }
                        }
                    }
                }
            }
            h3 { "Encoder settings" }
            p {
                @match &context.configuration {
                    Some(path) => { "Those of " code { (path) } "." },
                    None => { "The defaults: no configuration was given." },
                }
            }
            table {
                thead { tr {
                    th { "Encoder" } th { "Preset" } th { "Profile" } th.n { "Quality" }
                    th.n { "Cap, kbit/s" } th.n { "Key frames, s" }
                } }
                tbody {
                    @for encoder in &context.encoders {
                        tr {
                            td { (format!("{:?}", encoder.name).to_lowercase()) }
                            td { (encoder.preset.as_str()) }
                            td { (encoder.profile.as_str()) }
                            td.n { (encoder.quality) }
                            td.n { (encoder.max_kbps) }
                            td.n { (encoder.gop_seconds) }
                        }
                    }
                }
            }
        }
    }
}

fn limits() -> Markup {
    html! {
        section {
            h2 { "What this does not show" }
            ul {
                li { "Pixels are a channel: what a camera shows can be read off the pictures by somebody "
                    "on the core network. SECURITY.md gives the measured capacity." }
                li { "Fields of fewer than 64 bits hold no mark: chance would find them anywhere." }
                li { "It is a test of these binaries with these settings, not of the host's network." }
            }
        }
    }
}

const fn yes(enforced: bool) -> &'static str {
    if enforced { "yes" } else { "no" }
}

fn size(bytes: u64) -> String {
    // Exact enough for a figure.
    #[allow(clippy::cast_precision_loss)]
    let megabytes = bytes as f64 / 1e6;
    format!("{megabytes:.1} MB")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn everything_is_escaped_and_nothing_is_fetched() {
        let mut report = report(Verdict::Leak);
        report.searched[0].name = "<script>alert(1)</script>".into();
        report.context.programs[0].path = "\"><img src=x>".into();
        let page = render(&report);
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        assert!(!page.contains("<img") && !page.contains("http:") && !page.contains("https:"));
        assert!(!page.contains("url("));
    }

    #[test]
    fn the_verdict_is_told_first() {
        for (verdict, headline) in [
            (Verdict::NothingCrossed, "Nothing a camera wrote crossed"),
            (Verdict::Leak, "A camera's bytes crossed"),
            (Verdict::ControlFailed, "No conclusion"),
        ] {
            assert!(
                render(&report(verdict)).contains(&headline.replace('\'', "&#39;"))
                    || render(&report(verdict)).contains(headline)
            );
        }
    }
}
