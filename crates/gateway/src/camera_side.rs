//! The camera side: one dialer, one ingest worker a camera. It opens the cameras' secrets and no
//! other, and listens nowhere.

use std::path::Path;

use cofferdam_dialer::{CameraPlan, DialerSettings, RingSource};
use cofferdam_ingest_boot::{Credentials, IngestBoot};
use cofferdam_isolation::{Report, Stance};
use cofferdam_jail::{Kind, User};
use cofferdam_picture_ring::{RingSpec, SideIsolation, SlotCount};
use tokio::sync::watch;

use crate::config::{Camera, Config, Sandbox, read_password};
use crate::exit::Exit;
use crate::isolation::SelfCheck;
use crate::parent::Parent;
use crate::programs::{Programs, WORKER_ENVIRONMENT};
use crate::signals::Signals;
use crate::{isolation, jail};

/// Runs the camera side until the operating system asks it to stop.
pub(crate) async fn run(config: Config, path: &Path, parent: Option<Parent>) -> Result<(), Exit> {
    let mut signals = Signals::take()?;
    require_interface(&config)?;
    let self_check = match &parent {
        // The parent has looked at the host, and the core side goes on to.
        Some(_) => SelfCheck::new(&config, Stance::Together, path).map(SelfCheck::of_the_process),
        None => SelfCheck::new(&config, Stance::Camera, path),
    };
    if let Some(check) = &self_check {
        check.require().await?;
    } else if parent.is_none() {
        isolation::say_not_configured();
    }
    let worker = Programs::hold(&Programs::find()?.ingest()?)?;
    let mut cameras = Vec::new();
    let mut refused = Vec::new();
    for camera in &config.cameras {
        match plan(camera, config.jail.sandbox) {
            Ok(plan) => cameras.push(plan),
            Err(what) => refused.push(format!("`camera {}: password_file`: {what}", camera.id)),
        }
    }
    if !refused.is_empty() {
        return Err(Exit::configuration(refused.join("\n")));
    }
    let interface = config.camera_network.interface.map(|name| name.as_str().to_owned());
    // Secrets are read and the worker's program is open; no worker runs yet.
    jail::lock_side(Kind::Dialer, User::CAMERA, config.jail.sandbox)?;
    let (found, isolation) = watch::channel(SideIsolation::NotMade);
    if let Some(check) = self_check.map(SelfCheck::locked) {
        let report = check.require().await?;
        tokio::spawn(check.watch(report, move |report| {
            let holds = report.is_some_and(Report::holds);
            found.send_replace(if holds { SideIsolation::Holds } else { SideIsolation::Failed });
        }));
    }
    let source = match parent {
        Some(parent) => {
            parent.started()?;
            RingSource::Inherited(parent.into_descriptor()?)
        }
        None => RingSource::Path(config.boundary.socket),
    };
    tracing::info!(cameras = cameras.len(), "camera side started");
    let environment = WORKER_ENVIRONMENT;
    let settings = DialerSettings { cameras, worker, environment, interface, source, isolation };
    cofferdam_dialer::run(settings, signals.stop()).await;
    Ok(())
}

/// Refuses a configured interface that is not there.
pub(crate) fn require_interface(config: &Config) -> Result<(), Exit> {
    let Some(interface) = &config.camera_network.interface else { return Ok(()) };
    let interface = interface.as_str();
    cofferdam_dialer::check_interface(interface).map_err(|error| no_interface(interface, &error))
}

/// What is wrong with the configured interface.
fn no_interface(interface: &str, error: &std::io::Error) -> Exit {
    let found = match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::NODEV) => "no such interface".to_owned(),
        _ => error.to_string(),
    };
    Exit::run_time(format!(
        "`camera_network.interface`: expected a network interface of this host, found {interface:?}: \
         {found}"
    ))
}

/// What the dialer needs of one camera.
fn plan(camera: &Camera, sandbox: Sandbox) -> Result<CameraPlan, String> {
    let slots = SlotCount::default();
    Ok(CameraPlan {
        spec: RingSpec { geometry: camera.geometry, slots },
        boot: boot(camera, sandbox)?,
    })
}

/// What a camera's worker is told; its password is read here.
pub(crate) fn boot(camera: &Camera, sandbox: Sandbox) -> Result<IngestBoot, String> {
    let credentials = match &camera.account {
        Some(account) => Some(Credentials {
            username: account.username.clone(),
            password: read_password(&account.password_file)?,
        }),
        None => None,
    };
    Ok(IngestBoot {
        camera: camera.id.clone(),
        url: camera.url.to_string(),
        credentials,
        basic_allowed: camera.basic,
        geometry: camera.geometry,
        slots: SlotCount::default().into(),
        colour: camera.colour,
        unjailed: sandbox == Sandbox::Off,
    })
}
