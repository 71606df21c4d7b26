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
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.source, self.what),
            key => write!(f, "{}: `{key}`: {}", self.source, self.what),
        }
    }
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
