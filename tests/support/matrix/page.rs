use std::fmt::Write as _;
use std::path::Path;

use super::{Cell, Reader, Way};

/// Holds a table of `docs/clients.md` to what was seen: each of `cells` did `what`. With `COFFERDAM_BLESS` set,
/// and with every one of `readers` there, the table is written anew.
///
/// # Panics
/// When the page says something else, or a reader has not gone every way that it goes.
pub fn hold(table: &str, readers: &[Reader], cells: &[Cell], what: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md");
    let page = std::fs::read_to_string(&path).expect("the page can be read");
    let rows: Vec<String> = readers.iter().map(|reader| row(*reader, cells, what)).collect();
    let complete = readers == Reader::ALL;
    if complete && std::env::var_os("COFFERDAM_BLESS").is_some() {
        std::fs::write(&path, with(&page, table, &rows)).expect("the page can be written");
        return;
    }
    let found = parts(&page, table).1;
    for row in &rows {
        assert!(found.contains(row), "docs/clients.md, {table}: expected {row}, found {found}");
    }
    let anew = "COFFERDAM_BLESS=1 writes it anew";
    assert!(!complete || page == with(&page, table, &rows), "docs/clients.md, {table}: {anew}");
}

/// What is before a table, the table, and what is behind it.
fn parts<'a>(page: &'a str, table: &str) -> (&'a str, &'a str, &'a str) {
    let (begin, end) = (format!("<!-- {table}: begin -->\n"), format!("<!-- {table}: end -->\n"));
    let begins = page.find(&begin).expect("the page has the table's begin") + begin.len();
    let ends = page.find(&end).expect("the page has the table's end");
    (&page[..begins], &page[begins..ends], &page[ends..])
}

fn with(page: &str, table: &str, rows: &[String]) -> String {
    let (before, _, after) = parts(page, table);
    let ways = Way::ALL.map(Way::name).join(" | ");
    let line = "---|".repeat(1 + Way::ALL.len());
    format!("{before}| client | {ways} |\n|{line}\n{}{after}", rows.concat())
}

fn row(reader: Reader, cells: &[Cell], what: &str) -> String {
    let mut row = format!("| {} |", reader.name());
    for way in Way::ALL {
        let went = cells.iter().any(|cell| cell.reader == reader && cell.way == way);
        let _ = match reader.goes(way) {
            Ok(()) if went => write!(row, " {what} |"),
            Ok(()) => write!(row, " not seen |"),
            Err(why) => write!(row, " no: {why} |"),
        };
    }
    row + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;

    #[test]
    fn a_table_has_what_was_seen_and_leaves_the_rest_of_the_page() {
        let vlc = Reader::Player(Client::Vlc);
        let cell = Cell { reader: vlc, way: Way::Udp, with_account: true, mount: "main" };
        let page = "a\n<!-- t: begin -->\nold\n<!-- t: end -->\nb\n";
        let row = row(vlc, &[cell], "plays");
        assert!(row.starts_with("| VLC (Debian) | not seen | plays | no: "), "{row}");
        let new = with(page, "t", std::slice::from_ref(&row));
        assert!(new.starts_with("a\n<!-- t: begin -->\n| client | TCP | UDP | "), "{new}");
        assert!(new.ends_with(&format!("|\n{row}<!-- t: end -->\nb\n")), "{new}");
        assert_eq!(with(&new, "t", &[row]), new);
    }
}
