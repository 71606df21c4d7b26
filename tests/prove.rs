//! `cofferdam prove` as somebody would run it: the installed programs, a report for machines and one
//! for people.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use cofferdam_system_tests::programs::ours;
use serde_json::Value;
use tempfile::TempDir;

fn prove(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).arg("prove").args(arguments).output().unwrap()
}

#[test]
fn the_installed_programs_are_proved_and_a_report_says_how() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("cofferdam.toml");
    // Only the encoder's settings are used, and the host is checked for the interfaces: nobody is at this
    // camera's address, and there is no such interface.
    std::fs::write(
        &config,
        "[camera_network]\ninterface = \"nosuch0\"\n[core]\nrtsp = \"127.0.0.1:1\"\n[[camera]]\nid = \"lobby\"\n\
         url = \"rtsp://192.0.2.1/\"\npicture = { width = 1280, height = 720, fps = 25 }\n\
         encoder = { preset = \"ultrafast\", quality = 30 }\n",
    )
    .unwrap();
    let out = folder.path().join("report");
    let arguments = ["--config", config.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = prove(&ours("cofferdam"), &arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("nothing crossed"), "{said}");

    let text = std::fs::read_to_string(out.join("cofferdam-proof.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["verdict"], "nothing-crossed");
    let totals = &report["totals"];
    assert_eq!(totals["found"], 0);
    assert!(totals["planted"].as_u64().unwrap() > 300, "{totals}");
    assert_eq!(totals["planted"], totals["seen_on_the_wire"]);
    assert!(totals["bytes_searched"].as_u64().unwrap() > 1_000_000);
    assert!(totals["chance_of_a_false_finding"].as_f64().unwrap() < 1e-3);
    let layers: Vec<&str> =
        report["places"].as_array().unwrap().iter().map(|p| p["layer"].as_str().unwrap()).collect();
    for layer in ["RTSP", "SDP", "RTP", "RTCP", "H.264", "H.265", "JPEG", "AAC"] {
        assert!(layers.contains(&layer), "{layer} is a layer of {layers:?}");
    }
    assert_eq!(report["context"]["encoders"][0]["quality"], 30);
    assert_eq!(report["context"]["encoders"][0]["preset"], "ultrafast");
    let checks = report["context"]["isolation"].as_array().unwrap();
    let interfaces = checks.iter().find(|check| check["check"] == "interfaces").unwrap();
    assert_eq!(interfaces["outcome"], "FAILED", "{interfaces}");
    assert!(interfaces["findings"][0].as_str().unwrap().contains("nosuch0"), "{interfaces}");
    let programs = report["context"]["programs"].as_array().unwrap();
    assert_eq!(programs.len(), 4);
    for program in programs {
        assert_eq!(program["sha256"].as_str().unwrap().len(), 64, "{program}");
    }

    let page = std::fs::read_to_string(out.join("cofferdam-proof.html")).unwrap();
    assert!(page.contains("Nothing a camera wrote crossed") && page.contains("nosuch0"));
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("url("));
}

#[test]
fn without_the_simulator_it_says_what_is_missing() {
    let folder = TempDir::new().unwrap();
    for name in ["cofferdam", "cofferdam-ingest", "cofferdam-encode"] {
        std::os::unix::fs::symlink(ours(name), folder.path().join(name)).unwrap();
    }
    // The running program's own path is what its neighbours are looked for at, so it is a copy.
    let program = folder.path().join("cofferdam");
    std::fs::remove_file(&program).unwrap();
    std::fs::copy(ours("cofferdam"), &program).unwrap();
    let output = prove(&program, &["--out", folder.path().to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("cofferdam-simulator"), "{errors}");
    assert!(!folder.path().join("cofferdam-proof.json").exists());
}
