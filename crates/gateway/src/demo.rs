//! `cofferdam demo`: simulated cameras, an ordinary configuration, and `cofferdam run` on it.
//!
//! Nothing else knows that there is a demo.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cofferdam_jail::{Streams, WorkerCommand};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::cli::DemoOptions;
use crate::exit::Exit;
use crate::programs::Programs;
use crate::signals::Signals;

/// A camera of the demo: name, what it sends, and its picture.
struct DemoCamera {
    name: &'static str,
    simulator: &'static str,
    picture: &'static str,
}

const CAMERAS: &[DemoCamera] = &[
    DemoCamera {
        name: "gate-h264",
        simulator: "h264:1280x720@15",
        picture: "width = 1280, height = 720, fps = 15",
    },
    DemoCamera {
        name: "yard-h265",
        simulator: "h265:960x540@10",
        picture: "width = 960, height = 540, fps = 10",
    },
    DemoCamera {
        name: "door-mjpeg",
        simulator: "mjpeg:704x576@10",
        picture: "width = 704, height = 576, fps = 10",
    },
];

/// The picture footage is brought to, whatever its own size.
const FOOTAGE_PICTURE: &str = "width = 1280, height = 720, fps = 25";

/// Runs until Ctrl-C.
pub(crate) async fn run(options: &DemoOptions) -> Result<(), Exit> {
    let mut signals = Signals::take()?;
    let programs = Programs::find()?;
    let folder = Folder::make()?;
    let (mut simulator, cameras) = start_cameras(&programs, options).await?;
    let config = folder.0.join("cofferdam.toml");
    std::fs::write(&config, configuration(options, &cameras))
        .map_err(|error| Exit::run_time(format!("writing {}: {error}", config.display())))?;
    let path = config.to_str().ok_or_else(|| Exit::run_time("the path is not UTF-8".into()))?;
    let command = WorkerCommand::new(programs.cofferdam()).streams(Streams::Inherit);
    let mut gateway = ["run", "--config", path]
        .into_iter()
        .fold(command, WorkerCommand::argument)
        .spawn()
        .map_err(|error| Exit::run_time(format!("starting the gateway: {error}")))?;

    say!("configuration  {}", config.display());
    for (name, _, _) in &cameras {
        say!("stream         rtsp://{}/{name}/main", options.rtsp);
        say!("               rtsp://{}/{name}/sub", options.rtsp);
    }
    say!("metrics        http://{}/metrics", options.admin);
    say!("stop           Ctrl-C");

    let outcome = tokio::select! {
        () = signals.stop() => Ok(()),
        status = gateway.wait() => Err(match status.ok().and_then(|s| s.code()) {
            Some(code) => Exit::passed_on(u8::try_from(code).unwrap_or(1)),
            None => Exit::run_time("the gateway was killed".into()),
        }),
        _ = simulator.wait() => Err(Exit::run_time("the simulated cameras ended".into())),
    };
    terminate(&mut gateway).await;
    terminate(&mut simulator).await;
    outcome
}

/// A folder that goes when the demo does.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Exit> {
        let path = std::env::temp_dir().join(format!("cofferdam-demo-{}", std::process::id()));
        std::fs::create_dir(&path)
            .map_err(|error| Exit::run_time(format!("making {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts the simulator; gives each camera's name, URL and picture.
async fn start_cameras(
    programs: &Programs,
    options: &DemoOptions,
) -> Result<(Child, Vec<(String, String, &'static str)>), Exit> {
    let failed = |what: String| Exit::run_time(format!("starting the simulated cameras: {what}"));
    let mut command = WorkerCommand::new(&programs.simulator()?).streams(Streams::Read);
    for camera in CAMERAS {
        let specification = format!("{}:{}", camera.name, camera.simulator);
        command = command.argument("--camera").argument(&specification);
    }
    let mut expected: Vec<(&str, &str)> = CAMERAS.iter().map(|c| (c.name, c.picture)).collect();
    if let Some(footage) = &options.footage {
        std::fs::File::open(footage).map_err(|error| {
            let path = footage.display();
            Exit::run_time(format!("--footage: expected a video file, found {path}: {error}"))
        })?;
        let footage = absolute(footage);
        let footage = footage.to_str().ok_or_else(|| failed("the path is not UTF-8".into()))?;
        command = command.argument("--footage").argument(footage);
        expected.push(("footage", FOOTAGE_PICTURE));
    }
    // GStreamer keeps what it knows of its plugins in the user's cache.
    if let Ok(home) = std::env::var("HOME") {
        command = command.environment("HOME", &home);
    }
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let stdout = child.stdout.take().ok_or_else(|| failed("it has no output".into()))?;
    let mut lines = BufReader::new(stdout).lines();
    let mut cameras = Vec::new();
    while cameras.len() < expected.len() {
        let line = lines.next_line().await.map_err(|error| failed(error.to_string()))?;
        let line = line.ok_or_else(|| failed("they ended".into()))?;
        let mut words = line.split(' ');
        if let (Some("camera"), Some(name), Some(url)) = (words.next(), words.next(), words.next())
        {
            let picture = expected.iter().find(|(n, _)| *n == name).map(|(_, picture)| *picture);
            let picture = picture.ok_or_else(|| failed(format!("one more camera: {name}")))?;
            cameras.push((name.to_owned(), url.to_owned(), picture));
        }
    }
    Ok((child, cameras))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn configuration(options: &DemoOptions, cameras: &[(String, String, &str)]) -> String {
    let mut text = format!(
        "[core]\nrtsp = \"{}\"\nadmin = \"{}\"\n\n[readers]\nanonymous = true\n",
        options.rtsp, options.admin
    );
    for (name, url, picture) in cameras {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[camera]]\nid = \"{name}\"\nurl = \"{url}\"\npicture = {{ {picture} }}\n"
        );
    }
    text
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
