//! Addresses of cameras' own, and further paths of mounts.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::Camera;
use super::validate::Found;

/// The longest path, in bytes.
const LONGEST: usize = 256;

/// Validates further paths of a mount. A query is part of a path: there are cameras that tell their streams
/// apart by nothing else.
pub(super) fn aliases(paths: &[String], key: &str, found: &mut Found) {
    for path in paths {
        let is_path = (1..=LONGEST).contains(&path.len())
            && !path.starts_with('/')
            && !path.ends_with('/')
            && path
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'#' | b'<' | b'>'));
        if !is_path {
            let what = format!(
                "expected a path such as \"Streaming/Channels/101\" without slashes at the ends, found {path:?}"
            );
            found.push((key.to_owned(), what));
        }
    }
}

/// Refuses an address that two listeners have, and a path that leads to two mounts on one of them.
pub(super) fn distinct(rtsp: SocketAddr, admin: SocketAddr, cameras: &[Camera], found: &mut Found) {
    let mut addresses = HashSet::from([rtsp, admin]);
    // Every camera's own paths are on the shared listener, and its own on its own.
    let own = |camera: &Camera| ["main", "sub"].map(|kind| format!("{}/{kind}", camera.id));
    let mut shared: HashSet<String> = cameras.iter().flat_map(own).collect();
    for camera in cameras {
        let key = |name: &str| format!("camera {}: {name}", camera.id);
        let mut of_its_own = HashSet::from(own(camera));
        of_its_own.extend(["main", "sub"].map(str::to_owned));
        let paths = match camera.listen {
            None => &mut shared,
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
