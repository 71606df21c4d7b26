//! The verdict.

use std::collections::BTreeSet;
use std::fmt;

use crate::{Check, Facts, Subject, rules};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// The command, or the line of the configuration, that mends it.
    pub mend: String,
}

/// What became of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is as it should be.
    Passed,
    /// Something is not.
    Failed(Vec<Finding>),
    /// Something is not, and `[isolation] allow` names the check.
    Allowed(Vec<Finding>),
    /// There is nothing to look at here, for this reason.
    NotApplicable(&'static str),
}

impl Outcome {
    /// Whether nothing is wrong: an allowed finding is one nevertheless.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Passed | Self::NotApplicable(_))
    }

    /// Its name, for a table.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "FAILED",
            Self::Allowed(_) => "ALLOWED",
            Self::NotApplicable(_) => "not applicable",
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Failed(findings) | Self::Allowed(findings) => findings,
            Self::Passed | Self::NotApplicable(_) => &[],
        }
    }
}

/// The outcome of every check. Shown as a table, with the command that mends each finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<(Check, Outcome)>);

/// A check whose outcome is another than the last time.
#[derive(Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Which.
    pub check: Check,
    /// Its outcome now.
    pub outcome: &'a Outcome,
}

impl Report {
    /// Judges `facts`.
    #[must_use]
    pub fn new(subject: &Subject, facts: &Facts) -> Self {
        let outcome = |check: Check| match rules::judge(check, subject, facts) {
            Err(why) => Outcome::NotApplicable(why),
            Ok(findings) if findings.is_empty() => Outcome::Passed,
            Ok(findings) if subject.allow.contains(&check) => Outcome::Allowed(findings),
            Ok(findings) => Outcome::Failed(findings),
        };
        Self(Check::ALL.into_iter().map(|check| (check, outcome(check))).collect())
    }

    /// Every check with its outcome.
    pub fn outcomes(&self) -> impl Iterator<Item = (Check, &Outcome)> {
        self.0.iter().map(|(check, outcome)| (*check, outcome))
    }

    /// Whether no check failed that is not allowed to.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.0.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }

    /// The checks that failed.
    #[must_use]
    pub fn failed(&self) -> BTreeSet<Check> {
        let failed = self.0.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        failed.map(|(check, _)| *check).collect()
    }

    /// The checks whose outcome is another than in `last`; without one, those that are not good.
    #[must_use]
    pub fn changes_since(&self, last: Option<&Self>) -> Vec<Change<'_>> {
        let was = |check: Check| last.and_then(|last| last.outcome(check));
        let changed = self.outcomes().filter(|(check, outcome)| match was(*check) {
            Some(was) => was != *outcome,
            None => !outcome.is_good(),
        });
        changed.map(|(check, outcome)| Change { check, outcome }).collect()
    }

    /// The outcome of `check`.
    #[must_use]
    pub fn outcome(&self, check: Check) -> Option<&Outcome> {
        self.0.iter().find(|(c, _)| *c == check).map(|(_, outcome)| outcome)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (check, outcome) in self.outcomes() {
            let name = outcome.name();
            match outcome {
                Outcome::Passed => writeln!(f, "  {check:<12} {name}")?,
                Outcome::NotApplicable(why) => writeln!(f, "  {check:<12} {name}: {why}")?,
                Outcome::Failed(findings) | Outcome::Allowed(findings) => {
                    for Finding { expected, found, mend } in findings {
                        writeln!(f, "  {check:<12} {name}: expected {expected}, found {found}")?;
                        writeln!(f, "  {:<12}   mend: {mend}", "")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Change<'_> {
    /// One line, without the mending.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = self.outcome.findings();
        if findings.is_empty() {
            return f.write_str("holds again");
        }
        for (at, Finding { expected, found, .. }) in findings.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}expected {expected}, found {found}")?;
        }
        Ok(())
    }
}
