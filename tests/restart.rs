//! Workers and sides die; readers keep their sessions, neighbours notice nothing.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

use std::time::{Duration, Instant};

use cofferdam_simulator::barcode::Barcode;
use cofferdam_system_tests::processes::Process;
use cofferdam_system_tests::{
    Client, Gateway, GatewayConfig, Player, Transport, eventually, programs, scene, until,
};
use rustix::process::Signal;

const DEADLINE: Duration = Duration::from_secs(20);
/// What a neighbour's reader may miss at the most, in pictures: none.
const GAP: u32 = 1;

fn playing(gateway: &Gateway, mount: &str) -> Player {
    let player = Player::start(Client::Ffmpeg, Transport::Tcp, &gateway.url(mount), scene::size());
    let (codes, _) = player.barcodes(5, DEADLINE);
    assert_eq!(codes.len(), 5, "{mount} plays before anything is killed");
    player
}

/// Waits for a picture newer than `than`.
fn newer(player: &Player, than: u32, what: &str) -> Barcode {
    let end = Instant::now() + DEADLINE;
    while let Some(shown) = player.next(end.saturating_duration_since(Instant::now())) {
        if let Some(code) = player.barcode(&shown)
            && code.counter > than
        {
            return code;
        }
    }
    panic!("no picture after {than} came: {what}");
}

/// Takes every picture that waits.
fn drain(player: &Player, into: &mut Vec<Barcode>) {
    while let Some(shown) = player.next(Duration::ZERO) {
        into.extend(player.barcode(&shown));
    }
}

/// Numbers that are spread, and the same for the same seed.
fn spread(seed: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(seed), |n| {
        Some(n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
    })
    .map(|n| n >> 16)
}

#[test]
fn ten_kills_of_either_worker_leave_the_session_alive_and_the_neighbour_untouched() {
    let (struck, spared) = (scene::camera("struck", 1), scene::camera("spared", 2));
    let gateway = Gateway::start(&GatewayConfig::open(vec![
        scene::config("struck", &struck),
        scene::config("spared", &spared),
    ]));
    let mut player = playing(&gateway, "struck/main");
    let mut neighbour = playing(&gateway, "spared/main");
    let mut seen = Vec::new();
    let mut last = 0;
    let seed = std::process::id();
    println!("seed {seed}");
    let mut chances = spread(seed);
    let mut chance = |below: u32| chances.next().expect("it never ends") % below;
    for round in 0..10 {
        // At any moment of a group of pictures: two seconds.
        let moment = Instant::now() + Duration::from_millis(chance(2000).into());
        while let Some(left) = moment.checked_duration_since(Instant::now())
            && let Some(shown) = player.next(left)
        {
            last = player.barcode(&shown).map_or(last, |code| last.max(code.counter));
        }
        let programs: &[&str] = [
            &["cofferdam-ingest"][..],
            &["cofferdam-encode"],
            &["cofferdam-ingest", "cofferdam-encode"],
        ][chance(3) as usize];
        let mut killed = Vec::new();
        for &program in programs {
            let worker = until(DEADLINE, program, || gateway.worker(program, "struck"));
            assert!(worker.signal(Signal::KILL), "seed {seed}, round {round}");
            killed.push((program, worker.pid));
        }
        for (program, pid) in killed {
            let replaced = |new: &Process| new.pid != pid;
            until(DEADLINE, "another worker", || {
                gateway.worker(program, "struck").filter(replaced)
            });
        }
        let program = programs.join(" and ");
        // Old pictures may still be on their way: only one made after the kill counts.
        let mut late = Vec::new();
        drain(&player, &mut late);
        last = late.iter().map(|code| code.counter).fold(last, u32::max);
        last =
            newer(&player, last + scene::RATE, &format!("seed {seed}, {round}: {program}")).counter;
        drain(&neighbour, &mut seen);
    }
    assert!(player.is_running(), "the reader's session ended");
    assert!(neighbour.is_running());
    assert!(seen.len() > 50, "the neighbour played on: {} pictures", seen.len());
    for pair in seen.windows(2) {
        let step = pair[1].counter.wrapping_sub(pair[0].counter);
        assert!(step <= GAP, "the neighbour missed pictures: {pair:?}");
    }
    let said = player.stop().said;
    assert!(!said.contains("timed out") && !said.contains("RTP: missed"), "{said}");
}

/// The sub mount is only encoded for readers, and a new encode worker has to be told that it has some.
#[test]
fn a_sub_mounts_reader_gets_pictures_of_the_next_encode_worker() {
    let camera = scene::camera("struck", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("struck", &camera)]));
    let mut player = playing(&gateway, "struck/sub");
    for round in 0..3 {
        let worker = until(DEADLINE, "the worker", || gateway.worker("cofferdam-encode", "struck"));
        assert!(worker.signal(Signal::KILL));
        until(DEADLINE, "another worker", || {
            gateway.worker("cofferdam-encode", "struck").filter(|new| new.pid != worker.pid)
        });
        let mut late = Vec::new();
        drain(&player, &mut late);
        let last = late.iter().map(|code| code.counter).max().unwrap_or(0);
        newer(&player, last + scene::RATE, &format!("round {round}"));
    }
    assert!(player.is_running());
}

/// As when a package is replaced while it runs.
#[test]
fn a_side_whose_program_is_missing_for_a_while_comes_back() {
    let folder = tempfile::TempDir::new().unwrap();
    for name in ["cofferdam", "cofferdam-ingest", "cofferdam-encode"] {
        std::fs::copy(programs::ours(name), folder.path().join(name)).unwrap();
    }
    let (program, aside) = (folder.path().join("cofferdam"), folder.path().join("aside"));
    let camera = scene::camera("yard", 1);
    let config = GatewayConfig::open(vec![scene::config("yard", &camera)]);
    let mut gateway = Gateway::start_with(&config, &program, |_| ());
    std::fs::rename(&program, &aside).unwrap();
    assert!(gateway.side("core").unwrap().signal(Signal::KILL));
    eventually("the failure to be told", || gateway.log().contains("starting the core side"));
    std::fs::rename(&aside, &program).unwrap();
    until(DEADLINE, "another core side", || gateway.side("core"));
    eventually("the new core side to serve", || {
        matches!(cofferdam_system_tests::http::get(gateway.admin, "/readyz"), Some((200, _)))
    });
    assert_eq!(gateway.stop().code(), Some(0), "{}", gateway.log());
}

#[test]
fn a_stopped_worker_is_noticed_and_replaced() {
    let camera = scene::camera("frozen", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("frozen", &camera)]));
    let player = playing(&gateway, "frozen/main");
    for program in ["cofferdam-ingest", "cofferdam-encode"] {
        let worker = until(DEADLINE, program, || gateway.worker(program, "frozen"));
        assert!(worker.signal(Signal::STOP));
        until(DEADLINE, "another worker", || {
            gateway.worker(program, "frozen").filter(|new| new.pid != worker.pid)
        });
        let mut late = Vec::new();
        drain(&player, &mut late);
        let last = late.iter().map(|code| code.counter).max().unwrap_or(0);
        newer(&player, last + scene::RATE, program);
    }
    let wedged = gateway
        .metrics()
        .value("cofferdam_camera_faults_total", &["camera=\"frozen\"", "fault=\"worker_wedged\""]);
    assert_eq!(wedged, Some(1.0));
}

#[test]
fn either_side_may_die_and_comes_back() {
    let camera = scene::camera("yard", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    let mut player = playing(&gateway, "yard/main");
    let side = gateway.side("camera").unwrap();
    assert!(side.signal(Signal::KILL));
    until(DEADLINE, "another camera side", || gateway.side("camera").filter(|s| s.pid != side.pid));
    let mut late = Vec::new();
    drain(&player, &mut late);
    let last = late.iter().map(|code| code.counter).max().unwrap_or(0);
    newer(&player, last + scene::RATE, "after the camera side's death");
    assert!(player.is_running(), "the reader's session does not depend on the camera side");

    let side = gateway.side("core").unwrap();
    assert!(side.signal(Signal::KILL));
    until(DEADLINE, "another core side", || gateway.side("core").filter(|s| s.pid != side.pid));
    eventually("the new core side to serve", || {
        matches!(cofferdam_system_tests::http::get(gateway.admin, "/readyz"), Some((200, _)))
    });
    gateway.wait_for_metric("cofferdam_camera_state", &["state=\"live\""], |v| v == 1.0);
    playing(&gateway, "yard/main");
}

/// No process outlives a parent that got SIGKILL.
#[test]
fn nothing_survives_the_parent() {
    let camera = scene::camera("yard", 1);
    let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("yard", &camera)]));
    eventually("both workers", || gateway.processes().len() == 5);
    let family = gateway.processes();
    let parent = family.iter().find(|p| p.pid.cast_unsigned() == gateway.pid()).unwrap();
    assert!(parent.signal(Signal::KILL));
    eventually("every process to be gone", || {
        let alive = cofferdam_system_tests::processes::all();
        !family.iter().any(|p| {
            p.pid != parent.pid
                && alive.iter().any(|a| a.pid == p.pid && a.arguments == p.arguments)
        })
    });
}

/// The camera ends its stream, or falls silent: the reader stays, and pictures come back.
#[test]
fn a_camera_that_ends_or_stalls_comes_back() {
    use cofferdam_simulator::Script;
    for script in [Script::CloseAfter { pictures: 30 }, Script::StallAfter { pictures: 30 }] {
        let camera = scene::scripted("moody", script);
        let gateway = Gateway::start(&GatewayConfig::open(vec![scene::config("moody", &camera)]));
        let mut player = playing(&gateway, "moody/main");
        // More pictures than one connection gives.
        let (codes, _) = player.barcodes(60, Duration::from_secs(40));
        assert_eq!(codes.len(), 60, "{script:?}");
        assert!(player.is_running());
        assert!(camera.connections() >= 2);
    }
}
