//! What `serde` says of a value of the wrong type, in the words of all other mistakes.

/// The words that `serde` has for types, and those of whoever writes a configuration.
const WORDS: &[(&str, &str)] = &[
    ("i64", "a whole number"),
    ("path string", "a path"),
    ("a sequence", "a list"),
    ("sequence", "a list"),
    ("map", "a table"),
];

/// The key that is wrong and what is wrong with it. `path` leads to where `serde` stopped, which for
/// a missing key is its table.
pub(super) fn explain(path: &str, message: &str) -> (String, String) {
    let path = if path == "." { "" } else { path };
    if let Some(field) = message.strip_prefix("missing field `").and_then(|m| m.strip_suffix('`')) {
        let key = match (path, field) {
            // The one table that has to be there, by the one key that has to be in it.
            ("", "core") => "core.rtsp".to_owned(),
            ("", field) => field.to_owned(),
            (path, field) => format!("{path}.{field}"),
        };
        return (key, "expected a value, found none".into());
    }
    let turned = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
        .map(|(found, expected)| {
            let expected = match (path, word(expected)) {
                ("camera", "a list") => "a list of tables",
                (_, other) => other,
            };
            format!("expected {expected}, found {}", word(found))
        });
    (path.to_owned(), turned.unwrap_or_else(|| message.to_owned()))
}

fn word(of_serde: &str) -> &str {
    WORDS.iter().find(|(theirs, _)| *theirs == of_serde).map_or(of_serde, |(_, ours)| ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_names_a_key_what_was_expected_and_what_was_found() {
        let cases = [
            ("core", "missing field `rtsp`", "core.rtsp", "expected a value, found none"),
            (".", "missing field `core`", "core.rtsp", "expected a value, found none"),
            (
                "core.rtsp",
                "invalid type: integer `8554`, expected a string",
                "core.rtsp",
                "expected a string, found integer `8554`",
            ),
            (
                "camera",
                "invalid type: map, expected a sequence",
                "camera",
                "expected a list of tables, found a table",
            ),
            (
                "isolation.allow",
                "invalid type: boolean `true`, expected a sequence",
                "isolation.allow",
                "expected a list, found boolean `true`",
            ),
            ("x", "something else", "x", "something else"),
        ];
        for (path, message, key, what) in cases {
            assert_eq!(explain(path, message), (key.to_owned(), what.to_owned()), "{message}");
        }
    }
}
