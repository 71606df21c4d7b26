//! The catalogue, for people.

use std::fmt::Write as _;

use crate::{Threat, catalogue};

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
         `tests/misbehave.rs`.\n",
        all.len()
    );
    for threat in Threat::ALL {
        let _ = write!(
            text,
            "\n## {}\n\n| camera | what it does | what tells | contained by |\n|---|---|---|---|\n",
            threat.title()
        );
        for scenario in all.iter().filter(|scenario| scenario.threat == threat) {
            let (name, does) = (scenario.name, scenario.does);
            let (expected, limit) = (&scenario.expected, scenario.contained_by.title());
            let _ = writeln!(text, "| `{name}` | {does} | {expected} | {limit} |");
        }
    }
    text
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
