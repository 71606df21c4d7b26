//! The camera side's supervisor: starts one ingest worker a camera, connects it to its camera,
//! watches it, replaces it for ever.
//!
//! ```text
//! lifecycle   when a worker is started, when it is given up on       sans-IO
//! connect     a camera's addresses, and a connection to one of them
//! introduce   that connection into the worker that is to have it
//! supervisor  all of these together: one task a camera
//! rings       where rings come from
//! ```
//!
//! The dialer reads and parses no camera byte. All it learns of a camera are exit codes, the numbers of
//! a status block and whether a connection was taken, and all it says is said in codes of the closed
//! vocabulary.
#![forbid(unsafe_code)]

#[cfg(all(
    not(debug_assertions),
    any(feature = "without-interface", feature = "without-peer-check",)
))]
compile_error!(
    "a control of connections is left out: such a build is for tests and cannot be shipped"
);

mod connect;
mod crowd;
mod introduce;
mod lifecycle;
mod rings;
mod supervisor;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::Arc;

use cofferdam_ingest_boot::IngestBoot;
use cofferdam_jail::Program;
use cofferdam_picture::CameraId;
use cofferdam_picture_ring::{RingSpec, SideIsolation};
use tokio::sync::watch;
use tokio::task::JoinSet;

use rings::Ring;
pub use rings::RingSource;
use supervisor::{Heard, Supervisor};

/// One camera, as the dialer needs to know it.
#[derive(Debug)]
pub struct CameraPlan {
    /// The ring its configuration asks for; another one is refused.
    pub spec: RingSpec,
    /// What its worker is told.
    pub boot: IngestBoot,
}

impl CameraPlan {
    fn id(&self) -> &CameraId {
        &self.boot.camera
    }
}

/// Everything the camera side needs.
#[derive(Debug)]
pub struct DialerSettings {
    /// The cameras.
    pub cameras: Vec<CameraPlan>,
    /// The ingest worker's program.
    pub worker: Program,
    /// The constants of its environment.
    pub environment: &'static [(&'static str, &'static str)],
    /// The network interface that every connection to a camera is bound to.
    pub interface: Option<String>,
    /// Where rings come from.
    pub source: RingSource,
    /// What this side's isolation self-check found last, for the status blocks.
    pub isolation: watch::Receiver<SideIsolation>,
}

/// Whether cameras can be reached through `interface` of this host.
///
/// # Errors
/// `ENODEV` when there is no such interface.
pub fn check_interface(interface: &str) -> io::Result<()> {
    connect::check_interface(interface)
}

/// Runs the camera side until `stop` completes; every worker has ended when this returns.
///
/// Call on the thread that lives as long as the process: workers die with it.
pub async fn run(settings: DialerSettings, stop: impl Future<Output = ()>) {
    if let Err(error) = cofferdam_jail::adopt_orphans() {
        tracing::warn!(%error, "what workers leave behind is somebody else's to see to");
    }
    let worker = Arc::new(supervisor::WorkerProgram {
        program: settings.worker,
        environment: settings.environment,
        processes: crowd::limit(settings.cameras.len()),
    });
    let interface: Option<Arc<str>> = settings.interface.map(Into::into);
    let (stopping, stopped) = watch::channel(false);
    let mut rings = HashMap::new();
    let mut supervisors = JoinSet::new();
    for plan in settings.cameras {
        let (ring, given) = watch::channel(None::<Arc<Ring>>);
        rings.insert(plan.id().clone(), (plan.spec, ring));
        let (worker, interface) = (Arc::clone(&worker), interface.clone());
        let heard =
            Heard { rings: given, stopped: stopped.clone(), isolation: settings.isolation.clone() };
        supervisors.spawn(Supervisor::new(plan, worker, interface, heard).run());
    }
    tokio::select! {
        () = rings::receive(settings.source, rings) => {}
        () = stop => {}
    }
    // The receiver may only be gone with the process; then there is nobody left to tell.
    let _ = stopping.send(true);
    while supervisors.join_next().await.is_some() {}
}
