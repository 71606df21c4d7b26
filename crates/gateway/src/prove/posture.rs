//! What the gateway says about its own defences, as its metrics have it.

use serde::Serialize;

/// One reading of `/metrics`.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics(String);

/// A sample: its name, its labels, its value.
#[derive(Clone, Debug, PartialEq)]
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: f64,
}

/// The gateway's defences. `None` is "this build does not say".
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Posture {
    /// Layers of the jail, worker by worker.
    pub(super) jail: Option<Vec<Layer>>,
    /// Whether the encoders are those of the allow-list.
    pub(super) encoders: Option<Vec<Attested>>,
}

/// A layer of a worker's jail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Layer {
    pub(super) camera: String,
    pub(super) worker: String,
    pub(super) layer: String,
    pub(super) enforced: bool,
}

/// An encoder, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Attested {
    pub(super) camera: String,
    /// All that the gateway says of it: names, versions, hashes.
    pub(super) facts: Vec<(String, String)>,
    pub(super) attested: bool,
}

impl Metrics {
    pub(super) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The sample with this name and these labels, among others.
    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &Sample<'_>, (label, value): &(&str, &str)| {
            sample.labels.iter().any(|(l, v)| l == label && v == value)
        };
        self.samples(name).find(|s| labels.iter().all(|l| has(s, l))).map(|s| s.value)
    }

    fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Sample<'a>> {
        self.0.lines().filter_map(sample).filter(move |sample| sample.name == name)
    }

    /// What it says about the gateway's defences.
    pub(super) fn posture(&self) -> Posture {
        let get = |sample: &Sample<'_>, label: &str| {
            let found = sample.labels.iter().find(|(l, _)| *l == label);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut jail: Vec<Layer> = self
            .samples("cofferdam_jail_layer")
            .map(|sample| Layer {
                camera: get(&sample, "camera"),
                worker: get(&sample, "worker"),
                layer: get(&sample, "layer"),
                enforced: sample.value == 1.0,
            })
            .collect();
        let mut encoders: Vec<Attested> = self
            .samples("cofferdam_encoder_attested")
            .map(|sample| Attested {
                camera: get(&sample, "camera"),
                attested: sample.value == 1.0,
                facts: sample
                    .labels
                    .into_iter()
                    .filter(|(label, value)| *label != "camera" && !value.is_empty())
                    .map(|(label, value)| (label.to_owned(), value))
                    .collect(),
            })
            .collect();
        jail.sort();
        encoders.sort();
        Posture {
            jail: Some(jail).filter(|layers| !layers.is_empty()),
            encoders: Some(encoders).filter(|encoders| !encoders.is_empty()),
        }
    }
}

/// Reads a line of the text format (OpenMetrics 1.0, "Text format").
fn sample(line: &str) -> Option<Sample<'_>> {
    if line.starts_with('#') {
        return None;
    }
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = value.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name, labels, value })
}

/// Labels up to the closing brace, and what comes after it.
fn labels(mut rest: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (label, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.push((label, value));
        rest = &quoted[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE cofferdam_jail_layer gauge\n\
        cofferdam_jail_layer{camera=\"a\",worker=\"ingest\",layer=\"seccomp\"} 1\n\
        cofferdam_encoder_attested{camera=\"a\",element=\"x264enc, \\\"so\\\"\",sha256=\"\"} 1\n";

    #[test]
    fn reads_what_is_there() {
        let posture = Metrics::new(TEXT.into()).posture();
        let layers = posture.jail.unwrap();
        assert_eq!((layers[0].layer.as_str(), layers[0].enforced), ("seccomp", true));
        let encoders = posture.encoders.unwrap();
        assert_eq!(encoders[0].facts, [("element".to_owned(), "x264enc, \"so\"".to_owned())]);
    }

    #[test]
    fn says_what_is_not_there() {
        let posture = Metrics::new("garbage{\nx{a=\"b} 1\n{} 2\n".into()).posture();
        assert_eq!(posture, Posture { jail: None, encoders: None });
    }
}
