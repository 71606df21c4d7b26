//! The gateway on a kernel that lacks what a layer of a worker's jail needs: the worker does not run, log,
//! metric and picture say why, and everything else goes on.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use cofferdam_simulator::Camera;
use cofferdam_system_tests::judge::{Verdict, judge};
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, programs, scene, until,
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);
/// Cameras whose workers' kernel lacks something (`older_kernel` of the jail's examples knows them by
/// name), the layer that cannot be had without, and what an operator is told to get.
const REFUSED: [(&str, &str, &str); 3] = [
    ("without-landlock", "landlock_files", "Linux 5.13 with Landlock"),
    ("without-filters", "system_calls", "Linux 5.14 with CONFIG_SECCOMP_FILTER"),
    ("without-notification", "system_calls", "Linux 5.14 with CONFIG_SECCOMP_FILTER"),
];
/// One that the worker does without.
const OPTIONAL: (&str, &str) = ("without-memory-rule", "write_xor_execute");
/// A camera whose worker has the kernel as it is: the control.
const HONEST: &str = "honest";

/// The programs, with `older_kernel` in the place of one of the workers.
fn programs_of_an_older_kernel(worker: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    // Started as root, the sides are somebody else.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = |from: PathBuf, to: &str| {
        std::fs::copy(from, folder.path().join(to)).unwrap();
    };
    for name in ["cofferdam", "cofferdam-encode", "cofferdam-ingest"] {
        copy(programs::ours(name), name);
    }
    copy(programs::ours(worker), &format!("{worker}.real"));
    copy(programs::example("older_kernel"), worker);
    folder
}

#[test]
fn a_layer_that_the_kernel_lacks_is_named_and_nothing_is_read_without_it() {
    let folder = programs_of_an_older_kernel("cofferdam-ingest");
    let cameras: Vec<Camera> = (1..).zip(names()).map(|(n, name)| scene::camera(name, n)).collect();
    let table = |(name, camera): (_, &Camera)| {
        scene::config(name, camera).with("signal_loss = { then = \"slate\" }")
    };
    let tables: Vec<CameraConfig> = names().zip(&cameras).map(table).collect();
    let config = GatewayConfig::open(tables);
    let gateway = Gateway::start_with(&config, &folder.path().join("cofferdam"), |_| ());

    for (name, layer, needs) in REFUSED {
        let camera = format!("camera=\"{name}\"");
        let value = |metric: &str, label: &str| {
            gateway.metrics().value(metric, &[camera.as_str(), label]).unwrap_or(0.0)
        };
        // Again and again: it is tried anew, and ends the same.
        until(DEADLINE, &format!("{name}: two refusals"), || {
            (value("cofferdam_camera_faults_total", "fault=\"jail_refused\"") >= 2.0).then_some(())
        });
        // What the slate says.
        assert!(value("cofferdam_camera_fault", "fault=\"jail_refused\"") > 0.0, "{name}");
        assert!(value("cofferdam_camera_state", "state=\"slate\"") > 0.0, "{name}");
        assert!(value("cofferdam_camera_pictures_in_total", "") == 0.0, "{name}");
        let log = gateway.log();
        let told: Vec<_> = log
            .lines()
            .filter(|line| line.contains(&format!("camera={name} ")) && line.contains("lacks"))
            .collect();
        assert_eq!(told.len(), 1, "{name}: {log}");
        let line = told[0];
        assert!(line.contains(&format!("layer={layer}")) && line.contains(needs), "{line}");
    }
    // The layer that every kernel's worker does without where it must: shown, and no fault.
    let (name, layer) = OPTIONAL;
    let labels = [format!("camera=\"{name}\""), "worker=\"ingest\"".into()];
    let has = |layer: &str| {
        let labels = [labels[0].as_str(), &labels[1], &format!("layer=\"{layer}\"")];
        gateway.metrics().value("cofferdam_jail_layer", &labels)
    };
    until(DEADLINE, "its jail to be told of", || (has("system_calls") == Some(1.0)).then_some(()));
    assert_eq!(has(layer), Some(0.0), "{name}");

    for (number, name) in (1..).zip(names()) {
        let url = gateway.url(&format!("{name}/main"));
        let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
        if REFUSED.iter().any(|(refused, ..)| *refused == name) {
            assert!(player.next(DEADLINE).is_some(), "{name} shows a slate");
        } else {
            let (codes, blank) = player.barcodes(20, DEADLINE);
            assert_eq!(judge(&codes, blank, number, 20), Verdict::Live, "{name}");
        }
    }
    // The dialer connects for a worker that is locked in, and for no other.
    for (name, camera) in names().zip(&cameras) {
        let refused = REFUSED.iter().any(|(refused, ..)| *refused == name);
        assert_eq!(camera.connections() == 0, refused, "{name}");
    }
}

/// As the first test, of the other kind of worker. Without one a mount has no pictures at all, not even a
/// slate's.
#[test]
fn nor_does_an_encode_worker_run_without_a_layer() {
    const REFUSED: [(&str, &str); 2] = [
        ("without-landlock", "landlock_files missing: it needs Linux 5.13 with Landlock"),
        ("without-filters", "system_calls missing: it needs Linux 5.14 with CONFIG_SECCOMP_FILTER"),
    ];
    let folder = programs_of_an_older_kernel("cofferdam-encode");
    let names = || REFUSED.into_iter().map(|(name, _)| name).chain([HONEST]);
    let cameras: Vec<Camera> = (1..).zip(names()).map(|(n, name)| scene::camera(name, n)).collect();
    let tables = names().zip(&cameras).map(|(name, camera)| scene::config(name, camera)).collect();
    let config = GatewayConfig::open(tables);
    let gateway = Gateway::start_unready(&config, &folder.path().join("cofferdam"));

    for (name, told) in REFUSED {
        let camera = format!("camera=\"{name}\"");
        let refused = [camera.as_str(), "fault=\"jail_refused\""];
        gateway.wait_for_metric("cofferdam_encode_worker_faults_total", &refused, |n| n >= 2.0);
        let log = gateway.log();
        let line = log.lines().find(|line| {
            line.contains(&format!("camera={name} worker=\"encode\"")) && line.contains(told)
        });
        assert!(line.is_some(), "{name}: {log}");
        let metrics = gateway.metrics();
        assert_eq!(
            metrics.value("cofferdam_mount_pictures_out_total", &[&camera]).unwrap_or(0.0),
            0.0
        );
    }
    let url = gateway.url(&format!("{HONEST}/main"));
    let player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
    let (codes, blank) = player.barcodes(20, DEADLINE);
    assert_eq!(judge(&codes, blank, 3, 20), Verdict::Live);
}

fn names() -> impl Iterator<Item = &'static str> {
    REFUSED.into_iter().map(|(name, ..)| name).chain([OPTIONAL.0, HONEST])
}
