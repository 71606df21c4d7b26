//! Addresses of cameras' own, and further paths of mounts.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::validate::{Found, address};
use super::{Camera, Rtsps, file};

/// The longest path, in bytes.
const LONGEST: usize = 256;

/// Validates the listener for TLS: its three keys go together.
pub(super) fn rtsps(core: &file::Core, found: &mut Found) -> Option<Rtsps> {
    let listen = core.rtsps.as_deref().map(|text| address(text, "core.rtsps", found));
    let given = [core.rtsps.is_some(), core.certificate.is_some(), core.key.is_some()];
    if given.contains(&true) {
        for (key, is_given) in ["core.rtsps", "core.certificate", "core.key"].iter().zip(given) {
            if !is_given {
                let what = "expected a value where another of `core.rtsps`, `core.certificate` and \
                            `core.key` is set, found none";
                found.push(((*key).into(), what.into()));
            }
        }
    }
    Some(Rtsps { listen: listen??, certificate: core.certificate.clone()?, key: core.key.clone()? })
}

/// Validates further paths of a mount. A query is part of a path: there are cameras that tell their streams
/// apart by nothing else.
pub(super) fn aliases(paths: &[String], key: &str, found: &mut Found) {
    for path in paths {
        let is_path = (1..=LONGEST).contains(&path.len())
            && !path.starts_with('/')
            && !path.ends_with('/')
            && cofferdam_serve::is_reachable_path(path);
        if !is_path {
            let what = format!(
                "expected a path such as \"Streaming/Channels/101\", as it is written in a URL and without \
                 slashes at the ends, found {path:?}"
            );
            found.push((key.to_owned(), what));
        }
    }
}

/// Refuses an address that two listeners have, and a path that leads to two mounts on one of them.
pub(super) fn distinct(shared: &[Option<SocketAddr>], cameras: &[Camera], found: &mut Found) {
    let mut addresses = HashSet::new();
    // That `core.rtsp` and `core.admin` differ is told where they are validated.
    addresses.extend(shared.iter().flatten().copied());
    if let [Some(rtsp), Some(admin), Some(rtsps)] = shared
        && (rtsps == rtsp || rtsps == admin)
    {
        let what = format!("expected an address of its own, found {rtsps} again");
        found.push(("core.rtsps".into(), what));
    }
    // Every camera's own paths are on the shared listener, and its own on its own.
    let own = |camera: &Camera| ["main", "sub"].map(|kind| format!("{}/{kind}", camera.id));
    let mut paths_of_all: HashSet<String> = cameras.iter().flat_map(own).collect();
    for camera in cameras {
        let key = |name: &str| format!("camera {}: {name}", camera.id);
        let mut of_its_own = HashSet::from(own(camera));
        of_its_own.extend(["main", "sub"].map(str::to_owned));
        let paths = match camera.listen {
            None => &mut paths_of_all,
            Some(listen) => {
                if !addresses.insert(listen) {
                    let what = format!("expected an address of its own, found {listen} again");
                    found.push((key("listen"), what));
                }
                &mut of_its_own
            }
        };
        let aliases = [("aliases", &camera.aliases), ("sub.aliases", &camera.sub_aliases)];
        for (name, alias) in aliases.iter().flat_map(|(n, paths)| paths.iter().map(move |p| (n, p)))
        {
            if !paths.insert(alias.clone()) {
                let what =
                    format!("expected a path that leads to one mount, found {alias:?} again");
                found.push((key(name), what));
            }
        }
    }
}
