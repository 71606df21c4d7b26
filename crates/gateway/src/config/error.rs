//! Mistakes in a configuration: where, what was expected, what was found.

use std::fmt;

use crate::exit::Exit;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The file, or `the environment`.
    pub(crate) source: String,
    /// The key, with its table and, for cameras, the camera's id; empty for the source as a whole.
    pub(crate) key: String,
    /// What was expected and what was found.
    pub(crate) what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = without_credentials(&one_line(&self.what));
        match one_line(&self.key).as_str() {
            "" => write!(f, "{}: {what}", self.source),
            key => write!(f, "{}: `{}`: {what}", self.source, without_credentials(key)),
        }
    }
}

/// Keys and values are the file's: one that spans lines, or colours them, must not pass for another
/// message.
fn one_line(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Words that look like a URL with an account in it, withheld: somebody put one in the wrong place.
fn without_credentials(text: &str) -> String {
    let is_word = |c: char| !c.is_whitespace() && !['"', '`', '\''].contains(&c);
    let mut rest = text;
    let mut shown = String::with_capacity(text.len());
    while let Some(at) = rest.find('@') {
        let begin = rest[..at].rfind(|c| !is_word(c)).map_or(0, |i| i + char_len(rest, i));
        let end = rest[at..].find(|c| !is_word(c)).map_or(rest.len(), |i| at + i);
        shown.push_str(&rest[..begin]);
        match &rest[begin..end] {
            sign if !sign.contains(char::is_alphanumeric) => shown.push_str(sign),
            _ => shown.push_str("(withheld: it may hold a password)"),
        }
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

fn char_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

/// Every mistake found, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigError(pub(crate) Vec<Mistake>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl From<ConfigError> for Exit {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(key: &str, what: &str) -> String {
        Mistake { source: "a.toml".into(), key: key.into(), what: what.into() }.to_string()
    }

    #[test]
    fn a_mistake_is_one_line_without_colour() {
        let line = shown("camera a\nERROR all is well\u{1b}[31m: url", "expected a URL");
        assert!(!line.contains(char::is_control), "{line}");
        assert!(line.starts_with("a.toml: `camera a\\nERROR all is well"), "{line}");
    }

    #[test]
    fn what_may_be_a_password_is_withheld_wherever_it_stands() {
        for url in ["rtsp://admin:geheim@h/sub", "admin:geheim@h", "ä:geheim@h"] {
            let line =
                shown("camera.sub", &format!("expected a table, found string \"{url}\" here"));
            assert!(!line.contains("geheim") && line.contains("withheld"), "{line}");
            assert!(line.ends_with("\" here"), "{line}");
            assert!(!shown(&format!("camera {url}: url"), "expected").contains("geheim"));
        }
        assert_eq!(
            shown("a.b", "expected 1, found \"2\""),
            "a.toml: `a.b`: expected 1, found \"2\""
        );
    }
}
