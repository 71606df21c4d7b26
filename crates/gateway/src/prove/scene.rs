//! The second gateway and what stands around it: planted cameras, a relay before each, a
//! configuration of its own.

use std::fmt::Write as _;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;

use cofferdam_canary::relay::Relay;
use cofferdam_canary::{Planted, PlantedCamera};
use cofferdam_encode_link::{EncoderName, EncoderSettings};
use cofferdam_jail::{Streams, WorkerCommand};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use url::Url;

use crate::config::Config;
use crate::exit::Exit;
use crate::programs::Programs;

use super::folder::{Folder, argument};

/// Small pictures: what is searched for does not depend on their size.
const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const RATE: u32 = 10;
const CODECS: [&str; 3] = ["h264", "h265", "mjpeg"];
/// Different encoder settings that are tried, each with a camera of every codec.
const MOST_SETTINGS: usize = 4;
const USER: &str = "viewer";

/// A camera, and the wire in front of it.
pub(super) struct Camera {
    /// Its id in the gateway, and its name in the list of marks.
    pub(super) name: String,
    pub(super) relay: Relay,
}

/// Everything that runs.
pub(super) struct Scene {
    pub(super) cameras: Vec<Camera>,
    pub(super) rtsp: SocketAddr,
    pub(super) admin: SocketAddr,
    simulator: Child,
    gateway: Child,
    folder: Folder,
}

/// The different encoder settings of a configuration.
pub(super) fn encoders(config: &Config) -> Result<Vec<EncoderSettings>, Exit> {
    let mut encoders: Vec<EncoderSettings> = Vec::new();
    for camera in &config.cameras {
        if !encoders.contains(&camera.encoder) {
            encoders.push(camera.encoder.clone());
        }
    }
    match encoders.len() {
        0 => Ok(vec![default_encoder()?]),
        1..=MOST_SETTINGS => Ok(encoders),
        found => Err(Exit::configuration(format!(
            "prove: expected at most {MOST_SETTINGS} different encoder settings, found {found}"
        ))),
    }
}

/// What a camera is encoded with that says nothing.
pub(super) fn default_encoder() -> Result<EncoderSettings, Exit> {
    crate::config::default_encoder()
        .ok_or_else(|| Exit::run_time("the default encoder settings are not valid".into()))
}

impl Scene {
    /// Starts everything. What is not there is told by name.
    pub(super) async fn start(
        programs: &Programs,
        encoders: &[EncoderSettings],
    ) -> Result<Self, Exit> {
        programs.ingest()?;
        programs.encode()?;
        let simulator = programs.simulator().map_err(|exit| {
            Exit::run_time(format!(
                "{exit}\nthe proof needs the camera simulator, which the tools image holds"
            ))
        })?;
        let folder = Folder::make()?;
        // The account is a means to be asked for a password: its challenge is one more place.
        let password = format!("{:016x}", getrandom::u64().map_err(random)?);
        let password = folder.write("password", &format!("{password}\n"))?;
        let names: Vec<String> = (1..=encoders.len())
            .flat_map(|number| {
                CODECS.iter().map(move |codec| match number {
                    1 => (*codec).to_owned(),
                    _ => format!("{codec}-{number}"),
                })
            })
            .collect();
        let mut command = WorkerCommand::new(&simulator).streams(Streams::Read);
        for (name, codec) in names.iter().zip(CODECS.iter().cycle()) {
            let specification = format!("{name}:{codec}:{WIDTH}x{HEIGHT}@{RATE}");
            command = command.argument("--camera").argument(&specification);
        }
        let (marks, password_file) = (folder.path("marks.json"), argument(&password)?);
        for (option, value) in [
            ("--user", USER),
            ("--password-file", password_file),
            ("--auth", "digest-qop"),
            ("--plant", argument(&marks)?),
        ] {
            command = command.argument(option).argument(value);
        }
        // GStreamer keeps what it knows of its plugins in the user's cache.
        if let Ok(home) = std::env::var("HOME") {
            command = command.environment("HOME", &home);
        }
        let mut simulator = command
            .spawn()
            .map_err(|error| Exit::run_time(format!("starting the simulated cameras: {error}")))?;
        let mut cameras = Vec::new();
        for (name, address) in announced(&mut simulator, names.len()).await? {
            let relay = Relay::start(address)
                .map_err(|error| Exit::run_time(format!("starting a relay: {error}")))?;
            cameras.push(Camera { name, relay });
        }
        let (rtsp, admin) = free_addresses()?;
        let text = configuration(&cameras, encoders, (rtsp, admin), password_file);
        let config = folder.write("cofferdam.toml", &text)?;
        let gateway = gateway(programs, &config, &folder.path("log"))?;
        Ok(Self { cameras, rtsp, admin, simulator, gateway, folder })
    }

    /// The marks of all cameras.
    pub(super) fn planted(&self) -> Result<Vec<PlantedCamera>, Exit> {
        let path = self.folder.path("marks.json");
        let failed = |what: String| Exit::run_time(format!("{}: {what}", path.display()));
        let text = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let planted: Planted =
            serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        Ok(planted.cameras)
    }

    /// How the gateway ended, where it has.
    pub(super) fn gateway_ended(&mut self) -> Option<Exit> {
        let status = self.gateway.try_wait().ok()??;
        let log = String::from_utf8_lossy(&self.log()).into_owned();
        let last: Vec<&str> = log.lines().rev().take(10).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        let what =
            format!("the second gateway ended with {status}; its last lines:\n{}", last.join("\n"));
        Some(match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(code @ 2..) => Exit::with_code(code, what),
            _ => Exit::run_time(what),
        })
    }

    /// What the gateway has logged.
    pub(super) fn log(&self) -> Vec<u8> {
        std::fs::read(self.folder.path("log")).unwrap_or_default()
    }

    /// Ends the cameras.
    pub(super) async fn stop_cameras(&mut self) {
        terminate(&mut self.simulator).await;
    }

    /// Ends the gateway.
    pub(super) async fn stop_gateway(&mut self) {
        terminate(&mut self.gateway).await;
    }
}

fn random(error: getrandom::Error) -> Exit {
    Exit::run_time(format!("no random bytes: {error}"))
}

/// Names and addresses of the cameras, once all of them listen.
async fn announced(simulator: &mut Child, count: usize) -> Result<Vec<(String, SocketAddr)>, Exit> {
    let failed = |what: &str| Exit::run_time(format!("starting the simulated cameras: {what}"));
    let stdout = simulator.stdout.take().ok_or_else(|| failed("they have no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let mut cameras = Vec::new();
    while cameras.len() < count {
        let line = lines.next_line().await.map_err(|error| failed(&error.to_string()))?;
        let line = line.ok_or_else(|| failed("they ended"))?;
        let mut words = line.split(' ');
        let (Some("camera"), Some(name), Some(url)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let address = Url::parse(url).ok().and_then(|url| url.socket_addrs(|| None).ok()?.pop());
        cameras.push((name.to_owned(), address.ok_or_else(|| failed("an URL makes no sense"))?));
    }
    Ok(cameras)
}

/// Two addresses of loopback that nobody listens at.
fn free_addresses() -> Result<(SocketAddr, SocketAddr), Exit> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = |listener: &TcpListener| listener.local_addr();
    let both = || -> std::io::Result<_> {
        let (one, two) = (bind()?, bind()?);
        Ok((address(&one)?, address(&two)?))
    };
    both().map_err(|error| Exit::run_time(format!("looking for free ports: {error}")))
}

fn configuration(
    cameras: &[Camera],
    encoders: &[EncoderSettings],
    (rtsp, admin): (SocketAddr, SocketAddr),
    password_file: &str,
) -> String {
    let mut text = format!(
        "[core]\nrtsp = \"{rtsp}\"\nadmin = \"{admin}\"\n\n[log]\nlevel = \"debug\"\n\
         format = \"json\"\n\n[readers]\nanonymous = true\n"
    );
    for (camera, encoder) in cameras.iter().zip(encoders.iter().flat_map(|e| [e; CODECS.len()])) {
        let name = match encoder.name {
            EncoderName::X264 => "x264",
            EncoderName::Openh264 => "openh264",
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[camera]]\nid = \"{}\"\nurl = \"rtsp://{}/stream\"\nusername = \"{USER}\"\n\
             password_file = {password_file:?}\n\
             picture = {{ width = {WIDTH}, height = {HEIGHT}, fps = {RATE} }}\n\
             encoder = {{ name = \"{name}\", preset = \"{}\", profile = \"{}\", quality = {}, \
             max_kbps = {}, gop_seconds = {} }}\n\
             sub = {{ width = 320, height = 180 }}\n\
             signal_loss = {{ stale_after = \"500ms\", hold = \"500ms\", then = \"disconnect\" }}\n",
            camera.name,
            camera.relay.address(),
            encoder.preset.as_str(),
            encoder.profile.as_str(),
            encoder.quality,
            encoder.max_kbps,
            encoder.gop_seconds,
        );
    }
    text
}

/// Starts the gateway with its output and errors in a file.
fn gateway(programs: &Programs, config: &Path, log: &Path) -> Result<Child, Exit> {
    let failed = |what: String| Exit::run_time(format!("starting the gateway: {what}"));
    let io = |error: std::io::Error| failed(error.to_string());
    let file = File::create(log).map_err(io)?;
    let config = argument(config)?;
    let command = WorkerCommand::new(programs.cofferdam()).streams(Streams::Inherit);
    let command = ["run", "--config", config].into_iter().fold(command, WorkerCommand::argument);
    // Processes inherit this one's streams, so for a moment those are the file.
    let stdout = std::io::stdout().as_fd().try_clone_to_owned().map_err(io)?;
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().map_err(io)?;
    let system = |error: rustix::io::Errno| failed(error.to_string());
    rustix::stdio::dup2_stdout(&file).map_err(system)?;
    rustix::stdio::dup2_stderr(&file).map_err(system)?;
    let spawned = command.spawn();
    rustix::stdio::dup2_stdout(&stdout).map_err(system)?;
    rustix::stdio::dup2_stderr(&stderr).map_err(system)?;
    spawned.map_err(|error| failed(error.to_string()))
}

async fn terminate(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Fails only for a child that is gone already.
        let _ = kill_process(pid, Signal::TERM);
    }
    let patience = std::time::Duration::from_secs(8);
    if tokio::time::timeout(patience, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_the_gateway_takes() {
        let relay = Relay::start(([127, 0, 0, 1], 9).into()).unwrap();
        let cameras = [Camera { name: "h264".into(), relay }];
        let encoder = EncoderSettings { quality: 31, ..default_encoder().unwrap() };
        let folder = Folder::make().unwrap();
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let text =
            configuration(&cameras, std::slice::from_ref(&encoder), (address(1), address(2)), "x");
        let path = folder.write("cofferdam.toml", &text).unwrap();
        let config = crate::config::load(&path).unwrap();
        assert_eq!(encoders(&config).unwrap(), [encoder]);
        assert!(folder.root().is_dir());
    }
}
