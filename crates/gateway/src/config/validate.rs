//! From the file's shapes to valid types, collecting every mistake.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::camera::camera;
use super::file::File;
use super::{Boundary, Config, Core, Log, LogFormat, Readers};

/// Mistakes as they are found: key, and what was expected and found.
pub(crate) type Found = Vec<(String, String)>;

/// Validates a whole file.
///
/// # Errors
/// Every mistake found.
pub(crate) fn validate(file: File) -> Result<Config, Found> {
    let mut found = Found::new();
    let rtsp = address(&file.core.rtsp, "core.rtsp", &mut found);
    let admin = address(&file.core.admin, "core.admin", &mut found);
    if let Some(interface) = &file.core.interface
        && !(1..=15).contains(&interface.len())
    {
        let what = format!("expected an interface name of 1 to 15 bytes, found {interface:?}");
        found.push(("core.interface".into(), what));
    }
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = one_of(&file.log.format, &formats, "log.format", &mut found);
    if tracing_subscriber::EnvFilter::try_new(&file.log.level).is_err() {
        let what = format!("expected a filter such as \"info\", found {:?}", file.log.level);
        found.push(("log.level".into(), what));
    }
    if file.camera.is_empty() {
        found.push(("camera".into(), "expected at least one [[camera]], found none".into()));
    }
    let mut ids = HashSet::new();
    for raw in &file.camera {
        if !ids.insert(raw.id.clone()) {
            let what = "expected an id of its own, found one that another camera has".into();
            found.push((format!("camera {}: id", raw.id), what));
        }
    }
    let cameras: Vec<_> = file.camera.iter().map(|raw| camera(raw, &mut found)).collect();
    let cameras: Option<Vec<_>> = cameras.into_iter().collect();
    match (rtsp, admin, format, cameras) {
        (Some(rtsp), Some(admin), Some(format), Some(cameras)) if found.is_empty() => Ok(Config {
            core: Core { rtsp, admin, interface: file.core.interface },
            boundary: Boundary { socket: file.boundary.socket },
            readers: Readers { anonymous: file.readers.anonymous },
            log: Log { format, level: file.log.level },
            cameras,
        }),
        _ => Err(found),
    }
}

fn address(text: &str, key: &str, found: &mut Found) -> Option<SocketAddr> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Some(address),
        _ => {
            let what =
                format!("expected an address and a port such as 0.0.0.0:8554, found {text:?}");
            found.push((key.into(), what));
            None
        }
    }
}

/// The value of the one name that `text` is.
pub(crate) fn one_of<T: Copy>(
    text: &str,
    names: &[(&str, T)],
    key: &str,
    found: &mut Found,
) -> Option<T> {
    let value = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if value.is_none() {
        let names: Vec<String> = names.iter().map(|(name, _)| format!("{name:?}")).collect();
        found.push((key.into(), format!("expected {}, found {text:?}", names.join(" or "))));
    }
    value
}

/// A whole number within bounds.
pub(crate) fn within(
    value: i64,
    least: u32,
    most: u32,
    key: &str,
    found: &mut Found,
) -> Option<u32> {
    let number = u32::try_from(value).ok().filter(|n| (least..=most).contains(n));
    if number.is_none() {
        found.push((key.into(), format!("expected {least} to {most}, found {value}")));
    }
    number
}

/// A duration within bounds, in milliseconds.
pub(crate) fn duration(
    text: &str,
    (least, most): (&str, &str),
    key: &str,
    found: &mut Found,
) -> Option<Duration> {
    let parse = |text: &str| humantime::parse_duration(text).ok();
    let (Some(value), Some(low), Some(high)) = (parse(text), parse(least), parse(most)) else {
        found.push((key.into(), format!("expected a duration such as \"20ms\", found {text:?}")));
        return None;
    };
    if !(low..=high).contains(&value) {
        found.push((key.into(), format!("expected {least} to {most}, found {text}")));
        return None;
    }
    Some(value)
}
