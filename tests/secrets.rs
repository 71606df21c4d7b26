//! A camera's password is in no command line, no environment and no log.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use cofferdam_simulator::{Authentication, Camera, Codec, Credentials};
use cofferdam_system_tests::{Gateway, GatewayConfig, scene};
use tempfile::NamedTempFile;

const USER: &str = "viewer-Xq1";
const PASSWORD: &str = "hunter2-Zw9";

#[test]
fn no_process_shows_the_password_while_a_camera_with_one_plays() {
    let mut settings = scene::settings("vault", 1, Codec::H264);
    settings.authentication = Authentication::Digest {
        credentials: Credentials { user: USER.into(), password: PASSWORD.to_owned().into() },
        qop: true,
    };
    let camera = Camera::start(settings).unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
    let config = scene::config("vault", &camera)
        .with(&format!("username = \"{USER}\""))
        .with(&format!("password_file = \"{}\"", file.path().display()));
    let mut config = GatewayConfig::open(vec![config]);
    // The most a log can say.
    config.preamble = "[log]\nlevel = \"trace\"".into();
    let gateway = Gateway::start(&config);
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);

    let processes = gateway.processes();
    assert_eq!(processes.len(), 5, "{processes:?}");
    for process in &processes {
        let (arguments, environment) = (process.proc_file("cmdline"), process.proc_file("environ"));
        assert!(arguments.contains("cofferdam"), "read {process:?}");
        assert!(!arguments.contains(PASSWORD) && !arguments.contains(USER), "{process:?}");
        assert!(!environment.contains(PASSWORD) && !environment.contains(USER), "{process:?}");
    }
    // The control: what is in an environment is found by this reading of it. Workers that are locked in
    // show theirs to root only.
    let ingest = gateway.worker("cofferdam-ingest", "vault").unwrap();
    let environment = ingest.proc_file("environ");
    if rustix::process::geteuid().is_root() {
        assert!(environment.contains("GST_REGISTRY_DISABLE"));
    } else {
        assert_eq!(environment, "", "a worker that is locked in shows its environment");
    }
    let log = gateway.log();
    assert!(log.contains("vault") && !log.contains(PASSWORD), "{log}");
    assert!(!gateway.metrics().0.contains(PASSWORD));
}
