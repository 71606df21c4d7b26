//! The core side: rings, encode workers, the RTSP server, metrics. It never meets a camera byte.

mod backoff;
pub(crate) mod clock;
pub(crate) mod descriptors;
mod encoder;
mod handover;
pub(crate) mod listeners;
mod metrics;
mod reload;
mod status;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_admin::Admin;
use cofferdam_handover::RingRecord;
use cofferdam_isolation::Stance;
use cofferdam_jail::{Kind, User};
use cofferdam_picture::MonotonicTime;
use cofferdam_picture_ring::{RingMemory, RingSpec, SlotCount};
use cofferdam_publish::{
    AfterHold, Availability, CameraPublisher, MountSeed, PublishMetrics, PublishSettings,
    ReaderLimits, SignalLoss,
};
use cofferdam_serve::{Refresh, ServeMetrics};
use prometheus_client::registry::Registry;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::config::{self, Camera, Config, Sandbox};
use crate::exit::Exit;
use crate::isolation::SelfCheck;
use crate::logging::LostLines;
use crate::parent::Parent;
use crate::programs::Programs;
use crate::signals::{Asked, Signals};
use crate::tls::{self, ReloadMetrics};
use crate::vetting::{NotVetted, Vetting};
use crate::{isolation, jail};

use clock::ClockMetric;
use encoder::{EncoderPlan, Verdicts};
use metrics::GatewayMetrics;
use reload::{AccountMetrics, Reload};

/// How long a stop may take before whatever is left is killed.
const DRAIN: Duration = Duration::from_secs(3);

/// How long of it the admin page may take.
const ADMIN_DRAIN: Duration = Duration::from_millis(250);

/// Runs the core side until the operating system asks it to stop.
pub(crate) async fn run(config: Config, path: &Path, parent: Option<Parent>) -> Result<(), Exit> {
    let mut signals = Signals::take()?;
    let parent = parent.map(Arc::new);
    let stance = if parent.is_some() { Stance::Together } else { Stance::Core };
    listeners::require_interface(&config.core)?;
    let self_check = SelfCheck::new(&config, stance, path);
    // The parent of both has looked already.
    if let (Some(check), None) = (&self_check, &parent) {
        check.require().await?;
    }
    let (access, certificates) = listeners::open(&config)?;
    let programs = Programs::find()?;
    let encode = Arc::new(Programs::hold(&programs.encode()?)?);
    descriptors::raise(&config);
    let vetting = Vetting::new(&programs, &config.core.vetted);
    for name in config.encoders() {
        vetting.check(name).await?;
    }

    let mut registry = Registry::with_prefix("cofferdam");
    let publish_metrics = PublishMetrics::register(&mut registry);
    let gateway_metrics = GatewayMetrics::register(&mut registry, config.jail.sandbox);
    let serve_metrics = ServeMetrics::default();
    serve_metrics.register(&mut registry);
    let reload_metrics = ReloadMetrics::register(&mut registry);
    if let Some(rtsps) = &config.core.rtsps {
        reload_metrics.show(rtsps, &mut registry);
    }
    registry.register_collector(Box::new(LostLines));
    let clock_metric = ClockMetric::register(&mut registry);
    let refresh = Refresh::default();
    let reload = Reload {
        config: config.clone(),
        path: path.to_owned(),
        access: access.clone(),
        certificates: certificates.clone(),
        refresh: refresh.clone(),
        metrics: AccountMetrics::register(&mut registry),
        parent: parent.clone(),
    };

    let (stopping, stopped) = watch::channel(false);
    let mut mounts = Vec::new();
    let mut rings = Vec::new();
    let mut plans = Vec::new();
    let mut verdicts = Vec::new();
    for camera in &config.cameras {
        let spec = RingSpec { geometry: camera.geometry, slots: SlotCount::default() };
        let ring = RingMemory::create(spec)
            .map_err(|error| Exit::run_time(format!("camera {}: {error}", camera.id)))?;
        let publisher = publisher(camera, &publish_metrics)?;
        mounts.extend(publisher.mounts());
        let (first, verdict) = oneshot::channel();
        verdicts.push(verdict);
        let plan = EncoderPlan {
            settings: encoder::settings(camera, spec, config.jail.sandbox),
            program: Arc::clone(&encode),
            ring: ring
                .reopen_read_only()
                .map_err(|error| Exit::run_time(format!("camera {}: {error}", camera.id)))?,
            faults: gateway_metrics.worker_faults.clone(),
            vetting: vetting.clone(),
            verdicts: Verdicts {
                metric: gateway_metrics.attested.of(&camera.id, camera.encoder.name),
                first: Some(first),
            },
        };
        rings.push((RingRecord { camera: camera.id.clone(), spec }, ring));
        plans.push((plan, publisher));
    }
    let readers = listeners::Whom { access, refresh, certificates: certificates.clone() };
    let servers = listeners::bind(&config, readers, &mounts, serve_metrics).await?;
    let admin_listener = listeners::admin(&config.core)?;
    let status =
        status::page(&config, self_check.is_some(), &mounts, gateway_metrics.isolation.clone());
    let ready = move || mounts.iter().all(|m| m.availability() != Availability::NotReady);
    let admin = Admin::new(registry, ready, status);

    let offering = handover::Offering::prepare(&config, parent.clone(), rings)?;
    // Everything is open that takes a privilege; no worker runs yet.
    jail::lock_side(Kind::Server, User::CORE, config.jail.sandbox)?;
    let watch = match self_check.map(SelfCheck::locked) {
        Some(check) => {
            // Of a host that is no longer what it was at the start, a side that comes back tells.
            let report = match &parent {
                Some(_) => check.require_of_the_process().await?,
                None => check.require().await?,
            };
            let metrics = gateway_metrics.isolation;
            Some(check.watch(report, move |report| metrics.show(report)))
        }
        None => {
            isolation::say_not_configured();
            None
        }
    };
    if config.jail.sandbox == Sandbox::Off {
        tracing::warn!(
            "`jail.sandbox = \"off\"`: workers are not locked in; every picture says so"
        );
    }
    if config.readers.anonymous {
        tracing::warn!("`readers.anonymous = true`: anyone who reaches the listener may watch");
    } else if config.reader.is_empty() {
        tracing::warn!("{}", reload::NOBODY);
    }

    let mut encoders = JoinSet::new();
    for (plan, publisher) in plans {
        encoders.spawn(encoder::supervise(plan, publisher, stopped.clone()));
    }
    let mut tasks = JoinSet::new();
    if let (Some(rtsps), Some(certificates)) = (config.core.rtsps.clone(), certificates) {
        tasks.spawn(tls::follow(rtsps, certificates, reload_metrics));
    }
    tasks.spawn(offering.run());
    tasks.spawn(clock_metric.watch());
    if let Some(watch) = watch {
        tasks.spawn(watch);
    }
    let mut admin = tokio::spawn(admin.serve(admin_listener, changed(stopped.clone())));
    let mut serving = JoinSet::new();
    for server in servers {
        serving.spawn(server.run(changed(stopped.clone())));
    }

    if !config.readers.anonymous {
        reload.rehearse();
    }
    let stopping_time = stop_or_reload(&mut signals, &reload);
    tokio::pin!(stopping_time);
    let stop = tokio::select! {
        () = &mut stopping_time => true,
        refused = all_vetted(verdicts) => {
            refused?;
            false
        }
    };
    if !stop {
        if let Some(parent) = parent {
            parent.started()?;
        }
        tracing::info!(rtsp = %config.core.rtsp, admin = %config.core.admin, cameras = config.cameras.len(), "core side started");
        // Whatever ends by itself would not come back: this side does, whole.
        tokio::select! {
            () = stopping_time => {}
            ended = Ended::first(&mut serving, &mut encoders, &mut tasks) => return Err(ended.into()),
            _ = &mut admin => return Err(Ended("the admin page").into()),
        }
    }
    tracing::info!("stopping");
    let _ = stopping.send(true);
    let drained = tokio::time::timeout(DRAIN, async {
        while encoders.join_next().await.is_some() {}
        while serving.join_next().await.is_some() {}
        // Whoever has begun a request here and not finished it is not waited for.
        let _ = tokio::time::timeout(ADMIN_DRAIN, admin).await;
    });
    if drained.await.is_err() {
        tracing::warn!("stopped with connections still open");
    }
    Ok(())
}

/// Completes when it is time to stop, and until then reads accounts anew as often as that is asked for.
async fn stop_or_reload(signals: &mut Signals, reload: &Reload) {
    let mut asked = signals.next().await;
    while asked == Asked::Reload {
        asked = tokio::select! {
            () = reload.run() => signals.next().await,
            // Asked again while it reads, it reads again.
            asked = signals.next() => asked,
        };
    }
}

/// A part of this side that ended before it was to stop.
#[derive(Debug, PartialEq, Eq)]
struct Ended(&'static str);

impl Ended {
    /// The first that does. Servers and encoders go on until the stop; of the other tasks some may be done before,
    /// but none fails.
    async fn first(
        servers: &mut JoinSet<()>,
        encoders: &mut JoinSet<()>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let failed = async {
            while let Some(ended) = tasks.join_next().await {
                if ended.is_err() {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            Some(_) = servers.join_next() => Self("an RTSP server"),
            Some(_) = encoders.join_next() => Self("what looks after an encode worker"),
            () = failed => Self("a task"),
        }
    }
}

impl From<Ended> for Exit {
    fn from(Ended(what): Ended) -> Self {
        Self::run_time(format!("expected everything to go on until the stop, found {what} ended"))
    }
}

/// Waits until the first encode worker of each camera is judged. One that ends otherwise is a fault
/// like any later one.
async fn all_vetted(verdicts: Vec<oneshot::Receiver<Result<(), NotVetted>>>) -> Result<(), Exit> {
    for verdict in verdicts {
        if let Ok(verdict) = verdict.await {
            verdict?;
        }
    }
    Ok(())
}

/// Completes when the gateway stops.
async fn changed(mut stopped: watch::Receiver<bool>) {
    // An error means that whoever would say it is gone, which is the same.
    let _ = stopped.changed().await;
}

fn publisher(camera: &Camera, metrics: &PublishMetrics) -> Result<CameraPublisher, Exit> {
    let settings = PublishSettings {
        camera: camera.id.clone(),
        rate: camera.rate,
        geometry: camera.geometry,
        sub_geometry: camera.sub,
        signal_loss: SignalLoss {
            hold: camera.signal_loss.hold,
            then: match camera.signal_loss.then {
                config::AfterHold::Disconnect => AfterHold::Disconnect,
                config::AfterHold::Slate => AfterHold::Slate,
            },
        },
        reader_limits: ReaderLimits::default(),
    };
    let seeds = [seed()?, seed()?];
    Ok(CameraPublisher::new(&settings, seeds, metrics, MonotonicTime::now()))
}

fn seed() -> Result<MountSeed, Exit> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes)
        .map_err(|error| Exit::run_time(format!("asking for random numbers: {error}")))?;
    Ok(MountSeed::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_ends_before_the_stop_is_noticed() {
        let (never, done) = (std::future::pending::<()>, std::future::ready::<()>);
        let failing = async { panic!("on purpose") };
        let mut sets: [JoinSet<()>; 3] = Default::default();
        for set in &mut sets {
            set.spawn(never());
        }
        let [servers, encoders, tasks] = &mut sets;
        tasks.spawn(done(()));
        for _ in 0..10 {
            tokio::select! {
                biased;
                found = Ended::first(servers, encoders, tasks) => panic!("all goes on: {found:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        tasks.spawn(failing);
        assert_eq!(Ended::first(servers, encoders, tasks).await, Ended("a task"));
        encoders.spawn(done(()));
        let what = Ended("what looks after an encode worker");
        assert_eq!(Ended::first(servers, encoders, tasks).await, what);
        servers.spawn(done(()));
        assert_eq!(Ended::first(servers, encoders, tasks).await, Ended("an RTSP server"));
    }
}
