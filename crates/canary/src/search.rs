//! The search for marks.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::encoding::{Pattern, binary, exact_text, folded_text};
use crate::{Capture, Mark, views};

/// Looks for many marks at once, in every form and reading it knows.
///
/// Every pattern holds at least 60 random bits. So chance finds one in `b` bytes with a
/// probability below `patterns * PASSES * b / 2^60`; [`Searched::chance`] says how much that is.
pub struct Search {
    places: Vec<String>,
    /// Bytes, and letters that matter.
    exact: Matcher,
    /// The same, without text: for readings that no text is spread in.
    bytes_only: Matcher,
    /// Letters of either case.
    folded: Matcher,
}

struct Matcher {
    automaton: AhoCorasick,
    /// For each pattern, the place and the way it is written.
    meaning: Vec<(usize, &'static str)>,
}

/// Why there is no search for these marks.
#[derive(Debug, thiserror::Error)]
#[error("marks that cannot be searched for: {0}")]
pub struct BuildError(#[from] aho_corasick::BuildError);

/// A mark that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The mark's place.
    pub place: String,
    /// What it was found in.
    pub source: String,
    /// How it was written.
    pub encoding: &'static str,
    /// How it was spread.
    pub view: &'static str,
    /// Where it begins in that reading, in bytes.
    pub offset: usize,
}

/// What a search came to.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// The first finding of each place, source and way.
    pub findings: Vec<Finding>,
    /// Bytes read, each once.
    pub bytes: u64,
    /// The chance that bytes that know nothing of the marks would have had a finding.
    pub chance: f64,
}

impl Search {
    /// A search for `marks`.
    ///
    /// # Errors
    /// When they are more than an automaton can hold.
    pub fn new<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> Result<Self, BuildError> {
        let marks: Vec<&Mark> = marks.into_iter().collect();
        let places = marks.iter().map(|mark| mark.place().to_owned()).collect();
        let matcher = |write: &dyn Fn(&[u8]) -> Vec<Pattern>, fold: bool| {
            let patterns = marks.iter().enumerate().flat_map(|(place, mark)| {
                mark.forms().flat_map(write).map(move |pattern| (place, pattern))
            });
            Matcher::new(patterns, fold)
        };
        Ok(Self {
            places,
            exact: matcher(&|form| [binary(form), exact_text(form)].concat(), false)?,
            bytes_only: matcher(&binary, false)?,
            folded: matcher(&|form| folded_text(form), true)?,
        })
    }

    /// Patterns looked for, all together.
    #[must_use]
    pub fn patterns(&self) -> usize {
        self.exact.meaning.len() + self.folded.meaning.len()
    }

    /// Looks through captures, each in all its streams.
    #[must_use]
    pub fn captures<'a>(&self, captures: impl IntoIterator<Item = &'a Capture>) -> Searched {
        let mut found = BTreeMap::new();
        let mut bytes = 0;
        for capture in captures {
            for (name, stream) in capture.streams() {
                bytes += u64::try_from(stream.len()).unwrap_or(u64::MAX);
                self.stream(&name, &stream, &mut found);
            }
        }
        self.searched(found, bytes)
    }

    /// Looks through one stream called `source`.
    #[must_use]
    pub fn bytes(&self, source: &str, stream: &[u8]) -> Searched {
        let mut found = BTreeMap::new();
        self.stream(source, stream, &mut found);
        self.searched(found, u64::try_from(stream.len()).unwrap_or(u64::MAX))
    }

    fn searched(&self, found: BTreeMap<Key, usize>, bytes: u64) -> Searched {
        let finding = |((place, source, encoding, view), offset): (Key, usize)| Finding {
            place: self.places.get(place).cloned().unwrap_or_default(),
            source,
            encoding,
            view,
            offset,
        };
        // Both factors are far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let tries = self.patterns() as f64 * (bytes.saturating_mul(views::PASSES)) as f64;
        Searched {
            findings: found.into_iter().map(finding).collect(),
            bytes,
            chance: tries / 2.0_f64.powi(60),
        }
    }

    fn stream(&self, source: &str, stream: &[u8], found: &mut BTreeMap<Key, usize>) {
        for view in views::of(stream) {
            let matchers: &[&Matcher] =
                if view.text { &[&self.exact, &self.folded] } else { &[&self.bytes_only] };
            for matcher in matchers {
                for hit in matcher.automaton.find_overlapping_iter(&view.bytes[..]) {
                    let (place, encoding) = matcher.meaning[hit.pattern().as_usize()];
                    let key = (place, source.to_owned(), encoding, view.name);
                    found.entry(key).or_insert(hit.start());
                }
            }
        }
    }
}

type Key = (usize, String, &'static str, &'static str);

impl Matcher {
    fn new(
        patterns: impl Iterator<Item = (usize, Pattern)>,
        fold: bool,
    ) -> Result<Self, BuildError> {
        let (mut meaning, mut bytes) = (Vec::new(), Vec::new());
        for (place, pattern) in patterns {
            meaning.push((place, pattern.encoding));
            bytes.push(pattern.bytes);
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            // Overlapping: one mark must not hide another.
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(fold)
            .build(bytes)?;
        Ok(Self { automaton, meaning })
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

impl Searched {
    /// The places of what was found, each once, in order.
    #[must_use]
    pub fn places(&self) -> Vec<&str> {
        let mut places: Vec<&str> = self.findings.iter().map(|f| f.place.as_str()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }
}
