//! The jail of both kinds of worker: every way out is tried, in the jail that the workers use; and the
//! real workers have it on.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::print_stderr)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use cofferdam_system_tests::container::{self, docker, image};
use cofferdam_system_tests::programs;

/// Layers that older kernels lack, and the first version that has them. The list of system calls covers
/// for them.
const OPTIONAL: [(&str, (u32, u32)); 3] =
    [("landlock_network", (6, 7)), ("landlock_scopes", (6, 12)), ("write_xor_execute", (6, 3))];

/// The running kernel's version.
fn kernel() -> (u32, u32) {
    let uname = rustix::system::uname();
    let mut numbers =
        uname.release().to_str().unwrap().split(['.', '-']).map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// One action of the golden table: in an ingest worker, in an encode worker, without a jail.
struct Golden {
    ingest: String,
    encode: String,
    free: String,
}

fn golden() -> BTreeMap<String, Golden> {
    let rows = include_str!("escape.table").lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| match row.split_whitespace().collect::<Vec<_>>()[..] {
        [action, ingest, encode, free] => {
            let [ingest, encode, free] = [ingest, encode, free].map(str::to_owned);
            (action.to_owned(), Golden { ingest, encode, free })
        }
        _ => panic!("expected an action and three results: {row}"),
    })
    .collect()
}

/// What the prober found.
#[derive(Debug, Default)]
struct Found {
    layers: BTreeMap<String, bool>,
    actions: BTreeMap<String, String>,
    again: BTreeMap<String, String>,
}

fn parse(output: &Output) -> Found {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{text}\n{errors}", output.status);
    let mut found = Found::default();
    for line in text.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["layer", layer, has] => drop(found.layers.insert(layer.into(), has == "yes")),
            ["outside", action, result] => {
                found.actions.insert(action.into(), result.into());
                found.again.insert(action.into(), result.into());
            }
            ["again", action, result] => drop(found.again.insert(action.into(), result.into())),
            [action, result] => drop(found.actions.insert(action.into(), result.into())),
            _ => panic!("the prober: {line}\n{text}"),
        }
    }
    found
}

/// The prober; scripts/mutate puts others in its place, which lack a layer and claim to have it.
fn prober() -> PathBuf {
    std::env::var_os("ESCAPE_PROBER")
        .map_or_else(|| programs::example("escape_prober"), PathBuf::from)
}

/// Holds what was found in the jail of `kind` against the golden table.
fn assert_as_golden(kind: &str, found: &Found) {
    for (layer, has) in &found.layers {
        if !has {
            let since = OPTIONAL.iter().find(|(optional, _)| optional == layer);
            assert!(since.is_some_and(|(_, since)| kernel() < *since), "{kind}: no layer {layer}");
            eprintln!("NOTE {kind}: this kernel has no layer {layer}; seccomp covers for it");
        }
    }
    assert_eq!(found.layers.len(), 11, "{kind}: {:?}", found.layers);
    let golden = golden();
    let mut wrong = Vec::new();
    for (action, expected) in &golden {
        let expected = if kind == "ingest" { &expected.ingest } else { &expected.encode };
        let tried = found.actions.get(action).map_or("not tried", String::as_str);
        if tried != expected {
            wrong.push(format!("{action}: expected {expected}, found {tried}"));
        }
        // What does not end a process is tried once more in one that has tried all the others.
        let again = found.again.get(action).map_or("ended", String::as_str);
        let ends = expected == "killed" || expected.starts_with("SIG");
        if again != if ends { "ended" } else { expected } {
            wrong.push(format!("{action}, in place: expected {expected}, found {again}"));
        }
    }
    let unknown: Vec<_> = found.actions.keys().filter(|a| !golden.contains_key(*a)).collect();
    assert!(
        wrong.is_empty() && unknown.is_empty(),
        "{kind}: {wrong:#?}, not in the table: {unknown:?}"
    );
}

#[test]
fn every_way_out_of_either_jail_ends_as_the_golden_table_says() {
    for kind in ["ingest", "encode"] {
        let output = Command::new(prober()).arg(kind).stdin(Stdio::null()).output().unwrap();
        assert_as_golden(kind, &parse(&output));
    }
}

/// A row of the sides' table: the action; on the camera side, on the core side, without a jail.
fn sides() -> Vec<[&'static str; 4]> {
    let rows = include_str!("escape-sides.table").lines().filter(|line| !line.starts_with('#'));
    let words = |row: &'static str| row.split_whitespace().collect::<Vec<_>>().try_into();
    rows.map(|row| words(row).expect("an action and three results")).collect()
}

#[test]
fn neither_side_can_do_what_it_has_no_business_with() {
    let found = ["dialer", "server", "none"].map(|kind| {
        parse(&Command::new(prober()).arg(kind).stdin(Stdio::null()).output().unwrap()).actions
    });
    let mut wrong = Vec::new();
    for [action, dialer, server, free] in sides() {
        for (kind, expected, found) in
            [("dialer", dialer, &found[0][action]), ("server", server, &found[1][action])]
        {
            if found != expected {
                wrong.push(format!("{kind}: {action}: expected {expected}, found {found}"));
            }
        }
        // The control: without the list it is done, or fails otherwise than by the list's verdict.
        let let_through = &found[2][action];
        if let_through == "killed" || (free == "done" && let_through != "done") {
            wrong.push(format!("none: {action}: expected {free}, found {let_through}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The control: the very same actions, without a jail.
#[test]
fn without_a_jail_the_same_actions_are_not_refused() {
    let output = Command::new(prober()).arg("none").stdin(Stdio::null()).output().unwrap();
    let found = parse(&output);
    let mut wrong = Vec::new();
    for (action, golden) in golden() {
        let free = &found.actions[&action];
        let is_good = match golden.free.as_str() {
            "done" => free == "done",
            _ => free != "killed",
        };
        let differs = |jailed: &str| jailed == "done" || free != jailed;
        if !is_good || !differs(&golden.ingest) || !differs(&golden.encode) {
            wrong.push(format!("{action}: expected {}, found {free}", golden.free));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_jail_needs_no_privilege() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOTE: every other test of this suite runs without privilege already");
        return;
    }
    let folder = tempfile::TempDir::with_prefix("cofferdam-escape-").unwrap();
    let program = folder.path().join("escape_prober");
    std::fs::copy(prober(), &program).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    for kind in ["ingest", "encode"] {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"])
            .args(["--inh-caps=-all", "--bounding-set=-all"])
            .arg(&program)
            .arg(kind)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_as_golden(kind, &parse(&output));
    }
}

#[test]
fn the_jail_holds_in_an_unprivileged_container() {
    if !container::engine("the_jail_holds_in_an_unprivileged_container") {
        return;
    }
    let image = image("prober", &[prober()], &[]);
    for kind in ["ingest", "encode"] {
        let mut run = vec!["run", "--rm", "--network=none"];
        run.extend(container::UNPRIVILEGED);
        run.extend([image.as_str(), "/cofferdam/escape_prober", kind]);
        assert_as_golden(kind, &parse(&docker(&run)));
    }
}
