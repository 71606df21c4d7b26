//! `cofferdam check`: validates a configuration and what it needs, and says what it found.

use std::path::Path;

use cofferdam_encode_link::EncoderName;
use cofferdam_isolation::Stance;

use crate::camera_side;
use crate::cli::{CheckOptions, Side};
use crate::config::{self, Config, Sandbox};
use crate::core_side::{clock, descriptors, listeners};
use crate::exit::Exit;
use crate::isolation::{NOT_CONFIGURED, SelfCheck};
use crate::programs::Programs;
use crate::vetting::{Vetted, Vetting, ask};

/// Checks a configuration, and this host for it.
pub(crate) async fn run(options: &CheckOptions) -> Result<(), Exit> {
    let config = config::load(&options.config)?;
    say!("configuration  good: {} camera(s)", config.cameras.len());

    let mut refused = Vec::new();
    // A side started apart opens what is its own, and the host may have no more than that.
    let (dials, encodes) = (options.side != Side::Core, options.side != Side::Camera);
    for camera in config.cameras.iter().filter(|_| dials) {
        if let Err(what) = camera_side::boot(camera, config.jail.sandbox) {
            refused.push(format!("`camera {}: password_file`: {what}", camera.id));
        }
    }
    if !refused.is_empty() {
        return Err(Exit::configuration(refused.join("\n")));
    }
    if encodes {
        listeners::open(&config)?;
    }
    let files = match options.side {
        Side::Both => "password, account and certificate",
        Side::Camera => "camera's password",
        Side::Core => "account and certificate",
    };
    say!("secrets        good: every {files} file can be read");

    let programs = Programs::find()?;
    programs.ingest()?;
    let encode = programs.encode()?;
    say!("programs       good: cofferdam-ingest and cofferdam-encode stand beside cofferdam");

    let vetting = Vetting::new(&programs, &config.core.vetted);
    let mut not_vetted = Vec::new();
    for name in config.encoders().into_iter().filter(|_| encodes) {
        match attest(&vetting, &encode, name).await? {
            Ok(Vetted { element, version, files, .. }) => say!(
                "encoder        vetted: {}, {element} {version}, {files} files by {}",
                name.as_str(),
                vetting.list().display()
            ),
            Err(line) => {
                say!("encoder        NOT VETTED: {}", name.as_str());
                not_vetted.push(line);
            }
        }
    }
    match config.reader.len() {
        _ if config.readers.anonymous => say!("readers        anyone may watch"),
        0 => say!("readers        closed: nobody may watch"),
        accounts => say!("readers        {accounts} account(s)"),
    }
    match config.jail.sandbox {
        Sandbox::Strict => {
            say!("sandbox        strict: workers run locked in, or not at all");
        }
        Sandbox::Off => {
            say!("sandbox        OFF: workers are not locked in; every picture says so");
        }
    }
    if encodes {
        say!("clock          {}", clock::line());
        say!("open files     {}", descriptors::line(&config));
        ports(&config);
    }
    let isolated = isolation(&config, options).await;
    if not_vetted.is_empty() {
        return isolated;
    }
    not_vetted.extend(isolated.err().map(|exit| exit.to_string()));
    Err(Exit::attestation(not_vetted.join("\n")))
}

/// Says which ports cannot be had at present. That is no mistake where it is this gateway that runs.
fn ports(config: &Config) {
    let taken = listeners::taken(config);
    if taken.is_empty() {
        say!("ports          good: each can be had");
    }
    for line in taken {
        say!("ports          NOT TO BE HAD (unless it is the gateway that runs): {line}");
    }
}

/// Prints the self-check's table.
async fn isolation(config: &Config, options: &CheckOptions) -> Result<(), Exit> {
    let stance = match options.side {
        Side::Both => Stance::Together,
        Side::Camera => Stance::Camera,
        Side::Core => Stance::Core,
    };
    let Some(check) = SelfCheck::new(config, stance, &options.config) else {
        say!("isolation      {NOT_CONFIGURED}");
        return Ok(());
    };
    let report = check.look().await?;
    let failed: Vec<_> = report.failed().into_iter().map(|check| check.name()).collect();
    if failed.is_empty() {
        say!("isolation      good: no check failed that is not allowed to\n{report}");
        return Ok(());
    }
    say!("isolation      NOT ISOLATED\n{report}");
    Err(Exit::isolation(format!("the isolation self-check failed: {}", failed.join(", "))))
}

/// Whether the encoder `name` is vetted, as a worker of this moment shows it; if not, why.
async fn attest(
    vetting: &Vetting,
    encode: &Path,
    name: EncoderName,
) -> Result<Result<Vetted, String>, Exit> {
    if let Err(refused) = vetting.check(name).await {
        return Ok(Err(refused.to_string()));
    }
    let asked = ask(encode, name)
        .await
        .map_err(|error| Exit::run_time(format!("encoder {}: {error}", name.as_str())))?;
    let verdict = vetting.judge(name, asked.pid, asked.attestation.clone()).await;
    Ok(verdict.map_err(|refused| refused.to_string()))
}
