//! From the file's shapes to valid types, collecting every mistake.

use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use cofferdam_isolation::{Check, InterfaceName};

use super::camera::camera;
use super::file::File;
use super::reader::reader;
use super::{
    Boundary, CameraNetwork, Config, Core, Isolation, Jail, Log, LogFormat, Readers, Sandbox,
};
use super::{listeners, multicast};

/// Mistakes as they are found: key, and what was expected and found.
pub(crate) type Found = Vec<(String, String)>;

/// The longest path of a Unix socket, in bytes (unix(7)).
const LONGEST_SOCKET: usize = 107;

/// Validates a whole file.
///
/// # Errors
/// Every mistake found.
pub(crate) fn validate(file: File) -> Result<Config, Found> {
    let mut found = Found::new();
    let rtsp = address(&file.core.rtsp, "core.rtsp", &mut found);
    let admin = address(&file.core.admin, "core.admin", &mut found);
    let rtsps = listeners::rtsps(&file.core, &mut found);
    for reader in file.reader.iter().filter(|r| rtsps.is_none() && r.certificate.is_some()) {
        let what = "expected none where there is no `core.rtsps` to show it at, found one";
        found.push((format!("reader {}: certificate", reader.name), what.into()));
    }
    let core_interface = interface(file.core.interface.as_deref(), "core.interface", &mut found);
    let camera_interface =
        interface(file.camera_network.interface.as_deref(), "camera_network.interface", &mut found);
    let allow = allowed(&file.isolation.allow, &mut found);
    let sandboxes = [("strict", Sandbox::Strict), ("off", Sandbox::Off)];
    let sandbox = one_of(&file.jail.sandbox, &sandboxes, "jail.sandbox", &mut found);
    if sandbox == Some(Sandbox::Off) && file.camera_network.interface.is_some() {
        let what = "expected \"strict\" where `camera_network.interface` is set, since only the \
                    connections of locked-in workers are bound to it, found \"off\"";
        found.push(("jail.sandbox".into(), what.into()));
    }
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = one_of(&file.log.format, &formats, "log.format", &mut found);
    if !is_filter(&file.log.level) {
        let what = format!(
            "expected off, error, warn, info, debug, trace or a filter such as \
             \"info,cofferdam_serve=debug\", found {:?}",
            file.log.level
        );
        found.push(("log.level".into(), what));
    }
    if rtsp.is_some() && rtsp == admin {
        let what =
            format!("expected an address other than `core.rtsp`, found {:?}", file.core.admin);
        found.push(("core.admin".into(), what));
    }
    let socket = &file.boundary.socket;
    if !(1..=LONGEST_SOCKET).contains(&socket.as_os_str().len()) {
        let what = format!("expected a path of 1 to {LONGEST_SOCKET} bytes, found {socket:?}");
        found.push(("boundary.socket".into(), what));
    }
    if file.core.vetted.as_os_str().is_empty() {
        found.push(("core.vetted".into(), "expected a path, found none".into()));
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
    let mut names = HashSet::new();
    for raw in &file.reader {
        if !names.insert(raw.name.clone()) {
            let what = "expected a name of its own, found one that another reader has".into();
            found.push((format!("reader {}: name", raw.name), what));
        }
    }
    if file.readers.anonymous && !file.reader.is_empty() {
        let what = "expected false where there is a [[reader]], since nobody would be asked who they \
                    are, found true";
        found.push(("readers.anonymous".into(), what.into()));
    }
    let readers: Vec<_> = file.reader.iter().map(|raw| reader(raw, &mut found)).collect();
    let readers: Option<Vec<_>> = readers.into_iter().collect();
    let cameras: Vec<_> = file.camera.iter().map(|raw| camera(raw, &mut found)).collect();
    let cameras: Option<Vec<_>> = cameras.into_iter().collect();
    if let (Some(rtsp), Some(admin), Some(cameras)) = (rtsp, admin, &cameras) {
        let shared = [Some(rtsp), Some(admin), rtsps.as_ref().map(|rtsps| rtsps.listen)];
        listeners::distinct(&shared, cameras, &mut found);
        multicast::distinct(cameras, file.core.interface.is_some(), &mut found);
    }
    match (rtsp, admin, sandbox, format, readers, cameras) {
        (Some(rtsp), Some(admin), Some(sandbox), Some(format), Some(reader), Some(cameras))
            if found.is_empty() =>
        {
            Ok(Config {
                core: Core {
                    rtsp,
                    rtsps,
                    admin,
                    interface: core_interface,
                    vetted: file.core.vetted,
                },
                camera_network: CameraNetwork { interface: camera_interface },
                boundary: Boundary { socket: file.boundary.socket },
                jail: Jail { sandbox },
                isolation: Isolation { allow },
                readers: Readers { anonymous: file.readers.anonymous },
                log: Log { format, level: file.log.level },
                reader,
                cameras,
            })
        }
        _ => Err(found),
    }
}

/// The interface that `name` is the name of.
fn interface(name: Option<&str>, key: &str, found: &mut Found) -> Option<InterfaceName> {
    match name.map(InterfaceName::new)? {
        Ok(interface) => Some(interface),
        Err(error) => {
            found.push((key.into(), error.to_string()));
            None
        }
    }
}

/// The self-checks of these names.
fn allowed(names: &[String], found: &mut Found) -> BTreeSet<Check> {
    let mut checks = BTreeSet::new();
    for name in names {
        match name.parse() {
            Ok(check) => {
                checks.insert(check);
            }
            Err(error) => found.push(("isolation.allow".into(), format!("{error}"))),
        }
    }
    checks
}

/// Whether `text` filters log lines. `tracing` would take a misspelt level for the name of a module
/// and log nothing else.
fn is_filter(text: &str) -> bool {
    let is_level = |word: &str| word.parse::<tracing::level_filters::LevelFilter>().is_ok();
    !text.trim().is_empty()
        && text.split(',').all(|part| part.contains(['=', '[', ']']) || is_level(part.trim()))
        && tracing_subscriber::EnvFilter::try_new(text).is_ok()
}

pub(crate) fn address(text: &str, key: &str, found: &mut Found) -> Option<SocketAddr> {
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
