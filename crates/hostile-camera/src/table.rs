//! The catalogue, for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::{Limit, Row, Threat, catalogue};

/// The catalogue in Markdown, as `docs/hostile-cameras.md` has it.
#[must_use]
pub fn markdown() -> String {
    let all = catalogue();
    let mut text = format!(
        "# Hostile cameras\n\n\
         {} cameras that attack, each beside an honest one, in `tests/hostile.rs`: every attack ends at its \
         limit, shows in the metrics as told here, and costs the honest camera no picture. Where a row \
         names several faults, chance decides between them. The cameras are \
         `crates/hostile-camera/src/catalogue`; this page is printed from there \
         (`COFFERDAM_BLESS=1 cargo test -p cofferdam-hostile-camera`).\n\n\
         That each limit is what contains its attacks is shown by lifting it: \
         `crates/camera-side/ingest/tests/lifted.rs`, and the dialer's in \
         `crates/camera-side/dialer/src/lifecycle.rs`. What code does that has taken a worker over is told in \
         `tests/misbehave.rs`.\n\n\
         The last column says which part of a worker an attack reaches. Attacks that the same limit stops \
         at the same place count as one: {} differ.\n",
        all.len(),
        that_differ()
    );
    for threat in Threat::ALL {
        let _ = write!(
            text,
            "\n## {}\n\n| camera | what it does | rows | what tells | contained by | at |\n|---|---|---|---|---|---|\n",
            threat.title()
        );
        for scenario in all.iter().filter(|scenario| scenario.threat == threat) {
            let (name, does) = (scenario.name, scenario.does);
            let expected = &scenario.expected;
            let behind = scenario.behind.map(|limit| format!("; behind it, {}", limit.title()));
            let limit = format!("{}{}", scenario.contained_by.title(), behind.unwrap_or_default());
            let rows: Vec<_> = scenario.rows.iter().map(|row| row.id()).collect();
            let (rows, path) = (rows.join(" "), scenario.path.title());
            let _ =
                writeln!(text, "| `{name}` | {does} | {rows} | {expected} | {limit} | {path} |");
        }
    }
    rows(&mut text);
    text
}

/// What the rows are, and where each is held.
fn rows(text: &mut String) {
    text.push_str(
        "\n## Rows\n\n\
         What has to be stood: `T` is the threat model, `H` what is known to break other products, `L` what \
         was found to break the client library (retina 0.4.21). Each is acted out above, or held by the \
         test that is named, or both.\n\n\
         | row | what it is | cameras | tests elsewhere |\n|---|---|---|---|\n",
    );
    let all = catalogue();
    for row in Row::ALL {
        let acted = all.iter().filter(|scenario| scenario.rows.contains(row)).count();
        let tests: Vec<_> = row.elsewhere().iter().map(|test| format!("`{test}`")).collect();
        let (id, title, tests) = (row.id(), row.title(), tests.join(", "));
        let _ = writeln!(text, "| {id} | {title} | {acted} | {tests} |");
    }
}

/// How many attacks differ in the limit that stops them or in the place where it does.
fn that_differ() -> usize {
    let all = catalogue();
    let contained = all.iter().filter(|scenario| scenario.contained_by != Limit::NoneNeeded);
    let distinct: BTreeSet<_> = contained.map(|s| (s.contained_by, s.path)).collect();
    distinct.len()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_is_the_catalogue() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile-cameras.md");
        if std::env::var_os("COFFERDAM_BLESS").is_some() {
            std::fs::write(&page, markdown()).unwrap();
        }
        let found = std::fs::read_to_string(&page).unwrap();
        assert!(found == markdown(), "{} is not what the catalogue says", page.display());
    }
}
