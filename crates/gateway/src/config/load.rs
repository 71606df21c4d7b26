//! Reads the file, overlays the environment, and says which of them a mistake is in.

use std::path::Path;

use config::builder::DefaultState;
use config::{ConfigBuilder, Environment, FileFormat};

use super::Config;
use super::error::{ConfigError, Mistake};
use super::file::File;
use super::typing;
use super::validate::validate;

/// Loads and validates the configuration at `path`, overlaid by `COFFERDAM__…` variables.
///
/// # Errors
/// Every mistake found, each naming its key and its source.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    parse(path, &read(path)?)
}

/// The text of the configuration at `path`.
///
/// # Errors
/// When there is none.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    // `config` would call a folder or a file it may not read "not found", and patch broken text.
    read_text(path).map_err(|what| whole(&path.display().to_string(), what))
}

/// As [`load`], where `text` is what stands at `path`, or stood there.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    parse_over(path, text, &environment())
}

fn whole(source: &str, what: String) -> ConfigError {
    ConfigError(vec![Mistake { source: source.to_owned(), key: String::new(), what }])
}

fn parse_over(path: &Path, text: &str, environment: &Environment) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    let file = config::File::from_str(text, FileFormat::Toml);
    let build = |builder: ConfigBuilder<DefaultState>, source: &str| {
        builder.build().map_err(|error| whole(source, syntax(&error.to_string())))
    };
    let builder = config::Config::builder;
    // Each alone first: a mistake belongs to the one it is in.
    build(builder().add_source(file.clone()), &name)?;
    let overlay = build(builder().add_source(environment.clone()), ENVIRONMENT)?;
    let layered = build(builder().add_source(file).add_source(environment.clone()), ENVIRONMENT)?;
    // A variable overrides the file, so where there is one the value is the variable's.
    let source_of = |key: &str| {
        if has_key(&overlay, key) { ENVIRONMENT.to_owned() } else { name.clone() }
    };

    // Values as they are written: `config` itself would take "yes" for true and 29.97 for 30.
    let values: serde_json::Value =
        layered.try_deserialize().map_err(|error| whole(&name, syntax(&error.to_string())))?;
    let ids = Ids::of(&values);
    let mut unknown = Vec::new();
    // A table that may be left out shows as a step of its own.
    let mut note = |key: serde_ignored::Path<'_>| unknown.push(key.to_string().replace(".?", ""));
    let mut track = serde_path_to_error::Track::new();
    let path_tracked = serde_path_to_error::Deserializer::new(values, &mut track);
    let parsed: Result<File, _> = serde_ignored::deserialize(path_tracked, &mut note);
    // A misspelt key that is required is also missing: it is told once.
    if !unknown.is_empty() {
        let mistake = |key: &String| Mistake {
            source: source_of(key),
            key: with_id(key, &ids),
            what: "expected a known key, found an unknown one".into(),
        };
        return Err(ConfigError(unknown.iter().map(mistake).collect()));
    }
    let mut file = parsed.map_err(|error| {
        let path = plain_path(&track.path().to_string());
        let (key, what) = typing::explain(&path, &error.to_string());
        ConfigError(vec![Mistake { source: source_of(&key), key: with_id(&key, &ids), what }])
    })?;
    file.resolve(path.parent().unwrap_or(Path::new("")));
    validate(file).map_err(|found| {
        let place = |(key, what): (String, String)| Mistake { source: source_of(&key), key, what };
        ConfigError(found.into_iter().map(place).collect())
    })
}

/// The source of what is not in the file.
const ENVIRONMENT: &str = "the environment";

fn environment() -> Environment {
    Environment::with_prefix("COFFERDAM").prefix_separator("__").separator("__").try_parsing(true)
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("expected a configuration file, found {error}"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line}: expected UTF-8, found other bytes")
    })?;
    // Some editors begin a file with a mark of their own.
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// A syntax mistake on one line, without the excerpt that `toml` adds: that may hold a secret which
/// somebody put in the wrong place.
fn syntax(message: &str) -> String {
    let is_excerpt = |line: &str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|')
    };
    let lines: Vec<&str> = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_excerpt(line))
        .collect();
    lines.join(": ").replace("TOML parse error at ", "")
}

/// Whether `key`, such as `core.rtsp` or `camera.0.url`, has a value in `config`.
fn has_key(config: &config::Config, key: &str) -> bool {
    let mut path = String::new();
    for segment in key.split('.') {
        if segment.parse::<usize>().is_ok() {
            path.push_str(&format!("[{segment}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(segment);
        }
    }
    config.get::<config::Value>(&path).is_ok()
}

/// `camera[0].url` as `camera.0.url`.
fn plain_path(key: &str) -> String {
    key.replace('[', ".").replace(']', "")
}

/// `camera.0.url` as `camera lobby: url`, where the camera has an id; readers the same.
fn with_id(key: &str, ids: &Ids) -> String {
    let mut parts = key.splitn(3, '.');
    let (table, index, rest) =
        (parts.next(), parts.next().and_then(|i| i.parse::<usize>().ok()), parts.next());
    let (Some(table), Some(index), Some(rest)) = (table, index, rest) else {
        return key.to_owned();
    };
    let ids = match table {
        "camera" => &ids.cameras,
        "reader" => &ids.readers,
        _ => return key.to_owned(),
    };
    match ids.get(index) {
        Some(Some(id)) => format!("{table} {id}: {rest}"),
        _ => format!("{table}[{index}]: {rest}"),
    }
}

/// What the tables of each list are called.
struct Ids {
    cameras: Vec<Option<String>>,
    readers: Vec<Option<String>>,
}

impl Ids {
    fn of(values: &serde_json::Value) -> Self {
        let ids = |list: &str, key: &str| {
            let tables = values.get(list).and_then(serde_json::Value::as_array);
            let id = |table: &serde_json::Value| Some(table.get(key)?.as_str()?.to_owned());
            tables.into_iter().flatten().map(id).collect()
        };
        Self { cameras: ids("camera", "id"), readers: ids("reader", "name") }
    }
}

#[cfg(test)]
mod tests;
