//! Reads the file, overlays the environment, and says which of them a mistake is in.

use std::path::Path;

use config::builder::DefaultState;
use config::{ConfigBuilder, Environment, FileFormat};

use super::Config;
use super::error::{ConfigError, Mistake};
use super::file::File;
use super::validate::validate;

/// Keys of the design that this version does not honour yet: refused, but not as unknown.
const PLANNED: &[&str] = &[
    "core.rtsps",
    "core.certificate",
    "core.key",
    "core.vetted",
    "camera_network",
    "jail",
    "isolation",
    "reader",
    "camera.listen",
    "camera.aliases",
];

/// Loads and validates the configuration at `path`, overlaid by `COFFERDAM__…` variables.
///
/// # Errors
/// Every mistake found, each naming its key and its source.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    let file = config::File::from(path).format(FileFormat::Toml).required(true);
    let environment = environment();
    let whole = |what: String| {
        ConfigError(vec![Mistake { source: name.clone(), key: String::new(), what }])
    };
    // The file alone first: a syntax mistake is the file's, whatever the environment holds.
    let alone = build(config::Config::builder().add_source(file.clone()))
        .map_err(|error| whole(one_line(&error.to_string(), &name)))?;
    let layered = build(config::Config::builder().add_source(file).add_source(environment))
        .map_err(|error| whole(one_line(&error.to_string(), &name)))?;
    let source_of = |key: &str| {
        if has_key(&alone, key) { name.clone() } else { "the environment".to_owned() }
    };

    // Values as they are written: `config` itself would take "yes" for true and 29.97 for 30.
    let values: serde_json::Value = layered
        .clone()
        .try_deserialize()
        .map_err(|error| whole(one_line(&error.to_string(), &name)))?;
    let ids = camera_ids(&values);
    let mut unknown = Vec::new();
    let mut note = |key: serde_ignored::Path<'_>| unknown.push(key.to_string());
    let mut track = serde_path_to_error::Track::new();
    let path_tracked = serde_path_to_error::Deserializer::new(values, &mut track);
    let parsed: Result<File, _> = serde_ignored::deserialize(path_tracked, &mut note);
    if !unknown.is_empty() {
        let mistakes = unknown.iter().map(|key| {
            let plain = without_index(key);
            let planned =
                PLANNED.iter().any(|p| plain == *p || plain.starts_with(&format!("{p}.")));
            let what = if planned {
                "expected a key that this version honours, found one that is planned".into()
            } else {
                "expected a known key, found an unknown one".into()
            };
            Mistake { source: source_of(key), key: with_id(key, &ids), what }
        });
        return Err(ConfigError(mistakes.collect()));
    }
    let file = parsed.map_err(|error| {
        let key = track.path().to_string();
        let key = if key == "." { String::new() } else { key };
        let what = one_line(&error.to_string(), &name);
        let plain = plain_path(&key);
        let source = if has_key(&layered, &plain) { source_of(&plain) } else { name.clone() };
        let key = with_id(&plain, &ids);
        ConfigError(vec![Mistake { source, key, what }])
    })?;
    validate(file).map_err(|mistakes| {
        let place = |(key, what): (String, String)| {
            // Camera keys begin with the camera's id here, and cameras come from the file only.
            let source = if key.starts_with("camera") || has_key(&alone, &key) {
                name.clone()
            } else if has_key(&layered, &key) {
                "the environment".to_owned()
            } else {
                name.clone()
            };
            Mistake { source, key, what }
        };
        ConfigError(mistakes.into_iter().map(place).collect())
    })
}

fn environment() -> Environment {
    Environment::with_prefix("COFFERDAM").prefix_separator("__").separator("__").try_parsing(true)
}

fn build(builder: ConfigBuilder<DefaultState>) -> Result<config::Config, config::ConfigError> {
    builder.build()
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

/// `camera.0.url` as `camera.url`.
fn without_index(key: &str) -> String {
    let kept: Vec<&str> = key.split('.').filter(|s| s.parse::<usize>().is_err()).collect();
    kept.join(".")
}

/// `camera.0.url` as `camera lobby: url`, where the camera has an id.
fn with_id(key: &str, ids: &[Option<String>]) -> String {
    let mut parts = key.splitn(3, '.');
    match (parts.next(), parts.next().and_then(|i| i.parse::<usize>().ok()), parts.next()) {
        (Some("camera"), Some(index), Some(rest)) => match ids.get(index) {
            Some(Some(id)) => format!("camera {id}: {rest}"),
            _ => format!("camera[{index}]: {rest}"),
        },
        _ => key.to_owned(),
    }
}

fn camera_ids(values: &serde_json::Value) -> Vec<Option<String>> {
    let cameras = values.get("camera").and_then(serde_json::Value::as_array);
    let id = |camera: &serde_json::Value| Some(camera.get("id")?.as_str()?.to_owned());
    cameras.into_iter().flatten().map(id).collect()
}

/// Folds a library's message to one line, without the path it is prefixed with anyway.
fn one_line(message: &str, name: &str) -> String {
    let folded: Vec<&str> = message.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    folded.join(" ").replace(&format!(" in {name}"), "")
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;
    use crate::config::{AfterHold, LogFormat};

    const SMALLEST: &str = r#"
        [core]
        rtsp = "127.0.0.1:8554"
        [[camera]]
        id = "lobby"
        url = "rtsp://10.20.0.11/Streaming/Channels/101"
        picture = { width = 1920, height = 1080, fps = 25 }
    "#;

    fn load_text(text: &str) -> Result<Config, String> {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let name = file.path().display().to_string();
        load(file.path()).map_err(|error| error.to_string().replace(&name, "FILE"))
    }

    #[test]
    fn the_smallest_configuration_has_safe_defaults() {
        let config = load_text(SMALLEST).unwrap();
        assert!(!config.readers.anonymous);
        assert_eq!(config.core.admin, "127.0.0.1:9090".parse().unwrap());
        assert_eq!(config.boundary.socket, PathBuf::from("/run/cofferdam/rings.sock"));
        assert_eq!(config.log.format, LogFormat::Text);
        let camera = &config.cameras[0];
        assert!(!camera.basic);
        assert_eq!(camera.signal_loss.then, AfterHold::Disconnect);
        assert_eq!(camera.sub.to_string(), "640x360");
    }

    #[test]
    fn a_small_main_bounds_the_default_sub() {
        let text = SMALLEST.replace("1920", "352").replace("1080", "288");
        assert_eq!(load_text(&text).unwrap().cameras[0].sub.to_string(), "352x288");
    }

    /// Each mistake: what is replaced in the smallest configuration, and the line that must come.
    #[test]
    fn every_mistake_names_its_key_and_what_was_found() {
        let cases = [
            (
                "[core]",
                "[core]\nrtps = 1",
                "FILE: `core.rtps`: expected a known key, found an unknown one",
            ),
            ("[core]", "[cores]\n[core]", "FILE: `cores`: expected a known key"),
            (
                "[core]",
                "[core]\nrtsps = \"0.0.0.0:8322\"",
                "FILE: `core.rtsps`: expected a key that this version honours",
            ),
            (
                "[core]",
                "[jail]\nsandbox = \"off\"\n[core]",
                "FILE: `jail`: expected a key that this version honours",
            ),
            (
                "id = ",
                "colour = \"bt2020\"\nid = ",
                "FILE: `camera lobby: colour`: expected \"bt709\" or \"bt601\", found \"bt2020\"",
            ),
            (
                "id = ",
                "color = \"bt709\"\nid = ",
                "FILE: `camera lobby: color`: expected a known key",
            ),
            (
                "id = ",
                "aliases = [\"x\"]\nid = ",
                "FILE: `camera lobby: aliases`: expected a key that this version honours",
            ),
            ("height", "hight", "FILE: `camera lobby: picture.hight`: expected a known key"),
            ("127.0.0.1:8554", "127.0.0.1", "FILE: `core.rtsp`: expected an address and a port"),
            ("127.0.0.1:8554", "127.0.0.1:0", "FILE: `core.rtsp`: "),
            (
                "\"127.0.0.1:8554\"",
                "8554",
                "FILE: `core.rtsp`: invalid type: integer `8554`, expected a string",
            ),
            ("rtsp = \"127.0.0.1:8554\"", "", "FILE: "),
            (
                "\"lobby\"",
                "\"lob by\"",
                "FILE: `camera lob by: id`: expected only A-Z a-z 0-9 - _, found ' '",
            ),
            (
                "rtsp://10.",
                "rtsps://10.",
                "FILE: `camera lobby: url`: expected the scheme rtsp, found \"rtsps\"",
            ),
            (
                "rtsp://10.",
                "http://10.",
                "FILE: `camera lobby: url`: expected the scheme rtsp, found \"http\"",
            ),
            (
                "rtsp://10.",
                "rtsp://user:pw@10.",
                "FILE: `camera lobby: url`: expected no user or password",
            ),
            ("rtsp://10.20.0.11/", "rtsp:///", "FILE: `camera lobby: url`: expected"),
            (
                "1920",
                "1921",
                "FILE: `camera lobby: picture`: expected even width and height, found 1921x1080",
            ),
            (
                "1920",
                "7680",
                "FILE: `camera lobby: picture`: expected 16x16 to 3840x2160, found 7680x1080",
            ),
            ("1920", "-2", "FILE: `camera lobby: picture`: expected 16x16 to 3840x2160"),
            (
                "fps = 25",
                "fps = 0",
                "FILE: `camera lobby: picture.fps`: expected 1 to 60 pictures a second, found 0",
            ),
            (
                "fps = 25",
                "fps = 25.0",
                "FILE: `camera lobby: picture.fps`: invalid type: floating point `25.0`",
            ),
            (", fps = 25", "", "FILE: "),
            (
                "id = ",
                "transport = \"udp\"\nid = ",
                "FILE: `camera lobby: transport`: expected \"tcp\"",
            ),
            (
                "id = ",
                "username = \"u\"\nid = ",
                "FILE: `camera lobby: password_file`: expected one with `username`",
            ),
            (
                "id = ",
                "password_file = \"/p\"\nid = ",
                "FILE: `camera lobby: username`: expected one with `password_file`",
            ),
            (
                "id = ",
                "max_jitter = \"2s\"\nid = ",
                "FILE: `camera lobby: max_jitter`: expected 0ms to 200ms, found 2s",
            ),
            (
                "id = ",
                "max_jitter = \"soon\"\nid = ",
                "FILE: `camera lobby: max_jitter`: expected a duration such as \"20ms\", found \"soon\"",
            ),
            (
                "id = ",
                "encoder = { name = \"x265\" }\nid = ",
                "FILE: `camera lobby: encoder.name`: expected \"x264\" or \"openh264\", found \"x265\"",
            ),
            (
                "id = ",
                "encoder = { quality = 99 }\nid = ",
                "FILE: `camera lobby: encoder.quality`: expected 10 to 51, found 99",
            ),
            (
                "id = ",
                "sub = { width = 2000, height = 1000 }\nid = ",
                "FILE: `camera lobby: sub`: expected at most the main size 1920x1080, found 2000x1000",
            ),
            (
                "id = ",
                "sub = { width = 320 }\nid = ",
                "FILE: `camera lobby: sub`: expected both width and height",
            ),
            (
                "id = ",
                "signal_loss = { then = \"freeze\" }\nid = ",
                "FILE: `camera lobby: signal_loss.then`: expected \"disconnect\" or \"slate\", found \"freeze\"",
            ),
            (
                "id = ",
                "basic = \"yes\"\nid = ",
                "FILE: `camera lobby: basic`: invalid type: string \"yes\", expected a boolean",
            ),
            (
                "fps = 25",
                "fps = 29.97",
                "FILE: `camera lobby: picture.fps`: invalid type: floating point `29.97`, expected",
            ),
            (
                "\"lobby\"",
                "7",
                "FILE: `camera[0]: id`: invalid type: integer `7`, expected a string",
            ),
            (
                "[core]",
                "[log]\nformat = \"xml\"\n[core]",
                "FILE: `log.format`: expected \"text\" or \"json\", found \"xml\"",
            ),
            ("[core]", "[core", "FILE: "),
        ];
        for (from, to, expected) in cases {
            assert!(SMALLEST.contains(from), "{from}");
            let text = SMALLEST.replacen(from, to, 1);
            match load_text(&text) {
                Ok(_) => panic!("accepted {to:?}"),
                Err(line) => {
                    assert!(line.contains(expected), "{to:?}: {line}");
                    assert_eq!(line.lines().count(), 1, "{to:?}: {line}");
                }
            }
        }
    }

    #[test]
    fn two_cameras_of_one_id_are_refused() {
        let camera = &SMALLEST[SMALLEST.find("[[camera]]").unwrap()..];
        let line = load_text(&format!("{SMALLEST}{camera}")).unwrap_err();
        assert!(line.contains("`camera lobby: id`: expected an id of its own"), "{line}");
    }

    #[test]
    fn the_reference_file_shows_the_defaults() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        let smallest = load(&folder.join("cofferdam.toml")).unwrap();
        let reference = load(&folder.join("reference.toml")).unwrap();
        assert_eq!(reference, smallest);
        // Every key of the file's shapes is there, if only as a comment.
        let text = std::fs::read_to_string(folder.join("reference.toml")).unwrap();
        let shapes = include_str!("file.rs");
        for line in shapes.lines().filter_map(|l| l.trim().strip_prefix("pub(crate) ")) {
            let Some((key, _)) = line.split_once(':') else { continue };
            let written = [format!("{key} ="), format!("[{key}]"), format!("[[{key}]]")];
            assert!(written.iter().any(|w| text.contains(w)), "{key} is not in reference.toml");
        }
    }

    #[test]
    fn no_camera_is_a_mistake_and_a_missing_file_is_named() {
        let line = load_text("[core]\nrtsp = \"127.0.0.1:8554\"").unwrap_err();
        assert!(line.contains("`camera`: expected at least one"), "{line}");
        let line = load(Path::new("/nowhere/cofferdam.toml")).unwrap_err().to_string();
        assert!(line.contains("/nowhere/cofferdam.toml"), "{line}");
    }
}
