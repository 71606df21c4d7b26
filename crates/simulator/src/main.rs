//! The `cofferdam-simulator` binary: several cameras in one process.
//!
//! Prints `camera NAME URL` for each camera once it listens and has pictures, and nothing else, and
//! runs until it is told to end.
#![forbid(unsafe_code)]

mod arguments;

use std::collections::HashSet;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Parser as _;
use cofferdam_canary::Planted;
use cofferdam_simulator::{Camera, CameraSettings};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use arguments::Arguments;

fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();

    let arguments = Arguments::parse();
    let settings = arguments.settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(settings, arguments.plant, arguments.until_stdin_closes))
}

async fn run(
    settings: Vec<CameraSettings>,
    plant: Option<PathBuf>,
    until_stdin_closes: bool,
) -> anyhow::Result<()> {
    // Before the cameras, which may take their time: a signal must end that as well.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stdin_closed = until_stdin_closes.then(stdin_closed).transpose()?;
    let end = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = optional(stdin_closed) => {}
        }
    };
    tokio::pin!(end);

    let starting = tokio::task::spawn_blocking(move || start(settings, plant.as_deref()));
    let cameras = tokio::select! {
        cameras = starting => cameras??,
        () = &mut end => return Ok(()),
    };
    end.await;
    // Connections close before the process ends, so that readers see an end, not a reset.
    cameras.into_iter().for_each(Camera::stop);
    Ok(())
}

fn start(settings: Vec<CameraSettings>, plant: Option<&Path>) -> anyhow::Result<Vec<Camera>> {
    let mut names = HashSet::new();
    if let Some(twice) = settings.iter().find(|camera| !names.insert(camera.name.clone())) {
        anyhow::bail!("two cameras are called {}", twice.name);
    }
    let mut cameras = Vec::new();
    let mut planted = Planted { cameras: Vec::new() };
    for settings in settings {
        let name = settings.name.clone();
        let camera = Camera::start(settings).with_context(|| format!("camera {name}"))?;
        planted.cameras.extend(camera.planted());
        if let Some(path) = plant {
            // Before the camera is announced: who hears of it finds its marks.
            let list = serde_json::to_vec(&planted)?;
            std::fs::write(path, list).with_context(|| path.display().to_string())?;
        }
        let mut out = io::stdout().lock();
        writeln!(out, "camera {name} {}", camera.url())?;
        out.flush()?;
        cameras.push(camera);
    }
    Ok(cameras)
}

/// Resolves when standard input ends, whatever was written there.
fn stdin_closed() -> io::Result<oneshot::Receiver<()>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut ignored = [0; 256];
        while !matches!(stdin.read(&mut ignored), Ok(0) | Err(_)) {}
        drop(sender);
    })?;
    Ok(receiver)
}

async fn optional(closed: Option<oneshot::Receiver<()>>) {
    match closed {
        // That the sender is gone is the message.
        Some(closed) => drop(closed.await),
        None => std::future::pending().await,
    }
}
