//! Readers that share a group, on a network of their own: whatever they play, its packets are on the wire
//! once, and never on the cameras' wire.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use cofferdam_system_tests::netns::can;
use cofferdam_system_tests::rtsp::says_goodbye;
use cofferdam_system_tests::run::Program;
use cofferdam_system_tests::site::{GATEWAY_TO_READERS, RTSP, Running, Site, Wire};
use cofferdam_system_tests::wire::{Datagram, Frame};

/// For all players.
const PATIENCE: Duration = Duration::from_secs(60);
const TTL: u8 = 16;
/// The gateway, as readers see it over IPv6, and one of them.
const IPV6: [&str; 2] = ["fd99::5", "fd99::20"];

/// A player that ends when it has decoded fifty pictures.
fn ffmpeg(site: &Site, url: &str, transport: &str) -> Command {
    let mut command = site.core.command("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", url]);
    command.args(["-frames:v", "50", "-f", "null", "-"]);
    command
}

fn gstreamer(site: &Site, url: &str) -> Command {
    let mut command = site.core.command("gst-launch-1.0");
    command.args(["-q", "rtspsrc", "protocols=udp-mcast", "latency=200"]);
    command.arg(format!("location={url}"));
    command.args(["!", "rtph264depay", "!", "h264parse", "!", "avdec_h264", "!"]);
    command.args(["fakesink", "num-buffers=50"]);
    command
}

/// Runs players at once; each has to end well and to complain of nothing.
fn play(players: Vec<(&str, Command)>) {
    let running: Vec<_> =
        players.into_iter().map(|(name, command)| (name, Program::start(command))).collect();
    for (name, player) in running {
        let output = player.output_within(PATIENCE);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        assert_eq!(said.trim(), "", "{name}");
    }
}

/// How often each datagram of RTP to `group` was on a wire.
fn packets(frames: &[Frame], group: SocketAddr) -> BTreeMap<Vec<u8>, usize> {
    let mut packets = BTreeMap::new();
    let to_group = |datagram: &Datagram<'_>| datagram.to == group;
    for datagram in frames.iter().filter_map(Frame::datagram).filter(to_group) {
        assert_eq!(datagram.ttl, TTL);
        *packets.entry(datagram.payload.to_vec()).or_default() += 1;
    }
    packets
}

#[test]
fn a_groups_packets_are_on_the_readers_wire_once_and_on_no_other() {
    let test = "a_groups_packets_are_on_the_readers_wire_once_and_on_no_other";
    if !can(test, &["sysctl", "tcpdump", "ffmpeg", "gst-launch-1.0"]) {
        return;
    }
    let mut site = Site::together();
    // Whatever has no route of its own goes to the cameras: a group's packets must not take it.
    site.gateway.run("ip", &["route", "add", "224.0.0.0/4", "dev", "cam0"]);
    site.core.run("ip", &["route", "add", "224.0.0.0/4", "dev", "eth0"]);
    let has_ipv6 = std::path::Path::new("/proc/net/if_inet6").exists();
    let mut mounts = format!(
        "multicast = {{ address = \"239.1.2.3\", port = 5004, ttl = {TTL} }}\n\
         sub = {{ width = 320, height = 180, multicast = {{ address = \"ff15::2:3\", ttl = {TTL} }} }}\n"
    );
    if has_ipv6 {
        let [gateway, reader] = IPV6;
        for (namespace, interface, address) in
            [(&site.gateway, "core0", gateway), (&site.core, "eth0", reader)]
        {
            let address = format!("{address}/64");
            namespace.run("ip", &["address", "add", &address, "dev", interface, "nodad"]);
        }
        mounts += &format!("listen = \"[{gateway}]:9001\"\n");
    }
    let config = site.set_up(&mounts);
    let mut gateway = Running::start(&site, &site.gateway, "both", &config);
    gateway.wait_until_live();

    let (camera, core) = (site.capture(Wire::Camera), site.capture(Wire::Core));
    let main = format!("rtsp://{GATEWAY_TO_READERS}:{RTSP}/yard/main");
    let mut players = vec![
        ("ffmpeg", ffmpeg(&site, &main, "udp_multicast")),
        ("another ffmpeg", ffmpeg(&site, &main, "udp_multicast")),
        ("gstreamer", gstreamer(&site, &main)),
        ("one by itself", ffmpeg(&site, &main, "udp")),
    ];
    if has_ipv6 {
        let sub = format!("rtsp://[{}]:9001/sub", IPV6[0]);
        players.push(("ffmpeg over IPv6", ffmpeg(&site, &sub, "udp_multicast")));
    }
    play(players);
    // Nobody plays: the groups fall silent.
    gateway.wait_for("cofferdam_rtsp_connections", &[], 0.0);
    gateway.wait_for("cofferdam_rtsp_sessions", &["transport=\"multicast\""], 0.0);
    let (camera, mut core) = (camera.frames(), core.frames());
    // Players send to the group as well: to open a firewall, and what they report.
    let [gateway_to_readers, _] = site.hardware(Wire::Core);
    core.retain(|frame| frame.sender() == gateway_to_readers);

    let mut groups: Vec<SocketAddr> = vec!["239.1.2.3:5004".parse().unwrap()];
    groups.extend(has_ipv6.then(|| "[ff15::2:3]:5004".parse::<SocketAddr>().unwrap()));
    let mut sent = 0;
    for group in groups {
        let packets = packets(&core, group);
        assert!(packets.len() >= 50, "{group}: {}", packets.len());
        assert!(packets.values().all(|times| *times == 1), "{group}: a packet came twice");
        sent += packets.keys().map(Vec::len).sum::<usize>();
        // RTCP beside it: a report at the start and goodbye at the end.
        let rtcp = SocketAddr::new(group.ip(), group.port() + 1);
        let reports: Vec<_> =
            core.iter().filter_map(Frame::datagram).filter(|d| d.to == rtcp).collect();
        assert!(reports.iter().any(|d| d.payload[1] == 200), "{group}: no report");
        assert!(reports.iter().any(|d| says_goodbye(d.payload)), "{group}: no goodbye");
    }
    // Counted are packets with the framing of a connection; the kernel may hand on several as one frame.
    let metrics = gateway.metrics().unwrap();
    let count = |name: &str| {
        let value = metrics
            .value(&format!("cofferdam_rtsp_{name}_out_total"), &["transport=\"multicast\""]);
        value.expect("it is counted")
    };
    assert_eq!(count("bytes") - 4.0 * count("packets"), sent as f64);
    // On the cameras' wire is nothing of it, and the reader with packets of its own had them all the same.
    let [gateway_to_cameras, _] = site.hardware(Wire::Camera);
    let strays: Vec<_> = camera
        .iter()
        .filter(|frame| frame.sender() == gateway_to_cameras)
        .filter_map(Frame::datagram)
        .filter(|datagram| datagram.to.ip().is_multicast())
        .collect();
    assert!(strays.is_empty(), "{strays:?}");
    assert!(site.crossings(Wire::Camera, &camera).is_empty());

    // The control: without the interface, the route above is taken.
    let stray = site.gateway.inside(|| {
        let capture = site.capture(Wire::Camera);
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(b"stray", "239.1.2.3:5004").unwrap();
        capture.frames()
    });
    assert!(stray.iter().filter_map(Frame::datagram).any(|datagram| datagram.payload == b"stray"));
}
