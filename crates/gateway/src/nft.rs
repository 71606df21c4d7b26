//! `cofferdam nft`: prints host firewall rules that match a configuration.

use std::net::IpAddr;
use std::path::Path;

use cofferdam_isolation::{CameraAddress, Firewall};
use url::Url;

use crate::config::{self, Config};
use crate::exit::Exit;

/// RTSP's own port (RFC 7826 §4.2, as in RFC 2326).
const RTSP: u16 = 554;

/// Prints the rules for the configuration at `path`.
pub(crate) fn run(path: &Path) -> Result<(), Exit> {
    let config = config::load(path)?;
    say!("{}", firewall(&config, path)?.to_string().trim_end());
    Ok(())
}

/// The rules for a host that has both networks.
fn firewall(config: &Config, path: &Path) -> Result<Firewall, Exit> {
    let missing = |key: &str| {
        Exit::configuration(format!(
            "{}: `{key}`: expected an interface to make rules for, found none",
            path.display()
        ))
    };
    Ok(Firewall {
        camera: config
            .camera_network
            .interface
            .clone()
            .ok_or_else(|| missing("camera_network.interface"))?,
        core: config.core.interface.clone().ok_or_else(|| missing("core.interface"))?,
        cameras: config.cameras.iter().map(|camera| address(&camera.url)).collect(),
        listeners: vec![config.core.rtsp, config.core.admin],
    })
}

/// Where a camera is, if its URL says so in numbers.
fn address(url: &Url) -> CameraAddress {
    let host = url.host_str().unwrap_or_default();
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    CameraAddress { ip, port: url.port().unwrap_or(RTSP) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_where_their_urls_say() {
        let of = |url: &str| {
            let CameraAddress { ip, port } = address(&url.parse().unwrap());
            (ip.map(|ip| ip.to_string()), port)
        };
        assert_eq!(of("rtsp://10.20.0.11/x"), (Some("10.20.0.11".into()), 554));
        assert_eq!(of("rtsp://[fd00::1]:8554/x"), (Some("fd00::1".into()), 8554));
        assert_eq!(of("rtsp://lobby.example/x"), (None, 554));
    }
}
