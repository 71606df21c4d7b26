//! The encoder is vetted to the last file it executes, or nothing is published with it.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use cofferdam_system_tests::gateway::free_port;
use cofferdam_system_tests::{
    CameraConfig, Client, Gateway, GatewayConfig, Player, Transport, eventually, programs, scene,
    until,
};
use rustix::process::Signal;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(20);

/// Copies of the programs, with a list of their own.
struct Copies(TempDir);

impl Copies {
    fn new() -> Self {
        let folder = TempDir::with_prefix("cofferdam-attest-").unwrap();
        for name in ["cofferdam", "cofferdam-ingest", "cofferdam-encode"] {
            std::fs::copy(programs::ours(name), folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    fn vetted() -> Self {
        let copies = Self::new();
        let output = copies.run(&["attest", "--write"]);
        assert!(output.status.success(), "{}", said(&output));
        copies
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(self.file("cofferdam")).args(arguments).output().unwrap()
    }

    /// The whole of a start that is refused.
    fn start(&self) -> Output {
        self.run(&["run", "--config", &self.config("")])
    }

    fn check(&self) -> Output {
        self.run(&["check", "--config", &self.config("")])
    }

    /// The path of a configuration with one camera that is nowhere; `core` is for its first table.
    fn config(&self, core: &str) -> String {
        let config = GatewayConfig::open(vec![nowhere()]);
        let address = |port| ([127, 0, 0, 1], port).into();
        let text = config.text(address(free_port()), address(free_port()));
        let path = self.file("cofferdam.toml");
        std::fs::write(path, text.replace("[core]", &format!("[core]\n{core}"))).unwrap();
        self.file("cofferdam.toml").to_str().unwrap().to_owned()
    }

    /// Replaces text in the list.
    fn edit_list(&self, edit: impl FnOnce(&str) -> String) {
        let list = self.file("vetted.toml");
        let text = std::fs::read_to_string(&list).unwrap();
        let edited = edit(&text);
        assert_ne!(text, edited);
        std::fs::write(list, edited).unwrap();
    }

    /// Changes the worker: programs do not mind bytes at their end.
    fn change_worker(&self) {
        let worker = self.file("cofferdam-encode");
        // Beside it first: a program that runs cannot be written to.
        let changed = self.file("changed");
        std::fs::copy(&worker, &changed).unwrap();
        OpenOptions::new().append(true).open(&changed).unwrap().write_all(b"x").unwrap();
        std::fs::rename(changed, worker).unwrap();
    }
}

fn nowhere() -> CameraConfig {
    CameraConfig::new("nowhere", "rtsp://127.0.0.1:9/", (320, 180, 5))
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

/// Refused with 4, on one line that has all of `parts` and the command that mends it.
fn assert_refused(output: &Output, parts: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{}", said(output));
    let line = err.lines().find(|line| line.starts_with("cofferdam: "));
    let line = line.unwrap_or_else(|| panic!("no line: {err}"));
    for part in parts.iter().chain(&["cofferdam attest --write"]) {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
}

/// The first digits of a digest in the line of the list that begins with `key`, counted down by one.
fn with_other_digest(text: &str, key: &str) -> String {
    let line = text.lines().find(|line| line.trim_matches('"').starts_with(key)).unwrap();
    let (before, digest) = line.split_once("= \"").unwrap();
    let other = if digest.starts_with('0') { "1" } else { "0" };
    text.replace(line, &format!("{before}= \"{other}{}", &digest[1..]))
}

#[test]
fn without_a_list_nothing_starts_and_one_command_mends_it() {
    let copies = Copies::new();
    let list = copies.file("vetted.toml");
    let path = list.to_str().unwrap();
    assert_refused(&copies.start(), &[path, "expected a list of vetted encoders, found none"]);
    assert_refused(&copies.check(), &[path]);

    // To look is not to write.
    let output = copies.run(&["attest"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for part in ["x264enc 1.", "libx264.so", "libgstx264.so", "libc.so", "cofferdam-encode", path] {
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
    }
    assert!(!list.exists());

    let output = copies.run(&["attest", "--write"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        std::fs::read_to_string(&list).unwrap().starts_with("# The encoders that this gateway")
    );
    let output = copies.check();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let attested =
        said(&output).lines().find(|line| line.starts_with("encoder")).map(str::to_owned);
    let attested = attested.unwrap();
    assert!(attested.contains("vetted: x264, x264enc 1.") && attested.contains(path), "{attested}");
}

#[test]
fn whatever_is_not_as_vetted_is_refused_by_name() {
    let copies = Copies::vetted();
    let library = "/usr/lib/x86_64-linux-gnu/libx264.so";
    let plugin = "libgstx264.so";
    let without = |text: &str, part: &str| {
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains(part)).collect();
        kept.join("\n")
    };
    let line_of = |text: &str, part: &str| {
        text.lines().find(|line| line.starts_with('"') && line.contains(part)).unwrap().to_owned()
    };
    let original = std::fs::read_to_string(copies.file("vetted.toml")).unwrap();
    let library_line = line_of(&original, library);
    let plugin_line = line_of(&original, plugin);
    let plugin_path = plugin_line.split('"').nth(1).unwrap();
    let gone = "\"/usr/lib/gone.so\" = ";
    let cases: [(&str, String, Vec<&str>); 7] = [
        (
            "a changed library",
            with_other_digest(&original, library),
            vec!["the encoder x264 is not vetted", library, "has changed: expected sha256 "],
        ),
        (
            "a changed plugin",
            with_other_digest(&original, plugin_path),
            vec![plugin_path, "has changed"],
        ),
        (
            "a library that is new",
            original.replacen(&format!("{library_line}\n"), "", 1),
            vec![library, "is executed and not on the list"],
        ),
        (
            "a file that is gone",
            original.replacen(
                &library_line,
                &format!("{library_line}\n{gone}\"{}\"", "0".repeat(64)),
                1,
            ),
            vec!["/usr/lib/gone.so", "No such file"],
        ),
        (
            "another version",
            original.replacen("version = \"1.", "version = \"9.", 1),
            vec!["expected the version 9.", "found 1."],
        ),
        (
            "another answer",
            with_other_digest(&original, "known_answer"),
            vec!["known-answer test failed: expected sha256 "],
        ),
        (
            "no such encoder",
            original
                .replacen("name = \"x264\"", "name = \"openh264\"", 1)
                .split("[[encoder]]")
                .take(2)
                .collect::<Vec<_>>()
                .join("[[encoder]]"),
            vec!["the encoder x264 is not vetted: expected it on the list"],
        ),
    ];
    for (what, text, parts) in cases {
        assert_ne!(text, original, "{what}");
        std::fs::write(copies.file("vetted.toml"), text).unwrap();
        eprintln!("{what}");
        assert_refused(&copies.start(), &parts);
        let output = copies.check();
        assert_refused(&output, &parts);
        assert!(said(&output).contains("NOT VETTED: x264"), "{what}: {}", said(&output));
    }
    std::fs::write(copies.file("vetted.toml"), without(&original, "[[encoder]]")).unwrap();
    assert_refused(
        &copies.start(),
        &["vetted.toml: expected a list of vetted encoders, found line"],
    );
    // The control: as it was, it is vetted.
    std::fs::write(copies.file("vetted.toml"), original).unwrap();
    assert_eq!(copies.check().status.code(), Some(0));
}

/// The files themselves, not only what the list says of them.
#[test]
fn a_changed_worker_is_refused_until_it_is_vetted_again() {
    let copies = Copies::vetted();
    assert_eq!(copies.check().status.code(), Some(0));
    copies.change_worker();
    let worker = copies.file("cofferdam-encode");
    let parts = [worker.to_str().unwrap(), "has changed"];
    assert_refused(&copies.start(), &parts);
    assert_refused(&copies.check(), &parts);
    let output = copies.run(&["attest"]);
    let changed = said(&output).lines().any(|line| {
        line.trim_start().starts_with("changed ") && line.ends_with("/cofferdam-encode")
    });
    assert!(changed, "{}", said(&output));
    assert!(copies.run(&["attest", "--write"]).status.success());
    assert_eq!(copies.check().status.code(), Some(0));
}

/// The same bytes under another path are not what was vetted; one byte more is not either.
#[test]
fn a_library_is_vetted_by_path_and_content() {
    let copies = Copies::vetted();
    let list = std::fs::read_to_string(copies.file("vetted.toml")).unwrap();
    let library = list.split('"').find(|word| word.contains("/libx264.so")).unwrap();
    let copy = copies.file("copy-of-libx264.so");
    std::fs::copy(library, &copy).unwrap();
    copies.edit_list(|text| text.replace(library, copy.to_str().unwrap()));
    assert_refused(&copies.start(), &[library, "is executed and not on the list"]);
    OpenOptions::new().append(true).open(&copy).unwrap().write_all(b"x").unwrap();
    assert_refused(&copies.start(), &[copy.to_str().unwrap(), "has changed"]);
}

#[test]
fn the_list_may_stand_elsewhere() {
    let copies = Copies::new();
    let folder = TempDir::new().unwrap();
    let list = folder.path().join("encoders.toml");
    let path = list.to_str().unwrap();
    let config = copies.config(&format!("vetted = \"{path}\""));
    let output = copies.run(&["run", "--config", &config]);
    assert_refused(&output, &[path, &format!("attest --write --list {path}")]);
    assert!(copies.run(&["attest", "--write", "--list", path]).status.success());
    assert!(list.exists() && !copies.file("vetted.toml").exists());
    assert_eq!(copies.run(&["check", "--config", &config]).status.code(), Some(0));
}

/// While it runs, an encoder that is no longer what was vetted is one camera's fault: its readers keep
/// a slate, log and metrics say why, and vetting it again is enough.
#[test]
fn a_change_while_running_is_a_slate_until_the_encoder_is_vetted_again() {
    let copies = Copies::vetted();
    let (struck, spared) = (scene::camera("struck", 1), scene::camera("spared", 2));
    let config = GatewayConfig::open(vec![
        scene::config("struck", &struck).with("signal_loss = { then = \"slate\" }"),
        scene::config("spared", &spared),
    ]);
    let gateway = Gateway::start_with(&config, &copies.file("cofferdam"), |_| ());
    let attested = |camera: &str| {
        let camera = format!("camera=\"{camera}\"");
        gateway.metrics().value("cofferdam_encoder_attested", &[&camera])
    };
    for camera in ["struck", "spared"] {
        gateway.wait_for_metric(
            "cofferdam_camera_state",
            &[&format!("camera=\"{camera}\""), "state=\"live\""],
            |v| v == 1.0,
        );
        assert_eq!(attested(camera), Some(1.0));
    }
    let text = gateway.metrics().0;
    let line = text.lines().find(|l| l.starts_with("cofferdam_encoder_attested{")).unwrap();
    for label in ["encoder=\"x264\"", "element=\"x264enc\"", "version=\"1.", "list=\""] {
        assert!(line.contains(label), "{line}");
    }
    let url = gateway.url("struck/main");
    let mut player = Player::start(Client::Ffmpeg, Transport::Tcp, &url, scene::size());
    assert_eq!(player.barcodes(5, DEADLINE).0.len(), 5);

    copies.change_worker();
    let worker = gateway.worker("cofferdam-encode", "struck").unwrap();
    assert!(worker.signal(Signal::KILL));
    eventually("the refusal to be shown", || attested("struck") == Some(0.0));
    gateway.wait_for_metric(
        "cofferdam_encode_worker_faults_total",
        &["camera=\"struck\"", "fault=\"not_vetted\""],
        |n| n >= 2.0,
    );
    let log = gateway.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("is not vetted")).collect();
    assert_eq!(told.len(), 1, "told once, whatever the retries: {told:?}");
    let changed = copies.file("cofferdam-encode");
    for part in ["camera=struck", changed.to_str().unwrap(), "cofferdam attest --write"] {
        assert!(told[0].contains(part), "{part}: {}", told[0]);
    }
    assert!(gateway.worker("cofferdam-encode", "struck").is_none(), "it never ran");
    assert_eq!(attested("spared"), Some(1.0));
    assert!(player.is_running(), "the reader has a slate");

    assert!(copies.run(&["attest", "--write"]).status.success());
    until(DEADLINE, "a worker", || gateway.worker("cofferdam-encode", "struck"));
    eventually("it to be vetted", || attested("struck") == Some(1.0));
    gateway.wait_for_metric(
        "cofferdam_camera_state",
        &["camera=\"struck\"", "state=\"live\""],
        |v| v == 1.0,
    );
    assert!(player.is_running());
}
