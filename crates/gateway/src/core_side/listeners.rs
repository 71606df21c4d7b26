//! Where readers and operators connect, and whom to serve there.

use std::sync::Arc;

use cofferdam_encode_link::MountKind;
use cofferdam_isolation::InterfaceName;
use cofferdam_publish::{Mount, Mounts};
use cofferdam_serve::{
    Access, BindError, Certificates, Limits, MulticastGroup, Refresh, ServeMetrics, Server,
    ServerSettings,
};

use crate::accounts;
use crate::config::{self, Camera, Config};
use crate::exit::Exit;
use crate::tls;

/// Whom to serve, and what to show over TLS. The files of both are read here.
pub(crate) fn open(config: &Config) -> Result<(Access, Option<Certificates>), Exit> {
    let (access, readers) = if config.readers.anonymous {
        (Access::Anonymous, Vec::new())
    } else {
        let accounts = accounts::open(config)?;
        let readers = accounts.certificates();
        (Access::Accounts(Arc::new(accounts)), readers)
    };
    let certificates =
        config.core.rtsps.as_ref().map(|rtsps| tls::open(rtsps, readers)).transpose()?;
    Ok((access, certificates))
}

/// Whom to serve, and as what.
pub(super) struct Whom {
    pub(super) access: Access,
    /// Tells when that changes.
    pub(super) refresh: Refresh,
    /// What is shown over TLS.
    pub(super) certificates: Option<Certificates>,
}

/// Binds the main listener, with every mount, and those that cameras have of their own.
pub(super) async fn bind(
    config: &Config,
    Whom { access, refresh, certificates }: Whom,
    mounts: &[Arc<Mount>],
    metrics: ServeMetrics,
) -> Result<Vec<Server>, Exit> {
    let settings = ServerSettings {
        listen: config.core.rtsp,
        interface: config.core.interface.as_ref().map(|name| name.as_str().to_owned()),
        certificates: None,
        access,
        refresh,
        multicast: config.cameras.iter().flat_map(groups).collect(),
        limits: if config.readers.anonymous { Limits::anonymous() } else { Limits::default() },
    };
    let of = |camera: &Camera| -> Vec<Arc<Mount>> {
        mounts.iter().filter(|mount| *mount.camera() == camera.id).cloned().collect()
    };
    let shared = config.cameras.iter().filter(|camera| camera.listen.is_none());
    let all = Mounts::with_aliases(
        mounts.to_vec(),
        shared.flat_map(|camera| aliases(camera, &of(camera))),
    );
    let main = Server::bind(settings, all, metrics).await.map_err(|error| {
        let key = match &error {
            BindError::Multicast { .. } => "multicast",
            BindError::Listen { .. } | BindError::Datagrams { .. } => "core.rtsp",
        };
        not_bound(&config.core, key, &error)
    })?;
    let mut servers = Vec::new();
    if let (Some(rtsps), Some(certificates)) = (&config.core.rtsps, certificates) {
        let server = main
            .bind_tls(rtsps.listen, certificates)
            .await
            .map_err(|error| not_bound(&config.core, "core.rtsps", &error))?;
        servers.push(server);
    }
    for camera in &config.cameras {
        let Some(listen) = camera.listen else { continue };
        let own = of(camera);
        let mut aliases = aliases(camera, &own);
        // Who goes to a camera's own address need not name it.
        aliases.extend(own_names(&own));
        let key = format!("camera {}: listen", camera.id);
        let server = main
            .bind_further(listen, Mounts::with_aliases(own, aliases))
            .await
            .map_err(|error| not_bound(&config.core, &key, &error))?;
        servers.push(server);
    }
    servers.push(main);
    Ok(servers)
}

/// The camera's groups, by the paths of their mounts.
fn groups(camera: &Camera) -> impl Iterator<Item = (String, MulticastGroup)> + use<> {
    let id = camera.id.clone();
    let of = move |(kind, group): (MountKind, Option<MulticastGroup>)| {
        Some((format!("{id}/{}", kind.label()), group?))
    };
    [(MountKind::Main, camera.multicast), (MountKind::Sub, camera.sub_multicast)]
        .into_iter()
        .filter_map(of)
}

/// The camera's aliases, with the mounts that they lead to.
fn aliases(camera: &Camera, mounts: &[Arc<Mount>]) -> Vec<(String, Arc<Mount>)> {
    let of = |kind: MountKind, paths: &[String]| {
        let mount = mounts.iter().find(|mount| mount.kind() == kind);
        let paths = paths.to_vec();
        mount.into_iter().flat_map(move |mount| {
            let mount = Arc::clone(mount);
            paths.clone().into_iter().map(move |path| (path, Arc::clone(&mount)))
        })
    };
    of(MountKind::Main, &camera.aliases).chain(of(MountKind::Sub, &camera.sub_aliases)).collect()
}

/// On a camera's own address: `main` and `sub` alone, and nothing at all for `main`.
fn own_names(mounts: &[Arc<Mount>]) -> Vec<(String, Arc<Mount>)> {
    let named = mounts.iter().map(|mount| (mount.kind().label().to_owned(), Arc::clone(mount)));
    let main = mounts.iter().find(|mount| mount.kind() == MountKind::Main);
    named.chain(main.map(|mount| (String::new(), Arc::clone(mount)))).collect()
}

fn not_bound(core: &config::Core, key: &str, error: &BindError) -> Exit {
    let (BindError::Listen { source, .. }
    | BindError::Datagrams { source, .. }
    | BindError::Multicast { source, .. }) = error;
    no_interface(core, source).unwrap_or_else(|| Exit::run_time(format!("`{key}`: {error}")))
}

/// The listeners that cannot be had at present, each with its key and the reason.
pub(crate) fn taken(config: &Config) -> Vec<String> {
    let core = &config.core;
    let rtsps = core.rtsps.as_ref().map(|rtsps| ("core.rtsps".to_owned(), rtsps.listen));
    let cameras = config
        .cameras
        .iter()
        .filter_map(|camera| Some((format!("camera {}: listen", camera.id), camera.listen?)));
    [("core.rtsp".to_owned(), core.rtsp), ("core.admin".to_owned(), core.admin)]
        .into_iter()
        .chain(rtsps)
        .chain(cameras)
        .filter_map(|(key, address)| {
            let interface = core.interface.as_ref().filter(|_| !address.ip().is_loopback());
            let bound = cofferdam_serve::listen(address, interface.map(InterfaceName::as_str));
            Some(format!("`{key}`: {address}: {}", bound.err()?))
        })
        .collect()
}

/// Refuses a configured interface that is not there.
pub(crate) fn require_interface(core: &config::Core) -> Result<(), Exit> {
    let Some(interface) = &core.interface else { return Ok(()) };
    let index = || -> std::io::Result<u32> {
        // Any socket will do to ask with.
        let socket = std::os::unix::net::UnixDatagram::unbound()?;
        Ok(rustix::net::netdevice::name_to_index(&socket, interface.as_str())?)
    };
    index().map(drop).map_err(|error| {
        no_interface(core, &error)
            .unwrap_or_else(|| Exit::run_time(format!("`core.interface`: {interface}: {error}")))
    })
}

/// The mistake behind a socket that could not be had, if that is the configured interface.
fn no_interface(core: &config::Core, error: &std::io::Error) -> Option<Exit> {
    let interface = core.interface.as_ref()?.as_str();
    let missing = error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error());
    missing.then(|| {
        Exit::run_time(format!(
            "`core.interface`: expected a network interface of this host, found {interface:?}: \
             no such interface"
        ))
    })
}

/// The admin listener. Loopback is no part of the readers' network, so it is not held to that.
pub(super) fn admin(core: &config::Core) -> Result<tokio::net::TcpListener, Exit> {
    let address = core.admin;
    let interface = core.interface.as_ref().filter(|_| !address.ip().is_loopback());
    cofferdam_serve::listen(address, interface.map(InterfaceName::as_str)).map_err(|error| {
        no_interface(core, &error).unwrap_or_else(|| {
            Exit::run_time(format!("`core.admin`: expected to listen on {address}, found {error}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_the_mistake_that_is_told() {
        let core = |interface: Option<&str>| config::Core {
            vetted: "vetted.toml".into(),
            rtsp: ([127, 0, 0, 1], 8554).into(),
            rtsps: None,
            admin: ([127, 0, 0, 1], 9090).into(),
            interface: interface.map(|name| InterfaceName::new(name).unwrap()),
        };
        let errno = |errno: rustix::io::Errno| std::io::Error::from(errno);
        let told = no_interface(&core(Some("core7")), &errno(rustix::io::Errno::NODEV)).unwrap();
        let line = told.to_string();
        assert!(line.starts_with("`core.interface`: expected") && line.contains("core7"), "{line}");
        assert!(no_interface(&core(Some("core7")), &errno(rustix::io::Errno::ADDRINUSE)).is_none());
        assert!(no_interface(&core(None), &errno(rustix::io::Errno::NODEV)).is_none());
    }
}
