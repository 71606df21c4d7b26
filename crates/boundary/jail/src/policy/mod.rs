//! The lists of system calls under `config/seccomp/`: parsed, and compiled to filters.
//!
//! The grammar, one rule a line, `#` begins a comment:
//!
//! ```text
//! default kill                                 what is not named ends the process with SIGSYS
//! default refuse EPERM                         … or fails with this error
//! allow NAME [if COND [and COND]…]             several lines for one call add up
//! refuse ERROR NAME [if …]                     fails with this error; wins over `allow`
//! kill NAME [if …]                             ends the process; wins over everything
//! COND: argN in A,B,…                          the argument (its low 32 bits) is one of these
//!       argN has A                             all bits of A are set in it
//!       argN lacks A                           no bit of A is set in it
//!       argN null                              it is 0 in all of its 64 bits: no pointer
//! ```
//!
//! Values are numbers or names (`PROT_EXEC`), `|` joins bits. A call that only other processors have
//! is passed over.
//!
//! Each list becomes a few filters, one for each action, because the library compiles one action a
//! filter and the kernel takes the strictest verdict of all: killing before refusing before
//! allowing.

mod names;

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use names::Call;

/// A list that cannot be used: the line, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PolicyError {
    /// Counted from 1; 0 for the list as a whole.
    pub line: usize,
    /// What was expected, and what was found.
    pub what: String,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Allow,
    /// Fails with this error number.
    Refuse(u32),
    Kill,
}

/// One condition on one argument, as a choice between comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    argument: u8,
    length: SeccompCmpArgLen,
    any_of: Vec<(SeccompCmpOp, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    verdict: Verdict,
    call: i64,
    conditions: Vec<Condition>,
}

/// A parsed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    default: Verdict,
    rules: Vec<Rule>,
}

/// Filters in the order in which they are to be installed: the last one may forbid installing.
pub(crate) type Filters = Vec<BpfProgram>;

impl Policy {
    /// Parses `text`.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut default = None;
        let mut rules = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let at = |what: String| PolicyError { line: index + 1, what };
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                ["default", rest @ ..] if default.is_none() => {
                    default = Some(default_verdict(rest).map_err(at)?);
                }
                words => rules.extend(rule(words).map_err(at)?),
            }
        }
        let whole = |what: &str| PolicyError { line: 0, what: what.to_owned() };
        let default = default.ok_or_else(|| whole("expected one `default` line, found none"))?;
        Ok(Self { default, rules })
    }

    /// Compiles it for this processor.
    ///
    /// # Errors
    /// When the library cannot: too many rules for one program.
    pub(crate) fn compile(&self) -> Result<Filters, PolicyError> {
        let mut special: Vec<Verdict> = self
            .rules
            .iter()
            .map(|rule| rule.verdict)
            .filter(|verdict| *verdict != Verdict::Allow)
            .collect();
        special.sort_unstable();
        special.dedup();
        let mut filters = Vec::new();
        for verdict in special {
            let of_this = |rule: &&Rule| rule.verdict == verdict;
            let table = table(self.rules.iter().filter(of_this))?;
            filters.push(program(table, SeccompAction::Allow, action(verdict))?);
        }
        // What is refused must pass this one, to meet the refusal of another.
        let passes = |rule: &&Rule| rule.verdict != Verdict::Kill;
        let table = table(self.rules.iter().filter(passes))?;
        filters.push(program(table, action(self.default), SeccompAction::Allow)?);
        Ok(filters)
    }
}

type Table = BTreeMap<i64, Vec<SeccompRule>>;

fn program(
    table: Table,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, PolicyError> {
    let failed =
        |error: seccompiler::BackendError| PolicyError { line: 0, what: error.to_string() };
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(failed)?;
    SeccompFilter::new(table, otherwise, matched, arch)
        .and_then(BpfProgram::try_from)
        .map_err(failed)
}

const fn action(verdict: Verdict) -> SeccompAction {
    match verdict {
        Verdict::Allow => SeccompAction::Allow,
        Verdict::Refuse(errno) => SeccompAction::Errno(errno),
        Verdict::Kill => SeccompAction::KillProcess,
    }
}

/// The rules of one action by call. A call that is named once without conditions needs no others.
fn table<'a>(rules: impl Iterator<Item = &'a Rule>) -> Result<Table, PolicyError> {
    let mut table = Table::new();
    let mut unconditional = Vec::new();
    for rule in rules {
        let chain = table.entry(rule.call).or_default();
        if rule.conditions.is_empty() {
            unconditional.push(rule.call);
        }
        for comparisons in combinations(&rule.conditions) {
            let conditions: Result<Vec<_>, _> = comparisons
                .into_iter()
                .map(|(on, operator, value)| {
                    SeccompCondition::new(on.argument, on.length.clone(), operator, value)
                })
                .collect();
            let made = conditions.and_then(SeccompRule::new);
            chain.push(made.map_err(|e| PolicyError { line: 0, what: e.to_string() })?);
        }
    }
    for call in unconditional {
        table.insert(call, Vec::new());
    }
    Ok(table)
}

/// Every way to choose one comparison of each condition.
fn combinations(conditions: &[Condition]) -> Vec<Vec<(&Condition, SeccompCmpOp, u64)>> {
    let Some((first, rest)) = conditions.split_first() else { return Vec::new() };
    let tails = if rest.is_empty() { vec![Vec::new()] } else { combinations(rest) };
    let mut all = Vec::new();
    for (operator, value) in &first.any_of {
        for tail in &tails {
            let mut one = vec![(first, operator.clone(), *value)];
            one.extend(tail.iter().cloned());
            all.push(one);
        }
    }
    all
}

fn default_verdict(words: &[&str]) -> Result<Verdict, String> {
    match words {
        ["kill"] => Ok(Verdict::Kill),
        ["refuse", error] => errno(error).map(Verdict::Refuse),
        _ => Err(format!("expected `default kill` or `default refuse ERROR`, found {words:?}")),
    }
}

/// The rule that `words` stand for; none where this processor has no such call.
fn rule(words: &[&str]) -> Result<Option<Rule>, String> {
    let (verdict, rest) = match words {
        ["allow", rest @ ..] => (Verdict::Allow, rest),
        ["refuse", error, rest @ ..] => (Verdict::Refuse(errno(error)?), rest),
        ["kill", rest @ ..] => (Verdict::Kill, rest),
        _ => return Err(format!("expected allow, refuse or kill, found {words:?}")),
    };
    let (name, conditions) = match rest {
        [name] => (name, Vec::new()),
        [name, "if", conditions @ ..] => (
            name,
            conditions.split(|word| *word == "and").map(condition).collect::<Result<_, _>>()?,
        ),
        _ => return Err(format!("expected a call and its conditions, found {rest:?}")),
    };
    match names::call(name) {
        Call::Here(call) => Ok(Some(Rule { verdict, call, conditions })),
        Call::Elsewhere => Ok(None),
        Call::Unknown => Err(format!("expected a known system call, found {name:?}")),
    }
}

fn condition(words: &[&str]) -> Result<Condition, String> {
    let unknown = || {
        format!(
            "expected `argN in A,B`, `argN has A`, `argN lacks A` or `argN null`, found {words:?}"
        )
    };
    let (argument, operator, values) = match words {
        [argument, "null"] => (argument, "null", ""),
        [argument, operator, values] => (argument, *operator, *values),
        _ => return Err(unknown()),
    };
    let argument = argument
        .strip_prefix("arg")
        .and_then(|number| number.parse::<u8>().ok())
        .filter(|number| *number < 6)
        .ok_or_else(unknown)?;
    let any_of = match operator {
        "null" => vec![(SeccompCmpOp::Eq, 0)],
        "in" => values
            .split(',')
            .map(|one| value(one).map(|value| (SeccompCmpOp::Eq, value)))
            .collect::<Result<_, _>>()?,
        "has" => value(values).map(|bits| vec![(SeccompCmpOp::MaskedEq(bits), bits)])?,
        "lacks" => value(values).map(|bits| vec![(SeccompCmpOp::MaskedEq(bits), 0)])?,
        _ => return Err(unknown()),
    };
    let length = match operator {
        "null" => SeccompCmpArgLen::Qword,
        _ => SeccompCmpArgLen::Dword,
    };
    Ok(Condition { argument, length, any_of })
}

/// A value of 32 bits.
fn value(text: &str) -> Result<u64, String> {
    text.split('|').try_fold(0, |bits, word| {
        let number = match word.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => word.parse().ok().or_else(|| names::constant(word)),
        };
        let number =
            number.ok_or_else(|| format!("expected a number or a name, found {word:?}"))?;
        Ok(bits | u64::from(number))
    })
}

fn errno(name: &str) -> Result<u32, String> {
    names::errno(name).ok_or_else(|| format!("expected an error's name, found {name:?}"))
}

#[cfg(test)]
mod tests;
