//! `cofferdam prove`: shows on this host, with these binaries and these encoder settings, that no byte
//! a camera wrote reaches the core side.
//!
//! The installed gateway is started a second time, on loopback, between simulated cameras that carry
//! random marks at every place a camera can write and readers that keep every byte they are sent.
//! What the readers got is searched for the marks; so, as the control, is what the cameras said.

mod folder;
mod html;
mod judge;
mod observe;
mod posture;
mod report;
mod scene;

use std::path::{Path, PathBuf};
use std::time::Instant;

use cofferdam_encode_link::EncoderSettings;
use cofferdam_isolation::Stance;

use crate::cli::ProveOptions;
use crate::config;
use crate::exit::Exit;
use crate::isolation::SelfCheck;
use crate::programs::Programs;
use crate::signals::Signals;

use observe::Observed;
use report::{Context, HostCheck, Report};
use scene::Scene;

/// Runs the proof and writes its reports.
pub(crate) async fn run(options: &ProveOptions) -> Result<(), Exit> {
    let config = match &options.config {
        Some(path) => Some((config::load(path)?, path)),
        None => None,
    };
    let encoders = match &config {
        Some((config, _)) => scene::encoders(config)?,
        None => vec![scene::default_encoder()?],
    };
    let mut signals = Signals::take()?;
    let programs = Programs::find()?;
    std::fs::create_dir_all(&options.out)
        .map_err(|error| Exit::run_time(format!("{}: {error}", options.out.display())))?;
    let began = Instant::now();
    say("starting the gateway a second time, between simulated cameras and readers");
    let proof = prove(&programs, &encoders);
    let observed = tokio::select! {
        outcome = proof => outcome?,
        () = signals.stop() => return Err(Exit::run_time("stopped before there was a result".into())),
    };
    say("searching");
    let mut context = Context::collect(&programs, encoders, options.config.as_deref())?;
    if let Some(check) = config.and_then(|(c, path)| SelfCheck::new(&c, Stance::Together, path)) {
        context.isolation = Some(HostCheck::all(&check.look().await?));
    }
    // A search keeps a core busy for seconds, and there is nothing else to do meanwhile.
    let judged = judge::judge(&observed)?;
    let report = Report::new(context, observed, judged, began.elapsed());
    let json = write(&options.out, "cofferdam-proof.json", &report.to_json()?)?;
    let html = write(&options.out, "cofferdam-proof.html", &html::render(&report))?;
    say(&report.summary());
    say(&format!("reports: {} and {}", html.display(), json.display()));
    report.outcome()
}

async fn prove(programs: &Programs, encoders: &[EncoderSettings]) -> Result<Observed, Exit> {
    let mut scene = Scene::start(programs, encoders).await?;
    observe::observe(&mut scene).await
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Exit> {
    let path = folder.join(name);
    std::fs::write(&path, text)
        .map_err(|error| Exit::run_time(format!("{}: {error}", path.display())))?;
    Ok(path)
}

fn say(line: &str) {
    say!("{line}");
}
