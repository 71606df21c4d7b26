//! Each check on a host that is as it should be, and on that host with one thing wrong.

use std::collections::BTreeSet;

use crate::{
    Address, Check, Device, Facts, InterfaceName, Link, OpenSocket, Outcome, OwnListener, Prefix,
    Process, Protocol, Report, Route, Settings, Stance, Subject,
};

const LO: u32 = 1;
const CAM: u32 = 2;
const CORE: u32 = 3;

fn link(index: u32, name: &str) -> Link {
    Link { index, name: name.into(), master: None }
}

fn prefix(text: &str) -> Prefix {
    let (address, bits) = text.split_once('/').unwrap();
    Prefix::new(address.parse().unwrap(), bits.parse().unwrap()).unwrap()
}

fn address(link: u32, ip: &str, network: &str) -> Address {
    Address { link, address: ip.parse().unwrap(), network: prefix(network) }
}

fn socket(protocol: Protocol, local: &str, device: Device) -> OpenSocket {
    OpenSocket { protocol, local: Some(local.parse().unwrap()), device }
}

fn set(facts: &mut Facts, path: &str, value: i64) {
    assert!(facts.settings.0.insert(path.into(), value).is_some(), "{path} is looked at");
}

/// A host with both networks, as it should be.
fn good() -> (Subject, Facts) {
    let name = |name: &str| Some(InterfaceName::new(name).unwrap());
    let subject = Subject {
        stance: Stance::Together,
        camera: name("cam0"),
        core: name("core0"),
        listeners: vec![OwnListener { key: "core.rtsp", address: "0.0.0.0:8554".parse().unwrap() }],
        allow: BTreeSet::new(),
        config: "FILE".into(),
        locked: true,
        process_only: false,
    };
    let links = vec![link(LO, "lo"), link(CAM, "cam0"), link(CORE, "core0")];
    let mut settings = Settings::default();
    for path in super::settings::wanted(&subject, &links) {
        settings.0.insert(path, 0);
    }
    let mut facts = Facts {
        addresses: vec![
            address(LO, "127.0.0.1", "127.0.0.0/8"),
            address(CAM, "10.20.0.1", "10.20.0.0/16"),
            address(CORE, "10.1.0.5", "10.1.0.0/16"),
            address(CORE, "fe80::1", "fe80::/64"),
        ],
        routes: vec![
            Route { link: CAM, to: prefix("10.20.0.0/16") },
            Route { link: CORE, to: prefix("10.1.0.0/16") },
            Route { link: CORE, to: prefix("0.0.0.0/0") },
            Route { link: CORE, to: prefix("fe80::/64") },
        ],
        settings,
        sockets: vec![
            socket(Protocol::Tcp, "0.0.0.0:8554", Device::Link(CORE)),
            socket(Protocol::Tcp, "127.0.0.1:9090", Device::Any),
            socket(Protocol::Udp, "[::1]:323", Device::Unknown),
        ],
        process: Process {
            users: [65532; 4],
            capabilities: 0,
            no_new_privileges: true,
            filtered: true,
        },
        links,
    };
    set(&mut facts, "ipv6/conf/cam0/disable_ipv6", 1);
    set(&mut facts, "ipv4/conf/cam0/arp_ignore", 1);
    set(&mut facts, "ipv4/conf/cam0/arp_announce", 2);
    set(&mut facts, "ipv4/conf/all/rp_filter", 1);
    (subject, facts)
}

/// That host with one thing changed; what failed, with what mends it.
fn with(change: impl FnOnce(&mut Subject, &mut Facts)) -> (BTreeSet<Check>, String) {
    let (mut subject, mut facts) = good();
    change(&mut subject, &mut facts);
    let report = Report::new(&subject, &facts);
    (report.failed(), report.to_string())
}

#[test]
fn a_host_that_is_as_it_should_be_passes_every_check() {
    let (subject, facts) = good();
    let report = Report::new(&subject, &facts);
    assert!(report.outcomes().all(|(_, outcome)| *outcome == Outcome::Passed), "{report}");
    assert!(report.holds());
}

/// One thing wrong: what is changed, the check that fails, and the words that say what mends it.
#[test]
fn each_thing_that_is_wrong_fails_its_check_and_no_other() {
    type Wrong = (Check, &'static str, fn(&mut Subject, &mut Facts));
    let cases: Vec<Wrong> = vec![
        (Check::Interfaces, "found \"cam0\": no such interface", |_, f| {
            f.links[1].name = "x".into();
        }),
        (Check::Interfaces, "set `core.interface` to one of: cam0, core0", |s, f| {
            s.core = None;
            s.listeners.clear();
            f.sockets.remove(0);
        }),
        (Check::Interfaces, "mend: ip link set cam0 nomaster", |_, f| {
            f.links[1].master = Some(CORE);
        }),
        (Check::Interfaces, "mend: ip link set core0 nomaster", |_, f| {
            f.links[2].master = Some(CAM);
        }),
        (
            Check::Forwarding,
            "mend: sysctl -w net.ipv4.ip_forward=0 net.ipv4.conf.all.accept_redirects=0\n",
            |_, f| {
                set(f, "ipv4/ip_forward", 1);
            },
        ),
        (Check::Forwarding, "mend: sysctl -w net.ipv4.conf.core0.forwarding=0\n", |_, f| {
            set(f, "ipv4/conf/core0/forwarding", 1);
        }),
        (Check::Forwarding, "mend: sysctl -w net.ipv6.conf.all.forwarding=0\n", |_, f| {
            set(f, "ipv6/conf/all/forwarding", 1);
        }),
        (Check::Forwarding, "net.ipv6.conf.cam0.force_forwarding=0\n", |_, f| {
            set(f, "ipv6/conf/cam0/force_forwarding", 1);
        }),
        (Check::Ipv6, "mend: sysctl -w net.ipv6.conf.cam0.disable_ipv6=1\n", |_, f| {
            set(f, "ipv6/conf/cam0/disable_ipv6", 0);
        }),
        (Check::Routes, "mend: ip route del 0.0.0.0/0 dev cam0\n", |_, f| {
            f.routes.push(Route { link: CAM, to: prefix("0.0.0.0/0") });
        }),
        (Check::Routes, "mend: ip route del 128.0.0.0/1 dev cam0\n", |_, f| {
            f.routes.push(Route { link: CAM, to: prefix("128.0.0.0/1") });
        }),
        (Check::Prefixes, "mend: ip route del 10.20.3.0/24 dev core0\n", |_, f| {
            f.routes.push(Route { link: CORE, to: prefix("10.20.3.0/24") });
        }),
        (Check::Prefixes, "found 10.0.0.0/8 of core0", |_, f| {
            f.addresses.push(address(CORE, "10.1.0.6", "10.0.0.0/8"));
        }),
        (Check::Listeners, "found tcp 0.0.0.0:22\n", |_, f| {
            f.sockets.push(socket(Protocol::Tcp, "0.0.0.0:22", Device::Any));
        }),
        // The weak host model: an address of the core network is reached all the same.
        (Check::Listeners, "found tcp 10.1.0.5:22\n", |_, f| {
            f.sockets.push(socket(Protocol::Tcp, "10.1.0.5:22", Device::Any));
        }),
        (Check::Listeners, "found udp [::]:5353 on cam0\n", |_, f| {
            f.sockets.push(socket(Protocol::Udp, "[::]:5353", Device::Link(CAM)));
        }),
        (Check::Listeners, "does not tell its interface)", |_, f| {
            f.sockets.push(socket(Protocol::Raw, "0.0.0.0:1", Device::Unknown));
        }),
        (Check::Listeners, "found packet\n", |_, f| {
            let (protocol, device) = (Protocol::Packet, Device::Any);
            f.sockets.push(OpenSocket { protocol, local: None, device });
        }),
        (Check::Arp, "mend: sysctl -w net.ipv4.conf.cam0.arp_ignore=1\n", |_, f| {
            set(f, "ipv4/conf/cam0/arp_ignore", 0);
        }),
        (Check::Arp, "mend: sysctl -w net.ipv4.conf.cam0.arp_announce=2\n", |_, f| {
            set(f, "ipv4/conf/cam0/arp_announce", 1);
        }),
        (Check::Arp, "mend: sysctl -w net.ipv4.conf.all.proxy_arp=0\n", |_, f| {
            set(f, "ipv4/conf/all/proxy_arp", 1);
        }),
        (Check::Sources, "mend: sysctl -w net.ipv4.conf.cam0.rp_filter=1\n", |_, f| {
            set(f, "ipv4/conf/all/rp_filter", 0);
        }),
        (Check::Sources, "mend: sysctl -w net.ipv4.conf.all.rp_filter=1\n", |_, f| {
            set(f, "ipv4/conf/all/rp_filter", 2);
        }),
        (Check::Sources, "mend: sysctl -w net.ipv4.conf.cam0.accept_source_route=0\n", |_, f| {
            set(f, "ipv4/conf/all/accept_source_route", 1);
            set(f, "ipv4/conf/cam0/accept_source_route", 1);
        }),
        (Check::Sources, "mend: sysctl -w net.ipv4.conf.cam0.accept_local=0\n", |_, f| {
            set(f, "ipv4/conf/cam0/accept_local", 1);
        }),
        (Check::Sources, "mend: sysctl -w net.ipv4.conf.cam0.route_localnet=0\n", |_, f| {
            set(f, "ipv4/conf/cam0/route_localnet", 1);
        }),
        (Check::Redirects, "mend: sysctl -w net.ipv4.conf.cam0.accept_redirects=0\n", |_, f| {
            set(f, "ipv4/conf/cam0/accept_redirects", 1);
        }),
        (Check::Redirects, "mend: sysctl -w net.ipv4.conf.all.send_redirects=0\n", |_, f| {
            set(f, "ipv4/conf/all/send_redirects", 1);
        }),
        (Check::Privileges, "found the set 0x400", |_, f| f.process.capabilities = 0x400),
        (Check::Privileges, "found NoNewPrivs 0", |_, f| f.process.no_new_privileges = false),
        (Check::Privileges, "`jail.sandbox = \"strict\"`", |_, f| f.process.filtered = false),
        (Check::User, "found user 0", |_, f| f.process.users[2] = 0),
    ];
    let tried: BTreeSet<Check> = cases.iter().map(|case| case.0).collect();
    assert_eq!(tried, Check::ALL.into());
    for (check, words, change) in cases {
        let (failed, table) = with(change);
        assert_eq!(failed, [check].into(), "{words}\n{table}");
        assert!(table.contains(words), "expected {words}, found\n{table}");
        // By name it may be so, and is told all the same.
        let (failed, table) = with(|subject, facts| {
            change(subject, facts);
            subject.allow.insert(check);
        });
        assert!(failed.is_empty() && table.contains("ALLOWED: expected"), "{table}");
    }
}

#[test]
fn ones_own_listeners_without_an_interface_are_told_by_key() {
    let (failed, table) = with(|subject, facts| {
        subject.core = None;
        facts.sockets.clear();
    });
    assert_eq!(failed, [Check::Interfaces, Check::Listeners].into());
    assert!(table.contains("expected `core.rtsp` to be bound to an interface"), "{table}");
}

#[test]
fn one_interface_cannot_be_both() {
    let (failed, table) = with(|subject, _| subject.core = subject.camera.clone());
    assert!(failed.contains(&Check::Interfaces) && table.contains("another interface"), "{table}");
}

#[test]
fn an_address_of_ipv6_alone_is_out_of_reach_without_ipv6() {
    let local = "[fd00::1]:22";
    let open = |facts: &mut Facts| facts.sockets.push(socket(Protocol::Tcp, local, Device::Any));
    assert!(with(|_, facts| open(facts)).0.is_empty());
    let (failed, _) = with(|_, facts| {
        open(facts);
        set(facts, "ipv6/conf/cam0/disable_ipv6", 0);
    });
    assert_eq!(failed, [Check::Ipv6, Check::Listeners].into());
}

#[test]
fn an_interface_with_a_dot_in_its_name_is_mended_by_its_path() {
    let (_, mut facts) = good();
    facts.links[1].name = "eth0.20".into();
    facts.settings.0.insert("ipv4/conf/eth0.20/forwarding".into(), 1);
    let findings = super::settings::forwarding(&facts);
    assert_eq!(findings[0].mend, "sysctl -w net/ipv4/conf/eth0.20/forwarding=0");
}

/// The sides apart: each in a namespace with its own network only.
#[test]
fn apart_each_side_wants_its_own_network_and_no_other() {
    let only = |facts: &mut Facts, keep: u32| {
        facts.links.retain(|link| [LO, keep].contains(&link.index));
        facts.addresses.retain(|address| [LO, keep].contains(&address.link));
        facts.routes.retain(|route| [LO, keep].contains(&route.link));
    };
    let (failed, table) = with(|subject, facts| {
        subject.stance = Stance::Camera;
        only(facts, CAM);
        facts.sockets.clear();
        // Nothing else is here that it could answer for.
        set(facts, "ipv4/conf/cam0/arp_ignore", 0);
    });
    assert!(failed.is_empty(), "{table}");
    let (failed, table) = with(|subject, facts| {
        subject.stance = Stance::Core;
        only(facts, CORE);
        facts.sockets.push(socket(Protocol::Tcp, "0.0.0.0:22", Device::Any));
    });
    assert!(failed.is_empty(), "{table}");
    for stance in [Stance::Camera, Stance::Core] {
        let (failed, table) = with(|subject, _| subject.stance = stance);
        assert_eq!(failed, [Check::Interfaces].into(), "{table}");
        assert!(table.contains("network but its own"), "{table}");
    }
    // In two containers both are called eth0.
    for stance in [Stance::Camera, Stance::Core] {
        let (failed, table) = with(|subject, facts| {
            subject.stance = stance;
            only(facts, CAM);
            facts.sockets.clear();
            subject.core = subject.camera.clone();
        });
        assert!(failed.is_empty(), "{stance:?}\n{table}");
    }
}

#[test]
fn what_is_not_looked_at_here_is_told_as_that() {
    let (subject, facts) = good();
    let report = Report::new(&Subject { locked: false, ..subject.clone() }, &facts);
    let outcome = report.outcome(Check::User).unwrap();
    assert!(matches!(outcome, Outcome::NotApplicable(_)) && outcome.is_good());
    let report = Report::new(&Subject { process_only: true, ..subject }, &Facts::default());
    assert_eq!(report.failed(), [Check::Privileges, Check::User].into());
}

#[test]
fn changes_are_told_once_each_way() {
    let (subject, facts) = good();
    let well = Report::new(&subject, &facts);
    let mut worse = facts;
    set(&mut worse, "ipv4/ip_forward", 1);
    let ill = Report::new(&subject, &worse);
    assert!(well.changes_since(None).is_empty());
    assert_eq!(ill.changes_since(None).len(), 1);
    let told = |now: &Report, last: &Report| {
        let changes = now.changes_since(Some(last));
        changes.iter().map(|c| format!("{} {c}", c.check)).collect::<Vec<_>>()
    };
    assert_eq!(told(&ill, &well), ["forwarding expected net.ipv4.ip_forward = 0, found 1"]);
    assert_eq!(told(&well, &ill), ["forwarding holds again"]);
    assert!(told(&ill, &ill).is_empty());
    // Another fault of the same check is news as well.
    set(&mut worse, "ipv6/conf/all/forwarding", 1);
    let iller = Report::new(&subject, &worse);
    assert_eq!(told(&iller, &ill).len(), 1);
}
