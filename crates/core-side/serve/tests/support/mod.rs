//! A gateway with one synthetic camera, and a reader that checks the framing of all it is sent.
// Each test file uses a part of it; a failed expectation here is a failed test.
#![allow(dead_code, unused_imports, clippy::expect_used, clippy::unwrap_used)]

mod client;
#[path = "../../../rtsp/tests/support/digest.rs"]
mod digest;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cofferdam_accounts::{ReaderName, Secret, TransportKind};
use cofferdam_encode_link::{AccessUnitHeader, Command, MountKind, Record};
use cofferdam_picture::{FrameRate, Geometry, MonotonicTime};
use cofferdam_publish::{
    CameraPublisher, MountSeed, Mounts, PublishMetrics, PublishSettings, ReaderLimits, SignalLoss,
};
use cofferdam_serve::{
    Access, Accounts, Limits, MulticastGroup, Reader, Refresh, ServeMetrics, Server, ServerSettings,
};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use client::{Client, DEADLINE, Response, Rtp, rtp, within};

pub(crate) const SSRC: u32 = 0xc0ff_ee01;

/// Nobody may read.
pub(crate) fn closed() -> Access {
    Access::Accounts(accounts(Vec::new()))
}

/// The account "vms", which may read everything.
pub(crate) fn vms() -> Reader {
    let name: ReaderName = "vms".parse().unwrap();
    let password = "right password".to_owned().into();
    Reader {
        secret: Secret::of_password(&name, &password, [3; 16]).unwrap(),
        name,
        mounts: vec!["*".parse().unwrap()],
        networks: Vec::new(),
        transports: TransportKind::ALL.into_iter().collect(),
        certificates: Vec::new(),
    }
}

/// Who proves to be one of these may read.
pub(crate) fn accounts(readers: Vec<Reader>) -> Arc<Accounts> {
    Arc::new(Accounts::new(readers, [5; 32]).unwrap())
}

/// The proof of being [`vms`].
pub(crate) fn proof(nonce: &str, method: &str, url: &str) -> String {
    digest::plain("vms", "right password", nonce, method, url)
}

/// What a test wants different.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) listen: IpAddr,
    pub(crate) interface: Option<&'static str>,
    pub(crate) multicast: Vec<(String, MulticastGroup)>,
    pub(crate) access: Access,
    pub(crate) refresh: Refresh,
    pub(crate) limits: Limits,
    pub(crate) reader_limits: ReaderLimits,
    /// How long before its publication a picture is due.
    pub(crate) age: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: Ipv4Addr::LOCALHOST.into(),
            interface: None,
            multicast: Vec::new(),
            access: Access::Anonymous,
            refresh: Refresh::default(),
            limits: Limits::default(),
            reader_limits: ReaderLimits::default(),
            age: Duration::ZERO,
        }
    }
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    camera: Arc<Mutex<CameraPublisher>>,
    registry: Registry,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Gateway {
    pub(crate) async fn start(options: Options) -> Self {
        let mut registry = Registry::default();
        let metrics = PublishMetrics::register(&mut registry);
        let settings = PublishSettings {
            camera: "lobby".parse().unwrap(),
            rate: FrameRate::new(25).unwrap(),
            geometry: Geometry::new(640, 360).unwrap(),
            sub_geometry: Geometry::new(320, 180).unwrap(),
            signal_loss: SignalLoss::default(),
            reader_limits: options.reader_limits,
        };
        let seeds = [
            MountSeed { ssrc: SSRC, sequence: 65_530, timestamp: 0xffff_0000 },
            MountSeed { ssrc: 8, sequence: 0, timestamp: 5 },
        ];
        let mut camera = CameraPublisher::new(&settings, seeds, &metrics, MonotonicTime::now());
        camera.handle_worker_started(MonotonicTime::now());
        for kind in MountKind::ALL {
            // The second is the one that stands in for the worker.
            for _ in 0..2 {
                let header = AccessUnitHeader { startup: true, ..header(kind, true, false) };
                publish(&mut camera, due(header, options.age), key_unit(10));
            }
        }
        let (commands, mounts) = (camera.commands(), Mounts::new(camera.mounts().into()));
        let camera = Arc::new(Mutex::new(camera));
        let worker = Arc::clone(&camera);
        tokio::spawn(async move {
            loop {
                if let Command::KeyFrame(kind) = commands.next().await {
                    let mut camera = worker.lock().unwrap();
                    let header = due(header(kind, true, true), options.age);
                    publish(&mut camera, header, key_unit(3_000));
                }
            }
        });

        let metrics = ServeMetrics::default();
        metrics.register(&mut registry);
        let settings = ServerSettings {
            listen: (options.listen, 0).into(),
            interface: options.interface.map(str::to_owned),
            multicast: options.multicast,
            certificates: None,
            access: options.access,
            refresh: options.refresh,
            limits: options.limits,
        };
        let server = Server::bind(settings, mounts, metrics).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, camera, registry, stop: Some(stop), server }
    }

    /// Publishes a unit on the main mount that is no key unit.
    pub(crate) fn publish(&self, size: usize) {
        let unit = annex_b(&[&slice(0x41, size)]);
        let header = header(MountKind::Main, false, true);
        publish(&mut self.camera.lock().unwrap(), header, unit);
    }

    /// Publishes small units on the main mount, on and on, as cameras do.
    pub(crate) fn keep_publishing(&self) {
        let camera = Arc::clone(&self.camera);
        tokio::spawn(async move {
            loop {
                let header = header(MountKind::Main, false, true);
                publish(&mut camera.lock().unwrap(), header, annex_b(&[&slice(0x41, 100)]));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }

    /// Publishes a key unit on the main mount.
    pub(crate) fn publish_key(&self, size: usize) {
        let header = header(MountKind::Main, true, true);
        publish(&mut self.camera.lock().unwrap(), header, key_unit(size));
    }

    /// The camera is lost, and its slate has been shown long enough.
    pub(crate) fn lose_camera(&self) {
        let mut camera = self.camera.lock().unwrap();
        let now = MonotonicTime::now();
        publish(&mut camera, header(MountKind::Main, true, false), key_unit(10));
        camera.handle_timeout(now + Duration::from_secs(60));
    }

    /// The value of a metric, by its name and labels as the exposition shows them.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.parse().ok()
    }

    pub(crate) fn ask_to_stop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) {
        within(self.server).await.unwrap();
    }
}

fn publish(camera: &mut CameraPublisher, header: AccessUnitHeader, bytes: Vec<u8>) {
    camera.handle_record(Record::AccessUnit(header, bytes), MonotonicTime::now()).unwrap();
}

fn header(mount: MountKind, key: bool, live: bool) -> AccessUnitHeader {
    let now = MonotonicTime::now();
    AccessUnitHeader {
        mount,
        key,
        live,
        startup: false,
        tick: now,
        arrived: live.then_some(now),
        complete: live.then_some(now),
        encode_time: Duration::from_millis(1),
    }
}

/// What `header` says of a picture that was due so long before.
fn due(header: AccessUnitHeader, age: Duration) -> AccessUnitHeader {
    let age = u64::try_from(age.as_nanos()).unwrap();
    AccessUnitHeader { tick: MonotonicTime::from_nanos(header.tick.as_nanos() - age), ..header }
}

fn key_unit(size: usize) -> Vec<u8> {
    annex_b(&[&[0x67, 0x4d, 0x40, 0x1f, 0x95], &[0x68, 0xee, 0x3c], &slice(0x65, size)])
}

/// A slice NAL unit of `size` bytes that says how long it is.
fn slice(head: u8, size: usize) -> Vec<u8> {
    let mut bytes = vec![0x80; size.max(3)];
    bytes[0] = head;
    bytes
}

fn annex_b(nal_units: &[&[u8]]) -> Vec<u8> {
    nal_units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
}
