//! The camera side's supervisor: starts one ingest worker a camera, watches it, replaces it for
//! ever.
//!
//! The dialer parses no camera byte. All it learns of a camera are exit codes and the numbers of a
//! status block, and all it says is said in codes of the closed vocabulary.
#![forbid(unsafe_code)]

mod lifecycle;
mod rings;
mod supervisor;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use cofferdam_ingest_boot::IngestBoot;
use cofferdam_jail::Program;
use cofferdam_picture::CameraId;
use cofferdam_picture_ring::RingSpec;
use tokio::sync::watch;
use tokio::task::JoinSet;

use rings::Ring;
pub use rings::RingSource;
use supervisor::Supervisor;

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
    /// Where rings come from.
    pub source: RingSource,
}

/// Runs the camera side until `stop` completes; every worker has ended when this returns.
///
/// Call on the thread that lives as long as the process: workers die with it.
pub async fn run(settings: DialerSettings, stop: impl Future<Output = ()>) {
    let worker = Arc::new(supervisor::WorkerProgram {
        program: settings.worker,
        environment: settings.environment,
    });
    let (stopping, stopped) = watch::channel(false);
    let mut rings = HashMap::new();
    let mut supervisors = JoinSet::new();
    for plan in settings.cameras {
        let (ring, given) = watch::channel(None::<Arc<Ring>>);
        rings.insert(plan.id().clone(), (plan.spec, ring));
        let worker = Arc::clone(&worker);
        supervisors.spawn(Supervisor::new(plan, worker, given, stopped.clone()).run());
    }
    tokio::select! {
        () = rings::receive(settings.source, rings) => {}
        () = stop => {}
    }
    // The receiver may only be gone with the process; then there is nobody left to tell.
    let _ = stopping.send(true);
    while supervisors.join_next().await.is_some() {}
}
