//! `cofferdam probe`: what is this camera?
//!
//! The questions are asked by the ingest worker, which is the only program here that knows how; it
//! prints what the camera said, escaped.

use std::io::Write;

use cofferdam_ingest_boot::{Colour, Credentials, IngestBoot, descriptors};
use cofferdam_jail::{Streams, WorkerCommand};
use cofferdam_picture::Geometry;
use cofferdam_picture_ring::SlotCount;
use serde::Serialize;
use url::Url;

use crate::cli::ProbeOptions;
use crate::config::read_password;
use crate::exit::Exit;
use crate::programs::{Programs, WORKER_ENVIRONMENT};

/// What the worker is told: as any other, and what it is to print.
#[derive(Serialize)]
struct Request {
    #[serde(flatten)]
    boot: IngestBoot,
    password_file: Option<String>,
}

/// The file of the password as a configuration is to name it, which may stand in another folder.
fn password_file(options: &ProbeOptions) -> Option<String> {
    let file = options.password_file.as_ref()?;
    Some(std::path::absolute(file).ok()?.display().to_string())
}

/// Probes the camera the options name.
pub(crate) async fn run(options: &ProbeOptions) -> Result<(), Exit> {
    let boot = boot(options)?;
    let failed = |error: std::io::Error| Exit::run_time(format!("starting the probe: {error}"));
    let json = serde_json::to_vec(&Request { boot, password_file: password_file(options) })
        .map_err(|error| failed(error.into()))?;
    let (read, write) = cofferdam_jail::pipe().map_err(failed)?;
    let mut command = WorkerCommand::new(&Programs::find()?.ingest()?)
        .argument("--probe")
        .descriptor(descriptors::BOOT, read)
        .streams(Streams::Inherit);
    for (name, value) in WORKER_ENVIRONMENT {
        command = command.environment(name, value);
    }
    let mut child = command.spawn().map_err(|error| Exit::run_time(error.to_string()))?;
    // Far smaller than a pipe, so this cannot block.
    std::fs::File::from(write).write_all(&json).map_err(failed)?;
    let status = child.wait().await.map_err(failed)?;
    if status.success() { Ok(()) } else { Err(Exit::passed_on(1)) }
}

fn boot(options: &ProbeOptions) -> Result<IngestBoot, Exit> {
    let refuse = |what: &str| Err(Exit::configuration(format!("probe: {what}")));
    let Ok(url) = Url::parse(&options.url) else {
        return refuse("expected rtsp://host[:port]/path, found no URL");
    };
    if url.scheme() != "rtsp" || url.host_str().is_none_or(str::is_empty) {
        return refuse("expected rtsp://host[:port]/path, found another URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(
            "expected no user or password in the URL, where everyone on this host can read them; \
             use --username and --password-file",
        );
    }
    let credentials = match (&options.username, &options.password_file) {
        (Some(username), Some(file)) => Some(Credentials {
            username: username.clone(),
            password: read_password(file)
                .map_err(|what| Exit::configuration(format!("--password-file: {what}")))?,
        }),
        _ => None,
    };
    // The probe has no ring; a geometry is part of the message all the same.
    let geometry = Geometry::new(Geometry::MAX_WIDTH, Geometry::MAX_HEIGHT)
        .map_err(|error| Exit::run_time(error.to_string()))?;
    let camera = "probe".parse().map_err(|error| Exit::run_time(format!("{error}")))?;
    Ok(IngestBoot {
        camera,
        url: url.to_string(),
        credentials,
        basic_allowed: options.basic,
        geometry,
        slots: SlotCount::default().into(),
        colour: Colour::default(),
        unjailed: false,
    })
}
