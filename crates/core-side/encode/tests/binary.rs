//! The binary's two command lines.
#![allow(missing_docs, clippy::unwrap_used)]

use std::process::{Command, Output};

use cofferdam_encode::boot::Exit;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cofferdam-encode"))
        .args(arguments)
        .env_clear()
        .envs(cofferdam_pad_codec::ENVIRONMENT.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn check_names_element_and_version() {
    for (name, element) in [("x264", "x264enc"), ("openh264", "openh264enc")] {
        let output = run(&["--check", name]);
        assert_eq!(output.status.code(), Some(0));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["ok"], &report["element"]), (&true.into(), &element.into()));
        assert!(report["version"].as_str().unwrap().starts_with("1."));
        assert!(report["file"].as_str().unwrap().ends_with(".so"));
    }
}

#[test]
fn what_is_wrong_is_told_by_the_exit_code_and_not_printed() {
    for (arguments, exit) in [
        (&["--check", "x265"][..], Exit::Usage),
        (&[], Exit::Usage),
        (&["--camera"], Exit::Usage),
        (&["--camera", "lobby"], Exit::Settings),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(exit.code().into()), "{arguments:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}
