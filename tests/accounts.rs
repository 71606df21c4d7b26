//! Readers with accounts, against the running gateway: a client that claims what no player would. How players
//! log in is in `client_matrix.rs`.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cofferdam_system_tests::accounts::{PASSWORD, block, user_add};
use cofferdam_system_tests::rtsp::{Rtsp, digest, says_goodbye};
use cofferdam_system_tests::{Gateway, GatewayConfig, eventually, http, programs, scene, until};
use rustix::process::Signal;
use tempfile::TempDir;

const VMS: (&str, &str) = ("vms", PASSWORD);
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "Transport: RTP/AVP;unicast;client_port=16000-16001";

struct Scene {
    gateway: Gateway,
    _camera: cofferdam_simulator::Camera,
    folder: TempDir,
}

/// One camera, and three accounts: "vms" for its main mount, "tcp" for all but not as datagrams, "far"
/// from a network that nothing here is in.
fn scene() -> Scene {
    let folder = TempDir::new().unwrap();
    let camera = scene::camera("lobby", 7);
    let mut config = GatewayConfig::open(vec![scene::config("lobby", &camera)]);
    config.anonymous = false;
    let path = folder.path();
    config.preamble = [
        block(path, "vms", "[\"lobby/main\", \"yard/*\"]", ""),
        block(path, "tcp", "[\"*\"]", "transports = [\"tcp\"]"),
        block(path, "far", "[\"*\"]", "networks = [\"192.0.2.0/24\"]"),
    ]
    .concat();
    let gateway = Gateway::start(&config);
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
    Scene { gateway, _camera: camera, folder }
}

#[test]
fn a_reader_gets_what_its_account_says_and_nothing_else() {
    let scene = scene();
    let ask = |mount: &str, who: (&str, &str), method: &str, headers: &[&str]| {
        Rtsp::connect(scene.gateway.rtsp, mount).as_reader(who, method, headers).status
    };
    assert_eq!(ask("lobby/main", VMS, "DESCRIBE", &[]), 200);
    assert_eq!(ask("lobby/sub", VMS, "DESCRIBE", &[]), 403);
    assert_eq!(ask("nothing/main", VMS, "DESCRIBE", &[]), 403, "looks like any other");
    assert_eq!(ask("yard/main", VMS, "DESCRIBE", &[]), 404, "would be the reader's");
    assert_eq!(ask("lobby/sub", ("tcp", PASSWORD), "SETUP", &[UDP]), 461);
    assert_eq!(ask("lobby/sub", ("tcp", PASSWORD), "SETUP", &[TCP]), 200);
    assert_eq!(ask("lobby/main", ("far", PASSWORD), "DESCRIBE", &[]), 401);
    assert_eq!(ask("lobby/main", ("vms", "wrong password"), "DESCRIBE", &[]), 401);
    assert_eq!(ask("lobby/main", ("nobody", PASSWORD), "DESCRIBE", &[]), 401);
    let metrics = scene.gateway.metrics();
    for (result, least) in [
        ("granted", 6.0),
        ("challenged", 9.0),
        ("password", 1.0),
        ("unknown", 1.0),
        ("network", 1.0),
    ] {
        let label = format!("result=\"{result}\"");
        let found = metrics.value("cofferdam_rtsp_logins_total", &[&label]);
        assert!(found >= Some(least), "{result}: {found:?}");
    }
    let log = scene.gateway.log();
    for reason in ["password", "unknown", "network"] {
        let told = |line: &str| line.contains("login refused") && line.contains(reason);
        assert!(log.lines().any(told), "{reason}\n{log}");
    }
    assert!(log.contains("mount refused") && !log.contains("nobody"), "{log}");
}

/// A client that remembers an earlier connection's nonce is told to use this one's.
#[test]
fn a_remembered_nonce_is_stale_and_the_new_one_works() {
    let scene = scene();
    let mut first = Rtsp::connect(scene.gateway.rtsp, "lobby/main");
    let remembered = first.request("DESCRIBE", &[]).nonce();
    let mut second = Rtsp::connect(scene.gateway.rtsp, "lobby/main");
    let url = second.url().to_owned();
    let proof = |nonce: &str| digest("vms", PASSWORD, nonce, "DESCRIBE", &url);
    let answer = second.request("DESCRIBE", &[&proof(&remembered)]);
    assert_eq!(answer.status, 401);
    assert!(answer.head.contains("stale=true"), "{}", answer.head);
    assert_eq!(second.request("DESCRIBE", &[&proof(&answer.nonce())]).status, 200);
    // The nonce holds for as long as the connection does.
    assert_eq!(second.request("DESCRIBE", &[&proof(&answer.nonce())]).status, 200);
    // And where it belongs, the remembered one is as good as ever.
    assert_eq!(first.request("DESCRIBE", &[&proof(&remembered)]).status, 200);
}

/// Guessing gets slower and slower; whoever has the password gets in after seconds at the most.
#[test]
fn guesses_wait_longer_each_time_and_nobody_is_locked_out() {
    let scene = scene();
    let timed = |password: &str| {
        let begun = Instant::now();
        let mut reader = Rtsp::connect(scene.gateway.rtsp, "lobby/main");
        (reader.as_reader(("vms", password), "DESCRIBE", &[]).status, begun.elapsed())
    };
    let waits: Vec<Duration> = (0..6)
        .map(|_| {
            let (status, took) = timed("a wrong guess");
            assert_eq!(status, 401);
            took
        })
        .collect();
    // A slow machine makes waits longer, never shorter.
    assert!(waits[5] >= Duration::from_secs(1), "{waits:?}");
    let (status, took) = timed(PASSWORD);
    assert_eq!(status, 200);
    assert!(took >= Duration::from_secs(2), "waits like every attempt: {took:?}");
    assert_eq!(timed(PASSWORD).0, 200);
}

/// A recorder holds hundreds of connections; a stranger may not.
#[test]
fn an_address_has_a_limit_until_its_readers_have_logged_in() {
    const LIMIT: usize = 256;
    let scene = scene();
    let open = || Rtsp::connect(scene.gateway.rtsp, "lobby/main");
    let mut strangers: Vec<Rtsp> = (0..LIMIT).map(|_| open()).collect();
    // They are taken on in their order, so with the last all have their place.
    assert_eq!(strangers[LIMIT - 1].request("OPTIONS", &[]).status, 200);
    assert!(open().try_request("OPTIONS", &[]).is_none(), "one too many");
    let refused = ["reason=\"per_address\""];
    let metrics = scene.gateway.metrics();
    assert!(metrics.value("cofferdam_rtsp_refused_total", &refused) >= Some(1.0));
    for reader in strangers.iter_mut().take(8) {
        assert_eq!(reader.as_reader(VMS, "DESCRIBE", &[]).status, 200);
    }
    let further: Vec<Rtsp> = (0..8)
        .map(|_| {
            let mut reader = open();
            assert_eq!(reader.as_reader(VMS, "DESCRIBE", &[]).status, 200);
            reader
        })
        .collect();
    let all = (strangers.len() + further.len()) as f64;
    // The one that was refused may be about to go.
    scene.gateway.wait_for_metric("cofferdam_rtsp_connections", &[], |count| count == all);
}

/// A session that plays.
struct Playing {
    reader: Rtsp,
    /// The RTP timestamp of the first packet (RFC 3550 §5.1), and when it came.
    first: u32,
    begun: Instant,
}

impl Playing {
    fn start(scene: &Scene, mount: &str, who: (&str, &str)) -> Self {
        let mut reader = Rtsp::connect(scene.gateway.rtsp, mount);
        let set_up = reader.as_reader(who, "SETUP", &[TCP]);
        let session = set_up.header("Session").and_then(|s| s.split(';').next());
        let session = format!("Session: {}", session.expect("a session"));
        assert_eq!(reader.as_reader(who, "PLAY", &[&session]).status, 200);
        let first = next_timestamp(&mut reader).expect("a packet");
        Self { reader, first, begun: Instant::now() }
    }

    /// Reads until pictures come that were made after now.
    fn plays_on(&mut self) {
        let now = self.begun.elapsed();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let timestamp = next_timestamp(&mut self.reader).expect("it plays on");
            let since_first = f64::from(timestamp.wrapping_sub(self.first)) / 90_000.0;
            if since_first > now.as_secs_f64() + 1.0 {
                return;
            }
            assert!(Instant::now() < deadline, "pictures stand still");
        }
    }

    /// Waits until the session ends, with a goodbye.
    fn end(mut self) {
        let mut goodbye = false;
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Some((channel, packet)) = self.reader.frame() {
            assert!(Instant::now() < deadline, "it plays on");
            goodbye |= channel == 1 && says_goodbye(&packet);
        }
        assert!(goodbye);
    }
}

/// That of the next packet on channel 0; `None` when the connection ends.
fn next_timestamp(reader: &mut Rtsp) -> Option<u32> {
    loop {
        if let (0, packet) = reader.frame()? {
            return Some(u32::from_be_bytes(packet[4..8].try_into().unwrap()));
        }
    }
}

/// Lets the user that the gateway becomes when it is started as root read the accounts' files.
fn make_readable(scene: &Scene) {
    for file in std::fs::read_dir(scene.folder.path()).unwrap() {
        std::fs::set_permissions(file.unwrap().path(), Permissions::from_mode(0o644)).unwrap();
    }
}

/// Puts `readers` in the place of the accounts in the gateway's configuration, and has it read them anew.
fn reload(scene: &Scene, readers: &[&str]) {
    let path = scene.gateway.config_path();
    let text = std::fs::read_to_string(&path).unwrap();
    let (_, rest) = text.split_once("[core]").unwrap();
    std::fs::write(&path, format!("{}\n[core]{rest}", readers.concat())).unwrap();
    scene.gateway.hang_up();
}

fn wait_for_reloads(scene: &Scene, result: &str, times: f64) {
    let label = format!("result=\"{result}\"");
    scene.gateway.wait_for_metric("cofferdam_account_reloads_total", &[&label], |v| v == times);
}

#[test]
fn accounts_come_change_and_go_without_a_restart_and_nobody_else_notices() {
    let scene = scene();
    let path = scene.folder.path();
    let mut vms = Playing::start(&scene, "lobby/main", VMS);
    let tcp = Playing::start(&scene, "lobby/main", ("tcp", PASSWORD));
    let describe = |mount: &str, who: (&str, &str)| {
        Rtsp::connect(scene.gateway.rtsp, mount).as_reader(who, "DESCRIBE", &[]).status
    };
    let ended = |times: f64| {
        let reason = ["reason=\"account_replaced\""];
        let metrics = scene.gateway.metrics();
        assert_eq!(metrics.value("cofferdam_rtsp_sessions_ended_total", &reason), Some(times));
    };
    assert_eq!(describe("lobby/sub", ("new", PASSWORD)), 401);
    let secret = |name: &str| path.join(name).display().to_string();
    let vms_block = format!(
        "[[reader]]\nname = \"vms\"\nsecret_file = \"{}\"\n\
         mounts = [\"lobby/main\", \"yard/*\"]\n",
        secret("vms")
    );
    let new_block = block(path, "new", "[\"lobby/sub\"]", "");
    make_readable(&scene);
    reload(&scene, &[&vms_block, &new_block]);
    tcp.end();
    ended(1.0);
    wait_for_reloads(&scene, "taken", 1.0);
    assert_eq!(describe("lobby/main", ("tcp", PASSWORD)), 401);
    assert_eq!(describe("lobby/sub", ("new", PASSWORD)), 200);
    vms.plays_on();
    ended(1.0);
    let log = scene.gateway.log();
    for told in [
        "audit=\"account_added\" account=\"new\"",
        "audit=\"account_removed\" account=\"tcp\"",
        "account replaced",
    ] {
        assert!(log.contains(told), "{told}\n{log}");
    }

    // Another password for the one that plays: it has to log in again, with that. Its file can be read by whom it
    // could be before.
    let file = secret("vms");
    let other = "another-Password-9";
    assert!(user_add(&["vms", "--secret-file", &file, "--replace"], other).status.success());
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "for its group as before, and for nobody besides");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    scene.gateway.hang_up();
    vms.end();
    assert_eq!(describe("lobby/main", VMS), 401);
    assert_eq!(describe("lobby/main", ("vms", other)), 200);
    wait_for_reloads(&scene, "taken", 2.0);
    wait_for_reloads(&scene, "refused", 0.0);
    ended(2.0);
}

#[test]
fn accounts_that_cannot_be_used_are_told_and_those_before_them_hold() {
    let scene = scene();
    make_readable(&scene);
    let mut vms = Playing::start(&scene, "lobby/main", VMS);
    let path = scene.gateway.config_path();
    let good = std::fs::read_to_string(&path).unwrap();
    let pipe = scene.folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::ROTH;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let open = format!("[readers]\nanonymous = true\n{}", after_core(&good));
    for (times, broken, expected) in [
        (1.0, format!("{good}\nnonsense = 1\n"), "nonsense"),
        (2.0, good.replacen("/tcp\"", "/nothing\"", 1), "`reader tcp: secret_file`"),
        (3.0, good.replacen("/tcp\"", "/pipe\"", 1), "found something else at"),
        (4.0, open, "`readers.anonymous`: expected false"),
    ] {
        std::fs::write(&path, broken).unwrap();
        scene.gateway.hang_up();
        wait_for_reloads(&scene, "refused", times);
        let log = scene.gateway.log();
        assert!(log.contains(expected) && log.contains("still hold"), "{log}");
    }
    vms.plays_on();
    let mut reader = Rtsp::connect(scene.gateway.rtsp, "lobby/main");
    assert_eq!(reader.as_reader(("tcp", PASSWORD), "DESCRIBE", &[]).status, 200);
    // Nothing but what was broken was in the way. What is no account is not taken over, and that is told.
    std::fs::write(&path, &good).unwrap();
    scene.gateway.hang_up();
    wait_for_reloads(&scene, "taken", 1.0);
    assert!(!scene.gateway.log().contains("what else has changed"), "{}", scene.gateway.log());
    std::fs::write(&path, good.replacen("fps = 15", "fps = 10", 1)).unwrap();
    scene.gateway.hang_up();
    wait_for_reloads(&scene, "taken", 2.0);
    assert!(scene.gateway.log().contains("what else has changed"), "{}", scene.gateway.log());
    vms.plays_on();
}

/// Open to all at its start, it stays so until a restart, and says so.
#[test]
fn an_open_gateway_is_not_closed_by_a_signal() {
    let camera = scene::camera("lobby", 7);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("lobby", &camera)]));
    let reloads = |result: &str, times: f64| {
        let label = format!("result=\"{result}\"");
        gateway.wait_for_metric("cofferdam_account_reloads_total", &[&label], |v| v == times);
    };
    gateway.hang_up();
    reloads("taken", 1.0);
    let path = gateway.config_path();
    let open = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, open.replace("anonymous = true", "anonymous = false")).unwrap();
    gateway.hang_up();
    reloads("refused", 1.0);
    let log = gateway.log();
    assert!(log.contains("`readers.anonymous`: expected true, as at the start"), "{log}");
}

/// The gateway's configuration from `[core]` to before `[readers]`, and its cameras: without accounts.
fn after_core(text: &str) -> String {
    let (_, rest) = text.split_once("[core]").unwrap();
    let (core, rest) = rest.split_once("[readers]").unwrap();
    let (_, cameras) = rest.split_once("[[camera]]").unwrap();
    format!("[core]{core}[[camera]]{cameras}")
}

/// What a core side has read by the time that it is up may be what was before.
#[test]
fn a_core_side_that_is_starting_is_asked_when_it_has_started() {
    let scene = scene();
    make_readable(&scene);
    let ended = || scene.gateway.log().matches("a side ended").count();
    scene.gateway.side("core").expect("a core side").signal(Signal::KILL);
    until(Duration::from_secs(60), "the end to be noticed", || (ended() == 1).then_some(()));
    scene.gateway.hang_up();
    until(Duration::from_secs(60), "the core side to be back", || {
        let (status, _) = http::get(scene.gateway.admin, "/readyz")?;
        (status == 200).then_some(())
    });
    wait_for_reloads(&scene, "taken", 1.0);
    assert_eq!(ended(), 1, "{}", scene.gateway.log());
}

/// Whoever is at work on the file does so for no side that dies meanwhile: it comes back with what was there at the
/// start, and the accounts that were taken over last.
#[test]
fn a_side_that_comes_back_goes_by_what_was_taken_over() {
    let scene = scene();
    make_readable(&scene);
    let path = scene.gateway.config_path();
    let text = std::fs::read_to_string(&path).unwrap();
    let (tcp, others): (Vec<&str>, Vec<&str>) =
        text.split("[[reader]]").partition(|block| block.contains("name = \"tcp\""));
    assert_eq!(tcp.len(), 1);
    std::fs::write(&path, others.join("[[reader]]")).unwrap();
    scene.gateway.hang_up();
    wait_for_reloads(&scene, "taken", 1.0);
    let other = text.replacen("fps = 15", "fps = 10", 1).replacen("width = ", "width = 1", 1);
    for (times, meanwhile) in [(1, other.as_str()), (2, "broken")] {
        std::fs::write(&path, meanwhile).unwrap();
        for side in ["core", "camera"] {
            scene.gateway.side(side).expect(side).signal(Signal::KILL);
        }
        let ended = || scene.gateway.log().matches("a side ended").count();
        until(Duration::from_secs(60), "both sides to be back", || {
            let (status, _) = http::get(scene.gateway.admin, "/readyz")?;
            (status == 200 && ended() == 2 * times).then_some(())
        });
        let live = ["state=\"live\""];
        scene.gateway.wait_for_metric("cofferdam_camera_state", &live, |v| v == 1.0);
        Playing::start(&scene, "lobby/main", VMS).plays_on();
        let mut gone = Rtsp::connect(scene.gateway.rtsp, "lobby/main");
        assert_eq!(gone.as_reader(("tcp", PASSWORD), "DESCRIBE", &[]).status, 401);
    }
}

/// Started as root, the gateway reads accounts that its own user may not; to read them anew would need that.
#[test]
#[allow(clippy::print_stderr)]
fn accounts_that_can_be_read_at_the_start_only_are_told_then() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root has files that the gateway's own user may not read");
        return;
    }
    let scene = scene();
    let vms = scene.folder.path().join("vms").display().to_string();
    eventually("it to be told", || {
        let log = scene.gateway.log();
        log.contains(&vms) && log.contains("will take a restart")
    });
}

#[test]
fn the_stored_form_is_the_owners_and_holds_no_password() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("vms");
    let file = path.to_str().unwrap();
    assert!(user_add(&["vms", "--secret-file", file], PASSWORD).status.success());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("argon2id") && !text.contains(PASSWORD), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // Not over another, not a short one, not a name that needs quoting.
    for (arguments, password) in [
        (&["vms", "--secret-file", file][..], PASSWORD),
        (&["vms", "--secret-file", file, "--replace"], "short"),
        (&["v:ms", "--secret-file", file, "--replace"], PASSWORD),
    ] {
        let output = user_add(arguments, password);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("expected") && said.contains("found"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    let output = user_add(&["vms", "--secret-file", file, "--replace", "--generate"], "");
    let said = String::from_utf8(output.stdout).unwrap();
    let generated = said.lines().find_map(|line| line.strip_prefix("password: ")).unwrap();
    assert_eq!(generated.len(), 24);
    assert_ne!(std::fs::read_to_string(&path).unwrap(), text);
}

/// Mistakes in an account's file end the start, by account and key, and `check` says the same.
#[test]
fn a_broken_account_file_is_named() {
    let folder = TempDir::new().unwrap();
    let block = block(folder.path(), "vms", "[\"*\"]", "");
    let config = folder.path().join("cofferdam.toml");
    let camera = "[[camera]]\nid = \"lobby\"\nurl = \"rtsp://127.0.0.1:9/\"\n\
                  picture = { width = 640, height = 360, fps = 15 }\n";
    std::fs::write(&config, format!("{block}[core]\nrtsp = \"127.0.0.1:8554\"\n{camera}")).unwrap();
    for (text, expected) in [("open sesame", "line 1"), ("", "name"), ("name = \"x\"", "that of x")]
    {
        std::fs::write(folder.path().join("vms"), text).unwrap();
        for command in [&["check"][..], &["run", "--side", "core"]] {
            let mut child = Command::new(programs::ours("cofferdam"));
            child.args(command).arg("--config").arg(&config);
            let mut child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let status =
                until(Duration::from_secs(60), "the end", || child.try_wait().expect("a child"));
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(status.code(), Some(2), "{command:?}: {said}");
            assert!(
                said.contains("`reader vms: secret_file`") && said.contains(expected),
                "{said}"
            );
            assert!(!said.contains("sesame"), "{said}");
        }
    }
}
