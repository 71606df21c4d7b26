use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::config::{AfterHold, LogFormat};

const SMALLEST: &str = r#"
    [core]
    rtsp = "127.0.0.1:8554"
    [[camera]]
    id = "lobby"
    url = "rtsp://10.20.0.11/Streaming/Channels/101"
    picture = { width = 1920, height = 1080, fps = 25 }
"#;

fn load_text(text: &str) -> Result<Config, String> {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let name = file.path().display().to_string();
    load(file.path()).map_err(|error| error.to_string().replace(&name, "FILE"))
}

#[test]
fn the_smallest_configuration_has_safe_defaults() {
    let config = load_text(SMALLEST).unwrap();
    assert!(!config.readers.anonymous);
    assert_eq!(config.core.admin, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(config.boundary.socket, PathBuf::from("/run/cofferdam/rings.sock"));
    assert_eq!(config.log.format, LogFormat::Text);
    let camera = &config.cameras[0];
    assert!(!camera.basic);
    assert_eq!(camera.signal_loss.then, AfterHold::Disconnect);
    assert_eq!(camera.sub.to_string(), "640x360");
}

#[test]
fn a_small_main_bounds_the_default_sub() {
    let text = SMALLEST.replace("1920", "352").replace("1080", "288");
    assert_eq!(load_text(&text).unwrap().cameras[0].sub.to_string(), "352x288");
}

/// Each mistake: what is replaced in the smallest configuration, and the line that must come.
#[test]
fn every_mistake_names_its_key_and_what_was_found() {
    let cases = [
        (
            "[core]",
            "[core]\nrtps = 1",
            "FILE: `core.rtps`: expected a known key, found an unknown one",
        ),
        ("[core]", "[cores]\n[core]", "FILE: `cores`: expected a known key"),
        (
            "[core]",
            "[core]\nrtsps = \"0.0.0.0:8322\"\nkey = \"k\"",
            "FILE: `core.certificate`: expected a value where another of `core.rtsps`",
        ),
        (
            "[core]",
            "[core]\nrtsps = \"127.0.0.1:8554\"\nkey = \"k\"\ncertificate = \"c\"",
            "FILE: `core.rtsps`: expected an address of its own",
        ),
        (
            "[core]",
            "[[reader]]\nname = \"vms\"\nsecret_file = \"s\"\nmounts = [\"*\"]\ncertificate = \"c\"\n[core]",
            "FILE: `reader vms: certificate`: expected none where there is no `core.rtsps`",
        ),
        (
            "[core]",
            "[jail]\nsandbox = \"of\"\n[core]",
            "FILE: `jail.sandbox`: expected \"strict\" or \"off\", found \"of\"",
        ),
        (
            "id = ",
            "colour = \"bt2020\"\nid = ",
            "FILE: `camera lobby: colour`: expected \"bt709\" or \"bt601\", found \"bt2020\"",
        ),
        ("id = ", "color = \"bt709\"\nid = ", "FILE: `camera lobby: color`: expected a known key"),
        (
            "id = ",
            "aliases = [\"/x\"]\nid = ",
            "FILE: `camera lobby: aliases`: expected a path such as",
        ),
        (
            "id = ",
            "aliases = [\"live/{1}\"]\nid = ",
            "FILE: `camera lobby: aliases`: expected a path such as",
        ),
        (
            "id = ",
            "aliases = [\"lobby/h264?\"]\nid = ",
            "FILE: `camera lobby: aliases`: expected a path such as",
        ),
        (
            "id = ",
            "aliases = [\"lobby/trackID=0\"]\nid = ",
            "FILE: `camera lobby: aliases`: expected a path such as",
        ),
        (
            "id = ",
            "aliases = [\"lobby/sub\"]\nid = ",
            "FILE: `camera lobby: aliases`: expected a path that leads to one mount, found \"lobby/sub\"",
        ),
        (
            "id = ",
            "aliases = [\"x?y=1\"]\nsub = { aliases = [\"x?y=1\"] }\nid = ",
            "FILE: `camera lobby: sub.aliases`: expected a path that leads to one mount",
        ),
        (
            "id = ",
            "listen = \"0.0.0.0\"\nid = ",
            "FILE: `camera lobby: listen`: expected an address and a port",
        ),
        (
            "id = ",
            "listen = \"127.0.0.1:8554\"\nid = ",
            "FILE: `camera lobby: listen`: expected an address of its own, found 127.0.0.1:8554 again",
        ),
        ("height", "hight", "FILE: `camera lobby: picture.hight`: expected a known key"),
        ("127.0.0.1:8554", "127.0.0.1", "FILE: `core.rtsp`: expected an address and a port"),
        ("127.0.0.1:8554", "127.0.0.1:0", "FILE: `core.rtsp`: "),
        (
            "\"127.0.0.1:8554\"",
            "8554",
            "FILE: `core.rtsp`: expected a string, found integer `8554`",
        ),
        ("rtsp = \"127.0.0.1:8554\"", "", "FILE: "),
        (
            "\"lobby\"",
            "\"lob by\"",
            "FILE: `camera lob by: id`: expected only A-Z a-z 0-9 - _, found ' '",
        ),
        (
            "rtsp://10.",
            "rtsps://10.",
            "FILE: `camera lobby: url`: expected the scheme rtsp, found \"rtsps\"",
        ),
        (
            "rtsp://10.",
            "http://10.",
            "FILE: `camera lobby: url`: expected the scheme rtsp, found \"http\"",
        ),
        (
            "rtsp://10.",
            "rtsp://user:pw@10.",
            "FILE: `camera lobby: url`: expected no user or password",
        ),
        ("rtsp://10.20.0.11/", "rtsp:///", "FILE: `camera lobby: url`: expected"),
        (
            "1920",
            "1921",
            "FILE: `camera lobby: picture`: expected even width and height, found 1921x1080",
        ),
        (
            "1920",
            "7680",
            "FILE: `camera lobby: picture`: expected 16x16 to 3840x2160, found 7680x1080",
        ),
        ("1920", "-2", "FILE: `camera lobby: picture`: expected 16x16 to 3840x2160"),
        (
            "fps = 25",
            "fps = 0",
            "FILE: `camera lobby: picture.fps`: expected 1 to 60 pictures a second, found 0",
        ),
        (
            "fps = 25",
            "fps = 25.0",
            "FILE: `camera lobby: picture.fps`: expected a whole number, found floating point `25.0`",
        ),
        (", fps = 25", "", "FILE: `camera lobby: picture.fps`: expected a value, found none"),
        (
            "id = ",
            "sub = 7\nid = ",
            "FILE: `camera lobby: sub`: expected a table, found integer `7`",
        ),
        (
            "id = ",
            "transport = \"udp\"\nid = ",
            "FILE: `camera lobby: transport`: expected \"tcp\"",
        ),
        (
            "id = ",
            "username = \"u\"\nid = ",
            "FILE: `camera lobby: password_file`: expected one with `username`",
        ),
        (
            "id = ",
            "password_file = \"/p\"\nid = ",
            "FILE: `camera lobby: username`: expected one with `password_file`",
        ),
        (
            "id = ",
            "max_jitter = \"2s\"\nid = ",
            "FILE: `camera lobby: max_jitter`: expected 0ms to 200ms, found 2s",
        ),
        (
            "id = ",
            "max_jitter = \"soon\"\nid = ",
            "FILE: `camera lobby: max_jitter`: expected a duration such as \"20ms\", found \"soon\"",
        ),
        (
            "id = ",
            "encoder = { name = \"x265\" }\nid = ",
            "FILE: `camera lobby: encoder.name`: expected \"x264\" or \"openh264\", found \"x265\"",
        ),
        (
            "id = ",
            "encoder = { quality = 99 }\nid = ",
            "FILE: `camera lobby: encoder.quality`: expected 10 to 51, found 99",
        ),
        (
            "id = ",
            "sub = { width = 2000, height = 1000 }\nid = ",
            "FILE: `camera lobby: sub`: expected at most the main size 1920x1080, found 2000x1000",
        ),
        (
            "id = ",
            "sub = { width = 320 }\nid = ",
            "FILE: `camera lobby: sub`: expected both width and height",
        ),
        (
            "id = ",
            "signal_loss = { then = \"freeze\" }\nid = ",
            "FILE: `camera lobby: signal_loss.then`: expected \"disconnect\" or \"slate\", found \"freeze\"",
        ),
        (
            "id = ",
            "basic = \"yes\"\nid = ",
            "FILE: `camera lobby: basic`: expected a boolean, found string \"yes\"",
        ),
        (
            "fps = 25",
            "fps = 29.97",
            "FILE: `camera lobby: picture.fps`: expected a whole number, found floating point `29.97`",
        ),
        ("\"lobby\"", "7", "FILE: `camera[0]: id`: expected a string, found integer `7`"),
        (
            "[core]",
            "[log]\nformat = \"xml\"\n[core]",
            "FILE: `log.format`: expected \"text\" or \"json\", found \"xml\"",
        ),
        (
            "[core]",
            "[log]\nlevel = \"loud\"\n[core]",
            "FILE: `log.level`: expected off, error, warn, info, debug, trace or a filter",
        ),
        ("[core]", "[log]\nlevel = \"\"\n[core]", "FILE: `log.level`: expected off, error,"),
        (
            "[core]",
            "[isolation]\nallow = [\"forwarding\", \"forward\"]\n[core]",
            "FILE: `isolation.allow`: expected one of interfaces, forwarding, ipv6, routes,",
        ),
        (
            "[core]",
            "[isolation]\nallow = true\n[core]",
            "FILE: `isolation.allow`: expected a list, found boolean",
        ),
        (
            "[core]",
            "[core]\ninterface = \"../eth0\"",
            "FILE: `core.interface`: expected an interface name of 1 to 15 bytes without spaces",
        ),
        ("[core]", "[core]\nvetted = \"\"", "FILE: `core.vetted`: expected a path, found none"),
        ("[core]", "[boundary]\nsocket = \"\"\n[core]", "FILE: `boundary.socket`: expected a path"),
        (
            "[core]",
            "[core]\nadmin = \"127.0.0.1:8554\"",
            "FILE: `core.admin`: expected an address other than `core.rtsp`",
        ),
        (
            "[core]",
            "[[reader]]\nname = \"vms\"\nsecret_file = \"s\"\n[core]",
            "FILE: `reader vms: mounts`: expected a value, found none",
        ),
        (
            "[core]",
            "[[reader]]\nname = \"vms\"\nsecret_file = \"s\"\nmounts = []\n[core]",
            "FILE: `reader vms: mounts`: expected at least one path",
        ),
        (
            "[core]",
            "[[reader]]\nname = \"v ms\"\nsecret_file = \"s\"\nmounts = [\"*\"]\n[core]",
            "FILE: `reader v ms: name`: expected only A-Z a-z 0-9 - _ . @, found ' '",
        ),
        (
            "[core]",
            "[[reader]]\nname = \"vms\"\nsecret_file = \"s\"\nmounts = [\"/x\"]\n[core]",
            "FILE: `reader vms: mounts`: expected no slash at either end, found \"/x\"",
        ),
        (
            "[core]",
            "[[reader]]\nname = \"vms\"\nsecret_file = \"s\"\nmounts = [\"*\"]\nnetworks = [\"10.1.0.1/16\"]\n[core]",
            "FILE: `reader vms: networks`: expected the first address of the network, 10.1.0.0/16",
        ),
        (
            "[core]",
            "[[reader]]\nname = \"vms\"\nsecret_file = \"s\"\nmounts = [\"*\"]\ntransports = [\"srtp\"]\n[core]",
            "FILE: `reader vms: transports`: expected some of [\"tcp\", \"udp\", \"tls\", \"multicast\"], found \"srtp\"",
        ),
        (
            "[core]",
            "[readers]\nanonymous = true\n[[reader]]\nname = \"vms\"\nsecret_file = \"s\"\nmounts = [\"*\"]\n[core]",
            "FILE: `readers.anonymous`: expected false where there is a [[reader]]",
        ),
        (
            "id = ",
            "multicast = { address = \"239.1.2.3\" }\nid = ",
            "FILE: `camera lobby: multicast`: expected none without `core.interface`",
        ),
        (
            "id = ",
            "multicast = { address = \"10.1.2.3\" }\nid = ",
            "FILE: `camera lobby: multicast.address`: expected a multicast address such as",
        ),
        (
            "id = ",
            "multicast = { address = \"224.0.0.5\" }\nid = ",
            "FILE: `camera lobby: multicast.address`: expected a multicast address such as",
        ),
        (
            "id = ",
            "multicast = { address = \"239.1.2.3\", port = 5005 }\nid = ",
            "FILE: `camera lobby: multicast.port`: expected an even port from 1024",
        ),
        (
            "id = ",
            "sub = { multicast = { address = \"ff15::1\", ttl = 0 } }\nid = ",
            "FILE: `camera lobby: sub.multicast.ttl`: expected 1 to 255, found 0",
        ),
        (
            "id = ",
            "multicast = { adress = \"239.1.2.3\" }\nid = ",
            "FILE: `camera lobby: multicast.adress`: expected a known key",
        ),
        ("[core]", "[core", "FILE: line 2, column 10: "),
    ];
    for (from, to, expected) in cases {
        assert!(SMALLEST.contains(from), "{from}");
        let text = SMALLEST.replacen(from, to, 1);
        match load_text(&text) {
            Ok(_) => panic!("accepted {to:?}"),
            Err(line) => {
                assert!(line.contains(expected), "{to:?}: {line}");
                assert_eq!(line.lines().count(), 1, "{to:?}: {line}");
            }
        }
    }
}

#[test]
fn two_cameras_of_one_id_are_refused() {
    let camera = &SMALLEST[SMALLEST.find("[[camera]]").unwrap()..];
    let line = load_text(&format!("{SMALLEST}{camera}")).unwrap_err();
    assert!(line.contains("`camera lobby: id`: expected an id of its own"), "{line}");
}

#[test]
fn every_mount_has_a_group_of_its_own_where_it_has_one() {
    let group = |ttl: &str| format!("multicast = {{ address = \"239.1.2.3\"{ttl} }}");
    let text = |sub: &str| {
        let text = SMALLEST.replacen("[core]", "[core]\ninterface = \"core0\"", 1);
        text.replacen("id = ", &format!("{}\nsub = {{ {sub} }}\nid = ", group(", ttl = 16")), 1)
    };
    let config = load_text(&text("multicast = { address = \"ff15::1\", port = 6000 }")).unwrap();
    let group_of = |address: &str, port, ttl| {
        Some(cofferdam_serve::MulticastGroup { address: address.parse().unwrap(), port, ttl })
    };
    let camera = &config.cameras[0];
    assert_eq!(camera.multicast, group_of("239.1.2.3", 5004, 16));
    assert_eq!(camera.sub_multicast, group_of("ff15::1", 6000, 1));
    let line = load_text(&text(&group(""))).unwrap_err();
    let expected = "FILE: `camera lobby: sub.multicast`: expected an address and port of its own, found \
                    239.1.2.3 port 5004 as in `camera lobby: multicast`";
    assert!(line.starts_with(expected), "{line}");
}

#[test]
fn a_missing_table_is_told_by_the_key_that_is_missing_in_it() {
    let camera = &SMALLEST[SMALLEST.find("[[camera]]").unwrap()..];
    for text in [camera.to_owned(), format!("[core]\n{camera}")] {
        let line = load_text(&text).unwrap_err();
        assert_eq!(line, "FILE: `core.rtsp`: expected a value, found none");
    }
}

#[test]
fn secrets_are_looked_for_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cofferdam.toml");
    let account = "username = \"viewer\"\npassword_file = \"lobby.password\"";
    std::fs::write(&path, format!("{SMALLEST}\n{account}\n")).unwrap();
    let config = load(&path).unwrap();
    let found = &config.cameras[0].account.as_ref().unwrap().password_file;
    assert_eq!(*found, folder.path().join("lobby.password"));
}

#[test]
fn the_reference_file_shows_the_defaults() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let smallest = load(&folder.join("cofferdam.toml")).unwrap();
    let reference = load(&folder.join("reference.toml")).unwrap();
    assert_eq!(reference, smallest);
    // Every key of the file's shapes is there, if only as a comment.
    let text = std::fs::read_to_string(folder.join("reference.toml")).unwrap();
    let shapes = include_str!("../file.rs");
    for line in shapes.lines().filter_map(|l| l.trim().strip_prefix("pub(crate) ")) {
        let Some((key, _)) = line.split_once(':') else { continue };
        let written = [format!("{key} ="), format!("[{key}]"), format!("[[{key}]]")];
        assert!(written.iter().any(|w| text.contains(w)), "{key} is not in reference.toml");
    }
}

#[test]
fn no_camera_is_a_mistake_and_a_file_that_cannot_be_read_says_why() {
    let line = load_text("[core]\nrtsp = \"127.0.0.1:8554\"").unwrap_err();
    assert!(line.contains("`camera`: expected at least one"), "{line}");
    let of = |path: &Path| load(path).unwrap_err().to_string();
    let line = of(Path::new("/nowhere/cofferdam.toml"));
    assert!(
        line.starts_with("/nowhere/cofferdam.toml: ") && line.contains("No such file"),
        "{line}"
    );
    let line = of(&std::env::temp_dir());
    assert!(line.contains("Is a directory"), "{line}");
}

#[test]
fn text_that_is_no_toml_is_told_by_line_and_not_quoted() {
    let broken = SMALLEST.replace("[[camera]]", "[[camera]]\n        password = \"open-sesame");
    let line = load_text(&broken).unwrap_err();
    assert!(line.starts_with("FILE: line 5, column ") && !line.contains("sesame"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[core]\nrtsp = \"\xff\"\n").unwrap();
    let line = load(file.path()).unwrap_err().to_string();
    assert!(line.ends_with("line 2: expected UTF-8, found other bytes"), "{line}");
}

#[test]
fn what_the_environment_says_holds_and_is_its_own_mistake() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(SMALLEST.as_bytes()).unwrap();
    let over = |name: &str, value: &str| {
        let variables = [(format!("COFFERDAM__{name}"), value.to_owned())];
        let environment = environment().source(Some(variables.into_iter().collect()));
        read(file.path())
            .and_then(|text| parse_over(file.path(), &text, &environment))
            .map_err(|error| error.to_string())
    };
    let config = over("CORE__RTSP", "127.0.0.1:7").unwrap();
    assert_eq!(config.core.rtsp, "127.0.0.1:7".parse().unwrap());
    assert!(over("READERS__ANONYMOUS", "true").unwrap().readers.anonymous);
    for (name, value, expected) in [
        ("CORE__RTSP", "x", "`core.rtsp`: expected an address and a port such as"),
        ("CORE__RTPS", "x", "`core.rtps`: expected a known key, found an unknown one"),
        ("CORE", "x", "`core`: expected a table, found string \"x\""),
        ("CAMERA__0__URL", "x", "`camera`: expected a list of tables, found a table"),
        ("READERS__ANONYMOUS", "yes", "`readers.anonymous`: expected a boolean, found string"),
    ] {
        let line = over(name, value).unwrap_err();
        assert!(line.starts_with(&format!("the environment: {expected}")), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_text() {
    assert!(load_text(&format!("\u{feff}{SMALLEST}")).is_ok());
}
