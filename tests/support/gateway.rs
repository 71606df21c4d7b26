//! A running gateway: the real programs on a configuration of the test's own.

use std::fmt::Write as _;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::http::{self, Metrics};
use crate::processes::{self, Process};
use crate::programs;
use crate::vetting;
use crate::wait::until;

/// A gateway's configuration.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Its cameras.
    pub cameras: Vec<CameraConfig>,
    /// Whether anyone may watch.
    pub anonymous: bool,
    /// Lines put before everything else.
    pub preamble: String,
    /// Further lines of `[core]`.
    pub core: String,
}

/// One `[[camera]]` table.
#[derive(Clone, Debug)]
pub struct CameraConfig {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// Width, height, pictures a second.
    pub picture: (u32, u32, u32),
    /// Further lines of the table.
    pub more: String,
}

impl CameraConfig {
    /// A camera with nothing but what is required.
    #[must_use]
    pub fn new(id: &str, url: &str, picture: (u32, u32, u32)) -> Self {
        Self { id: id.into(), url: url.into(), picture, more: String::new() }
    }

    /// Adds a line to the table.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        self.more.push_str(line);
        self.more.push('\n');
        self
    }
}

impl GatewayConfig {
    /// Those cameras, and anyone may watch.
    #[must_use]
    pub fn open(cameras: Vec<CameraConfig>) -> Self {
        Self { cameras, anonymous: true, preamble: String::new(), core: String::new() }
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self, rtsp: SocketAddr, admin: SocketAddr) -> String {
        let mut text = format!(
            "{}\n[core]\nrtsp = \"{rtsp}\"\nadmin = \"{admin}\"\n{}\n[readers]\nanonymous = {}\n",
            self.preamble, self.core, self.anonymous
        );
        for camera in &self.cameras {
            let (width, height, fps) = camera.picture;
            let _ = write!(
                text,
                "[[camera]]\nid = \"{}\"\nurl = \"{}\"\n\
                 picture = {{ width = {width}, height = {height}, fps = {fps} }}\n{}\n",
                camera.id, camera.url, camera.more
            );
        }
        text
    }
}

/// A gateway that runs until it is dropped.
pub struct Gateway {
    /// Where readers connect.
    pub rtsp: SocketAddr,
    /// Where metrics are.
    pub admin: SocketAddr,
    child: Child,
    folder: TempDir,
}

/// A port nobody listens on, below those the kernel hands out by itself: one of those could be given to
/// somebody else between this look and the gateway's.
///
/// # Panics
/// When no port is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    (0..10_000)
        .map(|_| start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000 + 20_000)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("loopback has a free port")
}

impl Gateway {
    /// Starts a gateway and waits until it is ready.
    ///
    /// # Panics
    /// When it ends, or is not ready in time; with its log.
    #[must_use]
    pub fn start(config: &GatewayConfig) -> Self {
        Self::start_with(config, &programs::ours("cofferdam"), |_| ())
    }

    /// As [`start`](Self::start), with the program at `program`, and `adapt` to change the command.
    /// The encoders beside it are vetted, unless there is a list already.
    ///
    /// # Panics
    /// As `start`.
    #[must_use]
    pub fn start_with(
        config: &GatewayConfig,
        program: &Path,
        adapt: impl FnOnce(&mut Command),
    ) -> Self {
        let mut gateway = Self::launch(config, program, adapt);
        gateway.wait_for_page("/readyz");
        gateway
    }

    /// Starts it and waits until its admin page answers: a mount may never become ready.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_unready(config: &GatewayConfig, program: &Path) -> Self {
        let mut gateway = Self::launch(config, program, |_| ());
        gateway.wait_for_page("/healthz");
        gateway
    }

    fn launch(config: &GatewayConfig, program: &Path, adapt: impl FnOnce(&mut Command)) -> Self {
        vetting::ensure(program.parent().expect("a program stands in a folder"));
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (rtsp, admin) = (loopback(free_port()), loopback(free_port()));
        let folder = TempDir::with_prefix("cofferdam-test-").expect("a temporary folder");
        let path = folder.path().join("cofferdam.toml");
        std::fs::write(&path, config.text(rtsp, admin)).expect("the folder can be written");
        let log = File::create(folder.path().join("log")).expect("the folder can be written");
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(&path).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a descriptor")).stderr(log);
        adapt(&mut command);
        let child = command.spawn().expect("the gateway starts");
        Self { rtsp, admin, child, folder }
    }

    fn wait_for_page(&mut self, page: &str) {
        until(Duration::from_secs(30), &format!("the gateway's {page}"), || {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                panic!("the gateway ended with {status}:\n{}", self.log());
            }
            matches!(http::get(self.admin, page), Some((200, _))).then_some(())
        });
    }

    /// The URL of a mount, such as `lobby/main`.
    #[must_use]
    pub fn url(&self, mount: &str) -> String {
        format!("rtsp://{}/{mount}", self.rtsp)
    }

    /// The metrics as they stand.
    ///
    /// # Panics
    /// When the gateway does not answer.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let (status, text) = http::get(self.admin, "/metrics").expect("the admin page answers");
        assert_eq!(status, 200);
        Metrics(text)
    }

    /// Waits until a metric satisfies `good`.
    ///
    /// # Panics
    /// When it does not in time; with the gateway's log.
    pub fn wait_for_metric(&self, name: &str, labels: &[&str], good: impl Fn(f64) -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            let value = self.metrics().value(name, labels);
            if value.is_some_and(&good) {
                return;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "{name}{labels:?} stayed at {value:?}; log:\n{}",
                self.log()
            );
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// What the gateway has logged.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.log_bytes()).into_owned()
    }

    /// What the gateway has logged, byte for byte.
    #[must_use]
    pub fn log_bytes(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The gateway's processes, itself included.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        processes::tree(i32::try_from(self.child.id()).expect("a process number"))
    }

    /// The worker of a camera: `program` is `cofferdam-ingest` or `cofferdam-encode`.
    #[must_use]
    pub fn worker(&self, program: &str, camera: &str) -> Option<Process> {
        let camera = format!("--camera {camera}");
        // The kernel keeps 15 characters of a program's name.
        let short: String = program.chars().take(15).collect();
        self.processes().into_iter().find(|p| p.program == short && p.arguments.ends_with(&camera))
    }

    /// The side's process: `core` or `camera`.
    #[must_use]
    pub fn side(&self, side: &str) -> Option<Process> {
        let side = format!("--side {side}");
        self.processes().into_iter().find(|p| p.arguments.contains(&side))
    }

    /// The configuration file.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("cofferdam.toml")
    }

    /// The number of the gateway's first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it read its accounts anew.
    ///
    /// # Panics
    /// When it has ended.
    pub fn hang_up(&self) {
        let processes = self.processes();
        let gateway = processes.iter().find(|p| p.pid.cast_unsigned() == self.pid());
        gateway.expect("the gateway runs").signal(Signal::HUP);
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Panics
    /// When it does not stop in time.
    pub fn stop(&mut self) -> ExitStatus {
        if let Some(gateway) = self.processes().iter().find(|p| p.pid.cast_unsigned() == self.pid())
        {
            gateway.signal(Signal::TERM);
        }
        until(Duration::from_secs(15), "the gateway to stop", || {
            self.child.try_wait().expect("a child can be waited for")
        })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Everything below dies with it; a test that stopped it has nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the gateway\n{}", self.log());
        }
    }
}
