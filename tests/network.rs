//! The networks, apart: what is on the camera's wire and on the core's while the gateway runs, in
//! network namespaces with a capture on both. Each thing that is not there has a control in which it is.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use cofferdam_system_tests::netns::can;
use cofferdam_system_tests::run::Program;
use cofferdam_system_tests::site::{Running, Site, Wire, commands};
use cofferdam_system_tests::wire::Frame;
use cofferdam_system_tests::{eventually, until};

/// The longest between a change of the host and the word of it: the time between two looks, and for a busy
/// machine as much again.
const TOLD: Duration = Duration::from_secs(10 + 10);
const CHECK: &str = "cofferdam_isolation_check";

/// The checks that can fail here, of those in `names`: a kernel without IPv6 has nothing to answer for.
fn with_ipv6<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let ipv6 = Path::new("/proc/net/if_inet6").exists();
    names.iter().copied().filter(|name| ipv6 || *name != "ipv6").collect()
}

/// What somebody might leave behind on a host: a socket that takes connections on any address.
fn wildcard_listener(site: &Site, port: u16) -> TcpListener {
    site.gateway.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap())
}

#[test]
fn what_is_wrong_is_refused_at_the_start_and_the_printed_commands_mend_it() {
    let test = "what_is_wrong_is_refused_at_the_start_and_the_printed_commands_mend_it";
    if !can(test, &["sysctl"]) {
        return;
    }
    let mut site = Site::together();
    let url = site.start_camera();
    let config = site.configure(&url, "");
    site.gateway.run("ip", &["route", "add", "default", "dev", "cam0"]);
    site.gateway.run("ip", &["route", "add", "10.99.20.128/25", "dev", "core0"]);
    let listener = wildcard_listener(&site, 7);

    let mut refused = Running::start(&site, &site.gateway, "both", &config);
    assert_eq!(refused.ended(), Some(3), "{}", refused.log());
    let log = refused.log();
    let wrong = with_ipv6(&[
        "forwarding",
        "ipv6",
        "routes",
        "prefixes",
        "listeners",
        "arp",
        "sources",
        "redirects",
    ]);
    for check in &wrong {
        assert!(
            log.contains(&format!("cofferdam: isolation: {check}: expected")),
            "{check}: {log}"
        );
    }
    assert!(log.contains("found tcp 0.0.0.0:7;") && log.contains("`[isolation] allow`"), "{log}");
    let (code, table) = site.check(&config, "both");
    assert_eq!(code, Some(3), "{table}");
    assert!(commands(&table).len() >= wrong.len() - 1, "one for each but the listener:\n{table}");

    // By name, each may be as it is; the table still tells, and so do log and metric.
    let names: Vec<_> = wrong.iter().map(|name| format!("\"{name}\"")).collect();
    let allow = format!("[isolation]\nallow = [{}]", names.join(", "));
    let config = site.configure(&url, &allow);
    let (code, table) = site.check(&config, "both");
    assert_eq!(code, Some(0), "{table}");
    assert_eq!(table.matches("ALLOWED: expected").count(), table.matches("mend: ").count());
    let mut gateway = Running::start(&site, &site.gateway, "both", &config);
    gateway.wait_for(CHECK, &["check=\"forwarding\""], 0.0);
    gateway.wait_for(CHECK, &["check=\"user\""], 1.0);
    gateway.wait_for("cofferdam_isolated", &[], 1.0);
    let log = gateway.log();
    assert!(log.contains("not isolated, as allowed: expected net.ipv4.ip_forward = 0"), "{log}");
    drop(gateway);

    // What the table says mends it, as it says it.
    let config = site.configure(&url, "");
    drop(listener);
    site.mend(&config, "both");
    let mut gateway = Running::start(&site, &site.gateway, "both", &config);
    gateway.wait_for("cofferdam_isolated", &[], 1.0);
    gateway.wait_for(CHECK, &[], 11.0);
    gateway.wait_until_live();
}

#[test]
fn what_changes_while_the_gateway_runs_is_told_in_metric_and_log() {
    let test = "what_changes_while_the_gateway_runs_is_told_in_metric_and_log";
    if !can(test, &["sysctl"]) {
        return;
    }
    let mut site = Site::together();
    let config = site.set_up("");
    let mut gateway = Running::start(&site, &site.gateway, "both", &config);
    gateway.wait_for("cofferdam_isolated", &[], 1.0);
    gateway.wait_until_live();

    let set = |path: &str, value: &str| site.gateway.set(path, value);
    let listener = wildcard_listener(&site, 7);
    set("ipv4/conf/core0/forwarding", "1");
    let ipv6 = |value: &str| {
        if Path::new("/proc/net/if_inet6").exists() {
            set("ipv6/conf/cam0/disable_ipv6", value);
        }
    };
    ipv6("0");
    set("ipv4/conf/cam0/arp_ignore", "0");
    set("ipv4/conf/all/rp_filter", "2");
    set("ipv4/conf/cam0/accept_redirects", "1");
    site.gateway.run("ip", &["route", "add", "default", "dev", "cam0", "table", "77"]);
    site.gateway.run("ip", &["route", "add", "10.99.20.128/25", "dev", "core0"]);
    let since = Instant::now();
    let changed = with_ipv6(&[
        "listeners",
        "forwarding",
        "ipv6",
        "arp",
        "sources",
        "redirects",
        "routes",
        "prefixes",
    ]);
    let label = |check: &str| format!("check=\"{check}\"");
    for check in &changed {
        gateway.wait_for(CHECK, &[&label(check)], 0.0);
    }
    gateway.wait_for("cofferdam_isolated", &[], 0.0);
    assert!(since.elapsed() <= TOLD, "told after {:?}", since.elapsed());
    let told = |check: &str, words: &str| {
        let log = gateway.log();
        log.lines().filter(|line| line.contains(check) && line.contains(words)).count()
    };
    for check in &changed {
        // The line and the metric come together, in this order or the other.
        eventually("a line for it", || told(&format!("check=\"{check}\""), "not isolated: ") >= 1);
    }

    drop(listener);
    set("ipv4/conf/core0/forwarding", "0");
    ipv6("1");
    set("ipv4/conf/cam0/arp_ignore", "1");
    set("ipv4/conf/all/rp_filter", "0");
    set("ipv4/conf/cam0/accept_redirects", "0");
    site.gateway.run("ip", &["route", "del", "default", "dev", "cam0", "table", "77"]);
    site.gateway.run("ip", &["route", "del", "10.99.20.128/25", "dev", "core0"]);
    for check in &changed {
        gateway.wait_for(CHECK, &[&label(check)], 1.0);
    }
    gateway.wait_for("cofferdam_isolated", &[], 1.0);
}

/// What a wire shows of a host that does not keep it apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Frames of one network on the other's wire.
    on_the_cores_wire: usize,
    on_the_cameras_wire: usize,
    /// Ports that took a connection from the camera network.
    open: BTreeSet<(IpAddr, u16)>,
    /// Answers to the question who has the gateway's other address.
    arp: usize,
    /// Frames of IPv6 that the gateway sent to the cameras.
    ipv6: usize,
}

impl Seen {
    fn of(site: &Site, camera: &[Frame], core: &[Frame]) -> Self {
        let gateway = site.hardware(Wire::Camera)[0];
        let sent: Vec<_> = camera.iter().filter(|frame| frame.sender() == gateway).collect();
        let crossed = site.crossings(Wire::Camera, camera);
        Self {
            on_the_cores_wire: site.crossings(Wire::Core, core).len(),
            open: sent.iter().filter_map(|frame| frame.accepts()).collect(),
            arp: crossed.iter().filter(|frame| frame.is_arp()).count(),
            ipv6: sent.iter().filter(|frame| frame.is_ipv6()).count(),
            on_the_cameras_wire: crossed.len(),
        }
    }
}

/// Captures both wires while the camera tries its doors.
fn seen(site: &Site) -> Seen {
    let (camera, core) = (site.capture(Wire::Camera), site.capture(Wire::Core));
    site.knock();
    Seen::of(site, &camera.frames(), &core.frames())
}

/// As [`seen`], while pictures of the camera are read on the core network: both wires carry them.
fn seen_while_read(site: &Site) -> Seen {
    let (camera, core) = (site.capture(Wire::Camera), site.capture(Wire::Core));
    site.knock();
    site.read_pictures(30);
    let (camera, core) = (camera.frames(), core.frames());
    for frames in [&camera, &core] {
        let carries = |frame: &&Frame| frame.segment().is_some_and(|s| !s.payload.is_empty());
        let carried = frames.iter().filter(carries).count();
        assert!(carried >= 30, "a frame for each picture, at the least: {carried}");
    }
    Seen::of(site, &camera, &core)
}

#[test]
fn the_captures_find_what_a_host_lets_through() {
    let test = "the_captures_find_what_a_host_lets_through";
    if !can(test, &["tcpdump"]) {
        return;
    }
    let site = Site::together();
    let _listener = wildcard_listener(&site, 7);
    let found = seen(&site);
    assert!(found.on_the_cores_wire > 0, "forwarded: {found:?}");
    assert!(found.arp > 0, "answered for the other address: {found:?}");
    assert!(found.on_the_cameras_wire > found.arp, "refused with the other address: {found:?}");
    let open: BTreeSet<u16> = found.open.iter().map(|(_, port)| *port).collect();
    assert_eq!(open, [7].into(), "{found:?}");
    assert_eq!(found.open.len(), 2, "by either address: {found:?}");
    if Path::new("/proc/net/if_inet6").exists() {
        assert!(found.ipv6 > 0, "{found:?}");
    }

    // A bridge leads everything through, whatever the host's addresses are.
    let site = Site::together();
    for command in [
        "link add br0 type bridge",
        "link set cam0 master br0",
        "link set core0 master br0",
        "link set br0 up",
    ] {
        site.gateway.run("ip", &command.split(' ').collect::<Vec<_>>());
    }
    let found = seen(&site);
    assert!(found.on_the_cores_wire > 0, "{found:?}");
}

#[test]
fn on_one_host_under_the_printed_rules_neither_network_is_on_the_others_wire() {
    let test = "on_one_host_under_the_printed_rules_neither_network_is_on_the_others_wire";
    if !can(test, &["tcpdump", "nft", "ffmpeg", "sysctl"]) {
        return;
    }
    let mut site = Site::together();
    let config = site.set_up("");
    load_rules(&site, &config);
    let mut gateway = Running::start(&site, &site.gateway, "both", &config);
    gateway.wait_until_live();
    assert_eq!(seen_while_read(&site), Seen::default(), "{}", gateway.log());
    gateway.wait_for("cofferdam_isolated", &[], 1.0);
}

#[test]
fn in_two_namespaces_the_sides_share_a_socket_and_neither_network_is_on_the_others_wire() {
    let test =
        "in_two_namespaces_the_sides_share_a_socket_and_neither_network_is_on_the_others_wire";
    if !can(test, &["tcpdump", "ffmpeg", "sysctl"]) {
        return;
    }
    let mut site = Site::apart();
    let url = site.start_camera();
    let config = site.configure(&url, "");
    for side in ["camera", "core"] {
        let (code, table) = site.check(&config, side);
        assert_eq!(code, Some(3), "forwarding, at the least: {table}");
        // Each looks at what is its own.
        assert_eq!(table.contains("\nencoder "), side == "core", "{table}");
        assert_eq!(table.contains("every camera's password file"), side == "camera", "{table}");
        assert_eq!(table.contains("every account and certificate file"), side == "core", "{table}");
        site.mend(&config, side);
    }
    // Either alone lacks the other's network, which is as it should be; for both it is not.
    let (code, table) = site.check(&config, "both");
    assert_eq!(code, Some(3), "{table}");
    assert!(table.contains("interfaces   FAILED: expected `core.interface`"), "{table}");

    let camera_side = Running::start(&site, &site.gateway, "camera", &config);
    let mut core_side = Running::start(&site, site.core_host(), "core", &config);
    core_side.wait_until_live();
    core_side.wait_for("cofferdam_isolated", &[], 1.0);
    let camera_sides = "cofferdam_camera_side_isolation";
    core_side.wait_for(camera_sides, &["state=\"holds\""], 1.0);
    let isolated = "isolated: no self-check failed";
    for log in [camera_side.log(), core_side.log()] {
        assert!(log.contains(isolated), "{log}");
    }
    // Without a firewall: there is no address of the other network here to answer for.
    let log = || format!("{}{}", camera_side.log(), core_side.log());
    assert_eq!(seen_while_read(&site), Seen::default(), "{}", log());

    // The camera side tells for its own namespace.
    site.gateway.set("ipv4/ip_forward", "1");
    until(Duration::from_secs(60), "the camera side to tell", || {
        let log = camera_side.log();
        log.contains("not isolated: expected net.ipv4.ip_forward = 0, found 1").then_some(())
    });
    core_side.wait_for(camera_sides, &["state=\"failed\""], 1.0);
    core_side.wait_for("cofferdam_isolated", &[], 1.0);
}

#[test]
fn a_side_refuses_a_namespace_with_the_other_network() {
    let test = "a_side_refuses_a_namespace_with_the_other_network";
    if !can(test, &["sysctl"]) {
        return;
    }
    let site = Site::together();
    let config = site.configure("rtsp://10.99.20.11:8554/x", "");
    site.mend(&config, "both");
    for side in ["camera", "core"] {
        let mut refused = Running::start(&site, &site.gateway, side, &config);
        assert_eq!(refused.ended(), Some(3), "{}", refused.log());
        let log = refused.log();
        assert!(log.contains("isolation: interfaces: expected no network but its own"), "{log}");
    }
}

/// Loads what `cofferdam nft` prints on the gateway's host.
fn load_rules(site: &Site, config: &Path) {
    let program = cofferdam_system_tests::programs::ours("cofferdam");
    let (program, config) = (program.display(), config.display());
    let load =
        format!("{program} nft --config {config} > rules && nft -c -f rules && nft -f rules");
    site.gateway.run("sh", &["-c", &format!("cd {} && {load}", site.folder.path().display())]);
}

#[test]
fn the_printed_rules_load_twice_and_close_a_listener_off() {
    let test = "the_printed_rules_load_twice_and_close_a_listener_off";
    if !can(test, &["nft", "tcpdump", "sysctl"]) {
        return;
    }
    let site = Site::together();
    let config = site.configure("rtsp://10.99.20.11:8554/x", "");
    site.mend(&config, "both");
    let _listener = wildcard_listener(&site, 7);
    // The control, and what the rules are for: a host that is as it should be in all else still takes
    // packets for its core address from the camera's wire, and answers with it.
    let found = seen(&site);
    assert_eq!((found.on_the_cores_wire, found.arp, found.ipv6), (0, 0, 0), "{found:?}");
    assert_eq!(found.open.len(), 2, "by either address: {found:?}");
    assert!(found.on_the_cameras_wire > 0, "{found:?}");
    load_rules(&site, &config);
    load_rules(&site, &config);
    assert_eq!(seen(&site), Seen::default());
    // A table without an interface to make it for would close off nothing.
    let text = std::fs::read_to_string(&config).unwrap().replace("interface = \"cam0\"\n", "");
    std::fs::write(&config, text).unwrap();
    let mut command = site.gateway.command(cofferdam_system_tests::programs::ours("cofferdam"));
    let output = command.args(["nft", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`camera_network.interface`"));
}

/// What the gateway sent to the camera, but for empty acknowledgements.
#[derive(Debug, Default)]
struct Asked {
    connections: usize,
    requests: Vec<String>,
    /// From the last byte of a burst of the camera's to the gateway's acknowledgement, in order of size.
    acknowledged: Vec<Duration>,
}

impl Asked {
    fn of(site: &Site, frames: &[Frame]) -> Self {
        let gateway = site.hardware(Wire::Camera)[0];
        let mut asked = Self::default();
        let mut last: Option<(u32, Duration)> = None;
        for frame in frames {
            let Some(segment) = frame.segment() else { continue };
            if frame.sender() != gateway {
                let length = u32::try_from(segment.payload.len()).unwrap();
                if length > 0 {
                    last = Some((segment.sequence.wrapping_add(length), frame.at));
                }
                continue;
            }
            asked.connections += usize::from(segment.opens());
            if !segment.payload.is_empty() {
                let method = segment.payload.split(|byte| *byte == b' ').next().unwrap();
                asked.requests.push(String::from_utf8_lossy(method).into_owned());
            }
            if let Some((expected, at)) = last
                && segment.acknowledged == expected
            {
                asked.acknowledged.push(frame.at.saturating_sub(at));
                last = None;
            }
        }
        asked.acknowledged.sort_unstable();
        asked
    }

    fn quantile(&self, hundredths: usize) -> Duration {
        self.acknowledged[(self.acknowledged.len() - 1) * hundredths / 100]
    }
}

/// The largest distance between the two distributions (Kolmogorov and Smirnov's statistic).
fn distance(a: &[Duration], b: &[Duration]) -> f64 {
    let share = |of: &[Duration], at: Duration| {
        of.partition_point(|value| *value <= at) as f64 / of.len() as f64
    };
    a.iter().chain(b).map(|at| (share(a, *at) - share(b, *at)).abs()).fold(0.0, f64::max)
}

#[test]
fn readers_that_come_and_go_send_nothing_to_the_camera() {
    let test = "readers_that_come_and_go_send_nothing_to_the_camera";
    if !can(test, &["tcpdump", "ffmpeg", "sysctl"]) {
        return;
    }
    const PHASE: Duration = Duration::from_secs(12);
    let mut site = Site::together();
    let url = site.start_camera();
    let config = site.configure(&url, "");
    site.mend(&config, "both");
    let mut gateway = Running::start(&site, &site.gateway, "both", &config);
    gateway.wait_until_live();

    let watched = |meanwhile: &dyn Fn()| {
        let capture = site.capture(Wire::Camera);
        let start = Instant::now();
        while start.elapsed() < PHASE {
            meanwhile();
        }
        Asked::of(&site, &capture.frames())
    };
    let metrics = || gateway.metrics().unwrap();
    let sessions = |metrics: &cofferdam_system_tests::http::Metrics| {
        metrics.value("cofferdam_mount_readers", &[]).unwrap()
    };
    assert_eq!(sessions(&metrics()), 0.0);
    let alone = watched(&|| std::thread::park_timeout(Duration::from_millis(100)));
    let visits = std::cell::Cell::new(0);
    let visited = watched(&|| {
        site.read_pictures(5);
        visits.set(visits.get() + 1);
    });
    assert!(visits.get() > 0);
    println!("readers came and went {} times in {PHASE:?}", visits.get());
    for (name, asked) in [("without readers", &alone), ("with readers", &visited)] {
        println!(
            "{name}: {} bursts of the camera's, acknowledged after {:?} (median), {:?} (99 %); asked {:?}",
            asked.acknowledged.len(),
            asked.quantile(50),
            asked.quantile(99),
            asked.requests
        );
    }
    println!(
        "distance of the two distributions: {:.3}",
        distance(&alone.acknowledged, &visited.acknowledged)
    );
    for asked in [&alone, &visited] {
        assert_eq!(asked.connections, 0, "{asked:?}");
        assert!(asked.acknowledged.len() > 20, "the camera streams: {asked:?}");
        // What keeps an RTSP session alive is the gateway's own clock's.
        let alive =
            |method: &String| ["GET_PARAMETER", "OPTIONS", "SET_PARAMETER"].contains(&&**method);
        assert!(asked.requests.iter().all(alive), "{asked:?}");
    }

    // The control: whoever opens the camera when a reader comes is seen at once.
    let on_demand = watched(&|| {
        let mut command = site.gateway.command("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", &url]);
        command.args(["-c", "copy", "-frames:v", "5", "-f", "null", "-"]);
        // What becomes of it does not matter; what it asks for is on the wire.
        let _ = Program::start(command).output_within(Duration::from_secs(60));
    });
    assert!(on_demand.connections > 0, "{on_demand:?}");
    assert!(
        on_demand.requests.iter().any(|method| method == "DESCRIBE"),
        "{:?}",
        on_demand.requests
    );
    let [one, two, three] = [1, 2, 3].map(Duration::from_secs);
    assert!(distance(&[one, one], &[two, three]) > 0.9);
    assert!(distance(&[one, two], &[one, two]) < 0.1);
}
