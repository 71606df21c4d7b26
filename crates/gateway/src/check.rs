//! `cofferdam check`: validates a configuration and what it needs, and says what it found.

use std::collections::BTreeSet;
use std::path::Path;

use cofferdam_encode_link::EncoderName;
use cofferdam_jail::{Streams, WorkerCommand};

use crate::camera_side;
use crate::config::{self, Sandbox};
use crate::exit::Exit;
use crate::programs::{Programs, WORKER_ENVIRONMENT};

/// Checks the configuration at `path`.
#[allow(clippy::print_stdout)]
pub(crate) async fn run(path: &Path) -> Result<(), Exit> {
    let config = config::load(path)?;
    println!("configuration  good: {} camera(s)", config.cameras.len());

    let mut refused = Vec::new();
    for camera in &config.cameras {
        if let Err(what) = camera_side::boot(camera, config.jail.sandbox) {
            refused.push(format!("`camera {}: password_file`: {what}", camera.id));
        }
    }
    if !refused.is_empty() {
        return Err(Exit::configuration(refused.join("\n")));
    }
    println!("secrets        good: every password file can be read");

    let programs = Programs::find()?;
    programs.ingest()?;
    let encode = programs.encode()?;
    println!("programs       good: cofferdam-ingest and cofferdam-encode stand beside cofferdam");

    let names: BTreeSet<&str> = config
        .cameras
        .iter()
        .map(|camera| match camera.encoder.name {
            EncoderName::X264 => "x264",
            EncoderName::Openh264 => "openh264",
        })
        .collect();
    for name in names {
        encoder_works(&encode, name).await?;
    }
    let access =
        if config.readers.anonymous { "anyone may watch" } else { "closed: nobody may watch" };
    println!("readers        {access}");
    match config.jail.sandbox {
        Sandbox::Strict => {
            println!("sandbox        strict: workers run locked in, or not at all");
        }
        Sandbox::Off => {
            println!("sandbox        OFF: workers are not locked in; every picture says so");
        }
    }
    println!("isolation      not isolated: no interfaces are configured");
    Ok(())
}

/// Lets the encode worker encode one picture and print what it found.
async fn encoder_works(encode: &Path, name: &str) -> Result<(), Exit> {
    let failed = |what: String| Exit::run_time(format!("encoder {name}: {what}"));
    let mut command =
        WorkerCommand::new(encode).argument("--check").argument(name).streams(Streams::Inherit);
    for (variable, value) in WORKER_ENVIRONMENT {
        command = command.environment(variable, value);
    }
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(format!("expected it to encode a picture, found that it cannot ({status})")))
}
