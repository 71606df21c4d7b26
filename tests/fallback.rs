//! Readers on a network that lets no datagram through: they try UDP first, and then TCP by themselves.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use cofferdam_system_tests::netns::can;
use cofferdam_system_tests::run::Program;
use cofferdam_system_tests::site::{GATEWAY_TO_READERS, RTSP, Running, Site};

/// For one that waits in vain for datagrams first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays thirty pictures, over whatever way is left.
fn ffmpeg(site: &Site, url: &str) -> Command {
    let mut command = site.core.command("ffmpeg");
    // After this long without a packet, in microseconds, it goes over to TCP.
    command.args(["-nostdin", "-v", "error", "-timeout", "2000000", "-i", url]);
    command.args(["-frames:v", "30", "-f", "null", "-"]);
    command
}

fn gstreamer(site: &Site, url: &str) -> Command {
    let mut command = site.core.command("gst-launch-1.0");
    command.args(["-q", "rtspsrc", "timeout=2000000", &format!("location={url}")]);
    command.args(["!", "fakesink", "num-buffers=30"]);
    command
}

#[test]
fn a_reader_to_whom_no_datagram_comes_goes_over_to_tcp() {
    let test = "a_reader_to_whom_no_datagram_comes_goes_over_to_tcp";
    if !can(test, &["nft", "sysctl", "ffmpeg", "gst-launch-1.0"]) {
        return;
    }
    let mut site = Site::together();
    let config = site.set_up("");
    let mut gateway = Running::start(&site, &site.gateway, "both", &config);
    gateway.wait_until_live();
    site.core.run("nft", &["add table inet firewall"]);
    site.core.run("nft", &["add chain inet firewall in { type filter hook input priority 0; }"]);
    site.core.run("nft", &["add rule inet firewall in meta l4proto udp drop"]);

    let url = format!("rtsp://{GATEWAY_TO_READERS}:{RTSP}/yard/main");
    for (name, player) in [("ffmpeg", ffmpeg(&site, &url)), ("rtspsrc", gstreamer(&site, &url))] {
        let before = gateway.log().len();
        let output = Program::start(player).output_within(PATIENCE);
        let said = String::from_utf8_lossy(&output.stderr);
        let log = gateway.log().split_off(before);
        assert!(output.status.success(), "{name}: {said}{log}");
        let started = |transport: &str| {
            log.lines()
                .filter(|line| line.contains("session_start") && line.contains(transport))
                .count()
        };
        // The first is the control: without the firewall it would have been enough.
        assert_eq!((started("udp"), started("tcp")), (1, 1), "{name}: {log}");
    }
}
