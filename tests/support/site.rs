//! A site in network namespaces: a camera network with a camera, a core network for readers, and a host
//! between them (or one for each side) that keeps nothing apart until it is told to.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use tempfile::TempDir;

use crate::http::{self, Metrics};
use crate::netns::Namespace;
use crate::processes::Owned;
use crate::wait::until;
use crate::wire::{Capture, Frame};
use crate::{programs, scene};

/// The camera.
pub const CAMERA: Ipv4Addr = Ipv4Addr::new(10, 99, 20, 11);
/// The gateway, as cameras see it.
pub const GATEWAY_TO_CAMERAS: Ipv4Addr = Ipv4Addr::new(10, 99, 20, 1);
/// The gateway, as readers see it.
pub const GATEWAY_TO_READERS: Ipv4Addr = Ipv4Addr::new(10, 99, 30, 5);
/// A reader.
pub const READER: Ipv4Addr = Ipv4Addr::new(10, 99, 30, 20);
/// Where the gateway serves.
pub const RTSP: u16 = 8554;
/// Where its metrics are, on loopback.
pub const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// For whatever is started on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The two wires: the camera's (its end of the cable) and the reader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Of the camera network.
    Camera,
    /// Of the core network.
    Core,
}

/// The site.
pub struct Site {
    camera_program: Option<Owned>,
    /// Files of the gateway, open to the users that its sides become.
    pub folder: TempDir,
    /// The camera network.
    pub camera: Namespace,
    /// The gateway's host; where the sides are apart, the camera side's.
    pub gateway: Namespace,
    /// The core side's host, where the sides are apart.
    pub core_side: Option<Namespace>,
    /// The core network.
    pub core: Namespace,
}

impl Site {
    /// A host with both networks.
    #[must_use]
    pub fn together() -> Self {
        Self::new(None)
    }

    /// A host for each side.
    #[must_use]
    pub fn apart() -> Self {
        Self::new(Some(Namespace::new("core-side")))
    }

    fn new(core_side: Option<Namespace>) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = TempDir::with_prefix("cofferdam-site-").expect("a temporary folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))
            .expect("the folder is ours");
        let camera = Namespace::new("camera");
        let gateway = Namespace::new("gateway");
        let core = Namespace::new("core");
        gateway.cable("cam0", &camera, "eth0");
        core_side.as_ref().unwrap_or(&gateway).cable("core0", &core, "eth0");
        camera.address("eth0", &format!("{CAMERA}/24"));
        gateway.address("cam0", &format!("{GATEWAY_TO_CAMERAS}/24"));
        core_side
            .as_ref()
            .unwrap_or(&gateway)
            .address("core0", &format!("{GATEWAY_TO_READERS}/24"));
        core.address("eth0", &format!("{READER}/24"));
        let site = Self { camera_program: None, folder, camera, gateway, core_side, core };
        for host in [Some(&site.gateway), site.core_side.as_ref()].into_iter().flatten() {
            lax(host);
        }
        site
    }

    /// The host of the core side.
    #[must_use]
    pub fn core_host(&self) -> &Namespace {
        self.core_side.as_ref().unwrap_or(&self.gateway)
    }

    /// Starts the camera, and gives its URL.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_camera(&mut self) -> String {
        let (width, height) = scene::SIZE;
        let camera = format!("yard:h264:{width}x{height}@{}", scene::RATE);
        let mut command = self.camera.command(programs::ours("cofferdam-simulator"));
        command.args(["--camera", &camera, "--listen", &format!("{CAMERA}:{RTSP}")]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("ip starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("it is a pipe");
        self.camera_program = Some(Owned(child));
        BufReader::new(out).read_line(&mut line).expect("it announces its camera");
        let url = line.split_whitespace().nth(2).expect("camera NAME URL");
        url.to_owned()
    }

    /// Writes the gateway's configuration, with `more` before everything else.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn configure(&self, camera: &str, more: &str) -> PathBuf {
        let (width, height) = scene::SIZE;
        let socket = self.folder.path().join("rings.sock");
        let mut text = format!("{more}\n[core]\nrtsp = \"0.0.0.0:{RTSP}\"\nadmin = \"{ADMIN}\"\n");
        let _ = write!(
            text,
            "interface = \"core0\"\n[camera_network]\ninterface = \"cam0\"\n\
             [boundary]\nsocket = \"{}\"\n[readers]\nanonymous = true\n\
             [[camera]]\nid = \"yard\"\nurl = \"{camera}\"\n\
             picture = {{ width = {width}, height = {height}, fps = {} }}\n",
            socket.display(),
            scene::RATE
        );
        let path = self.folder.path().join("cofferdam.toml");
        std::fs::write(&path, text).expect("the folder can be written");
        path
    }

    /// What `cofferdam check` says on the host of `side`, with its exit code.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn check(&self, config: &std::path::Path, side: &str) -> (Option<i32>, String) {
        let host = if side == "core" { self.core_host() } else { &self.gateway };
        let mut command = host.command(programs::ours("cofferdam"));
        command.args(["check", "--side", side, "--config"]).arg(config);
        let output: Output = command.output().expect("ip starts");
        let (said, more) = (output.stdout, output.stderr);
        let text = [String::from_utf8_lossy(&said), String::from_utf8_lossy(&more)].concat();
        (output.status.code(), text)
    }

    /// Does on the host of `side` what `check` says that mends it, until it says that all is good.
    ///
    /// # Panics
    /// When what it says does not mend it.
    pub fn mend(&self, config: &std::path::Path, side: &str) {
        let host = if side == "core" { self.core_host() } else { &self.gateway };
        let (_, table) = self.check(config, side);
        for command in commands(&table) {
            host.run("sh", &["-c", command]);
        }
        let (code, table) = self.check(config, side);
        assert_eq!(code, Some(0), "{table}");
    }

    /// Starts the camera, and has the host keep the networks apart. Gives the configuration of both sides, with
    /// `camera` added to the camera's table.
    ///
    /// # Panics
    /// When one of these fails.
    pub fn set_up(&mut self, camera: &str) -> PathBuf {
        let url = self.start_camera();
        let config = self.configure(&url, "");
        // The camera's table is the last.
        let text = std::fs::read_to_string(&config).expect("it was written") + camera;
        std::fs::write(&config, text).expect("the folder can be written");
        self.mend(&config, "both");
        config
    }

    /// Starts capturing on a wire.
    #[must_use]
    pub fn capture(&self, wire: Wire) -> Capture<'_> {
        let (namespace, to) = match wire {
            Wire::Camera => (&self.camera, GATEWAY_TO_CAMERAS),
            Wire::Core => (&self.core, GATEWAY_TO_READERS),
        };
        Capture::start(namespace, "eth0", SocketAddr::from((to, 9)))
    }

    /// The hardware addresses of the gateway's and the stranger's ends of a wire.
    #[must_use]
    pub fn hardware(&self, wire: Wire) -> [[u8; 6]; 2] {
        match wire {
            Wire::Camera => [("cam0", &self.gateway), ("eth0", &self.camera)],
            Wire::Core => [("core0", self.core_host()), ("eth0", &self.core)],
        }
        .map(|(interface, namespace)| namespace.hardware_address(interface))
    }

    /// The frames that `foreign` is in and that the gateway put on `wire`, or let through to it: of the
    /// camera's own on its own wire nothing is to be learnt.
    #[must_use]
    pub fn crossings(&self, wire: Wire, frames: &[Frame]) -> Vec<Frame> {
        let (own, other) = match wire {
            Wire::Camera => (Wire::Camera, Wire::Core),
            Wire::Core => (Wire::Core, Wire::Camera),
        };
        let (foreign, stranger) = (self.hardware(other), self.hardware(own)[1]);
        let network = match other {
            Wire::Camera => CAMERA,
            Wire::Core => READER,
        };
        let is_foreign = |address: &std::net::IpAddr| match address {
            std::net::IpAddr::V4(address) => address.octets()[..3] == network.octets()[..3],
            std::net::IpAddr::V6(_) => false,
        };
        let crossed = frames.iter().filter(|frame| {
            let (hardware, addresses) = frame.addresses();
            frame.sender() != stranger
                && (foreign.iter().any(|mac| hardware.contains(mac))
                    || addresses.iter().any(is_foreign))
        });
        crossed.cloned().collect()
    }

    /// Plays pictures on the core network.
    ///
    /// # Panics
    /// When none come.
    pub fn read_pictures(&self, pictures: u32) {
        let url = format!("rtsp://{GATEWAY_TO_READERS}:{RTSP}/yard/main");
        let pictures = pictures.to_string();
        self.core.run(
            "ffmpeg",
            &[
                &["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", &url][..],
                &["-frames:v", &pictures, "-f", "null", "-"],
            ]
            .concat(),
        );
    }

    /// The camera tries its doors: everything that a host on its network may do to get through the
    /// gateway, to find what listens on it, or to hear of what is behind it.
    ///
    /// # Panics
    /// When its own namespace does not let it try.
    pub fn knock(&self) {
        let gateway = GATEWAY_TO_CAMERAS.to_string();
        // Through the gateway to a reader.
        self.camera.run("ip", &["route", "replace", &format!("{READER}/32"), "via", &gateway]);
        self.camera.inside(|| {
            let socket = UdpSocket::bind((CAMERA, 0)).expect("a port");
            for _ in 0..10 {
                // The answer to each may be that there is no way.
                let _ = socket.send_to(b"through", (READER, 9));
            }
            let _ = TcpStream::connect_timeout(&(READER, 554).into(), Duration::from_millis(300));
        });
        // Asks who on this wire has the gateway's other address.
        let other = format!("{GATEWAY_TO_READERS}/32");
        self.camera.run("ip", &["route", "replace", &other, "dev", "eth0"]);
        self.camera.inside(|| {
            let socket = UdpSocket::bind((CAMERA, 0)).expect("a port");
            let _ = socket.send_to(b"who", (GATEWAY_TO_READERS, 9));
            let address = (GATEWAY_TO_READERS, RTSP).into();
            let _ = TcpStream::connect_timeout(&address, Duration::from_millis(1500));
        });
        // Knows, and sends it to the gateway.
        self.camera.run("ip", &["route", "replace", &other, "via", &gateway]);
        self.camera.inside(|| {
            syns(GATEWAY_TO_READERS, 1..=9999);
            syns(GATEWAY_TO_CAMERAS, 1..=u16::MAX);
            let scope = rustix::net::netdevice::name_to_index(
                UdpSocket::bind((CAMERA, 0)).expect("a port").as_fd(),
                "eth0",
            );
            let address = link_local(self.hardware(Wire::Camera)[0]);
            let scope = scope.expect("its interface has a number");
            let address = std::net::SocketAddrV6::new(address, RTSP, 0, scope);
            let _ = TcpStream::connect_timeout(&address.into(), Duration::from_millis(1500));
        });
    }
}

/// The commands of a table of `cofferdam check`: those that a shell can run.
#[must_use]
pub fn commands(table: &str) -> Vec<&str> {
    let mends = table.lines().filter_map(|line| line.trim().strip_prefix("mend: "));
    mends.filter(|mend| mend.starts_with("sysctl ") || mend.starts_with("ip ")).collect()
}

/// A host as many are: it forwards, answers for all of its addresses, and speaks IPv6.
fn lax(host: &Namespace) {
    host.set("ipv4/ip_forward", "1");
    for interface in ["all", "cam0", "core0"] {
        for (setting, value) in [
            ("rp_filter", "0"),
            ("arp_ignore", "0"),
            ("arp_announce", "0"),
            ("accept_redirects", "1"),
            ("send_redirects", "1"),
        ] {
            let path = format!("ipv4/conf/{interface}/{setting}");
            host.run(
                "sh",
                &[
                    "-c",
                    &format!(
                        "[ ! -e /proc/sys/net/{path} ] || echo {value} > /proc/sys/net/{path}"
                    ),
                ],
            );
        }
    }
}

/// Starts a connection to each port, and waits for none.
fn syns(to: Ipv4Addr, ports: std::ops::RangeInclusive<u16>) {
    const AT_ONCE: usize = 256;
    let mut open = Vec::new();
    for port in ports {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
        let socket = socket.expect("a socket");
        // In progress, or refused at once: the wire tells.
        let _ = connect(&socket, &SocketAddr::from((to, port)));
        open.push(socket);
        if open.len() == AT_ONCE {
            open.clear();
        }
    }
}

/// The link-local address that an interface gives itself from its hardware address (RFC 4291 appendix A).
fn link_local([a, b, c, d, e, f]: [u8; 6]) -> std::net::Ipv6Addr {
    let pair = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    let identifier = [pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f)];
    let [w, x, y, z] = identifier;
    std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, w, x, y, z)
}

/// A gateway, or a side of it, on a host of a site.
pub struct Running<'a> {
    host: &'a Namespace,
    child: Owned,
    log: PathBuf,
}

impl<'a> Running<'a> {
    /// Starts `side` on `host`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(site: &Site, host: &'a Namespace, side: &str, config: &std::path::Path) -> Self {
        let log = site.folder.path().join(format!("{side}.log"));
        let file = File::create(&log).expect("the folder can be written");
        let mut command = host.command(programs::ours("cofferdam"));
        command.args(["run", "--side", side, "--config"]).arg(config);
        command.stdout(file.try_clone().expect("a descriptor")).stderr(file);
        Self { host, child: Owned(command.spawn().expect("ip starts")), log }
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its metrics; `None` while it does not answer.
    #[must_use]
    pub fn metrics(&self) -> Option<Metrics> {
        let answer = self.host.inside(|| http::get(ADMIN, "/metrics"));
        answer.map(|(_, text)| Metrics(text))
    }

    /// Waits until a metric has a value.
    ///
    /// # Panics
    /// When it has not in time, with the log.
    pub fn wait_for(&mut self, name: &str, labels: &[&str], wanted: f64) {
        let what = format!("{name}{labels:?} to be {wanted}");
        let ended = until(PATIENCE, &what, || {
            if let Some(status) = self.child.0.try_wait().expect("a child can be waited for") {
                return Some(Some(status));
            }
            let value = self.metrics().and_then(|metrics| metrics.value(name, labels));
            (value == Some(wanted)).then_some(None)
        });
        assert!(ended.is_none(), "it ended with {ended:?}:\n{}", self.log());
    }

    /// Waits until pictures of the camera come.
    ///
    /// # Panics
    /// When none come in time, with the log.
    pub fn wait_until_live(&mut self) {
        self.wait_for("cofferdam_camera_state", &["state=\"live\""], 1.0);
    }

    /// Waits until it ends, and gives its exit code.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn ended(&mut self) -> Option<i32> {
        until(PATIENCE, "the gateway to end", || {
            self.child.0.try_wait().expect("a child can be waited for")
        })
        .code()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.log());
        }
    }
}
