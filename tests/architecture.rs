//! The boundary, as dependencies: which crate may know a camera format, which may load C codecs,
//! where `unsafe` may stand.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Clients and parsers of what cameras send.
const CAMERA_PARSERS: &[&str] =
    &["retina", "h264-reader", "rtcp-types", "http-auth", "cofferdam-unit-filter"];
/// Who may use them: the ingest worker, and the filter that only it uses.
const MAY_PARSE: &[&str] = &["cofferdam-ingest", "cofferdam-unit-filter"];
/// Bindings to C media code.
const CODECS: &[&str] =
    &["gstreamer", "gstreamer-base", "gstreamer-video", "gstreamer-app", "gstreamer-sys"];
/// Who may use them. The simulator is a tool that no image of the gateway holds.
const MAY_DECODE: &[&str] =
    &["cofferdam-pad-codec", "cofferdam-ingest", "cofferdam-encode", "cofferdam-simulator"];
/// Where `unsafe` lives.
const MAY_BE_UNSAFE: &[&str] = &["cofferdam-picture-ring", "cofferdam-jail"];

fn metadata() -> Metadata {
    MetadataCommand::new().other_options(vec!["--locked".into()]).exec().unwrap()
}

fn ours(metadata: &Metadata) -> Vec<&Package> {
    let shipped = |p: &&Package| p.name.as_str() != "cofferdam-system-tests";
    metadata.workspace_packages().into_iter().filter(shipped).collect()
}

/// The names of everything a package links or builds with, transitively; tests do not count.
fn closure(metadata: &Metadata, package: &PackageId) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let nodes: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = HashSet::new();
    let mut queue = vec![package];
    while let Some(id) = queue.pop() {
        for dependency in &nodes[id].deps {
            let counts = dependency.dep_kinds.iter().any(|k| k.kind != DependencyKind::Development);
            if counts && seen.insert(&dependency.pkg) {
                queue.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| metadata[id].name.to_string()).collect()
}

/// Packages of ours, outside `allowed`, whose closure meets `forbidden`.
fn offenders(
    metadata: &Metadata,
    forbidden: &[&str],
    allowed: &[&str],
) -> BTreeMap<String, Vec<String>> {
    ours(metadata)
        .into_iter()
        .filter(|package| !allowed.contains(&package.name.as_str()))
        .filter_map(|package| {
            let closure = closure(metadata, &package.id);
            let met: Vec<String> = forbidden
                .iter()
                .filter(|f| closure.contains(**f))
                .map(ToString::to_string)
                .collect();
            (!met.is_empty()).then(|| (package.name.to_string(), met))
        })
        .collect()
}

#[test]
fn only_the_ingest_worker_knows_camera_formats() {
    let metadata = metadata();
    assert_eq!(offenders(&metadata, CAMERA_PARSERS, MAY_PARSE), BTreeMap::new());
    // The control: without its permission the ingest worker is found.
    assert!(offenders(&metadata, CAMERA_PARSERS, &[]).contains_key("cofferdam-ingest"));
}

#[test]
fn only_workers_load_c_codecs() {
    let metadata = metadata();
    assert_eq!(offenders(&metadata, CODECS, MAY_DECODE), BTreeMap::new());
    assert!(offenders(&metadata, CODECS, &[]).contains_key("cofferdam-encode"));
}

#[test]
fn the_sides_do_not_know_each_other() {
    let metadata = metadata();
    let side = |package: &Package| {
        let path = package.manifest_path.as_str().to_owned();
        ["camera-side", "core-side"].into_iter().find(|side| path.contains(&format!("/{side}/")))
    };
    let sides: HashMap<String, &str> = ours(&metadata)
        .into_iter()
        .filter_map(|package| Some((package.name.to_string(), side(package)?)))
        .collect();
    assert!(sides.values().collect::<HashSet<_>>().len() == 2);
    for package in ours(&metadata) {
        let Some(own) = sides.get(package.name.as_str()) else { continue };
        for dependency in closure(&metadata, &package.id) {
            if let Some(other) = sides.get(&dependency) {
                assert_eq!(own, other, "{} depends on {dependency}", package.name);
            }
        }
    }
    // And nothing that both sides share depends on either.
    for package in ours(&metadata) {
        if package.manifest_path.as_str().contains("/boundary/") {
            let closure = closure(&metadata, &package.id);
            assert!(closure.iter().all(|name| !sides.contains_key(name)), "{}", package.name);
        }
    }
}

/// Features leave out controls, for tests that show that others fail without them, and for nothing else.
#[test]
fn nothing_that_is_shipped_leaves_out_a_control() {
    let metadata = metadata();
    let ours = ours(&metadata);
    let mut left_out = BTreeSet::new();
    for package in &ours {
        let dependencies = &package.dependencies;
        for dependency in dependencies.iter().filter(|d| d.name.starts_with("cofferdam")) {
            assert!(dependency.features.is_empty(), "{} turns on {dependency:?}", package.name);
        }
        if package.features.is_empty() {
            continue;
        }
        // And none can be shipped by a command line, either: a release build refuses each.
        let library = package.targets.iter().find(|target| target.is_lib()).unwrap();
        let text = std::fs::read_to_string(&library.src_path).unwrap();
        let (refusal, _) = text.split_once("compile_error!").expect("a refusal");
        assert!(refusal.contains("not(debug_assertions)"), "{}", package.name);
        for (feature, turns_on) in &package.features {
            assert!(feature.starts_with("without-") && turns_on.is_empty(), "{}", package.name);
            assert!(refusal.contains(&format!("feature = \"{feature}\"")), "{feature}");
            left_out.insert((package.name.to_string(), feature.clone()));
        }
    }
    // Each is in the table of those that a test misses.
    let rows = include_str!("../scripts/mutations.table").lines();
    let mutated: BTreeSet<_> = rows
        .filter(|row| !row.starts_with('#'))
        .flat_map(|row| {
            let [package, features, ..] = row.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("expected a row of four columns: {row}");
            };
            features.split(',').map(|feature| (package.to_owned(), feature.to_owned()))
        })
        .collect();
    assert_eq!(mutated, left_out);
}

/// Limits are numbers in two structs, so that tests can lift one. Nobody else does.
#[test]
fn nothing_that_is_shipped_lifts_a_limit() {
    let metadata = metadata();
    assert_eq!(offenders(&metadata, &["cofferdam-hostile-camera"], &[]), BTreeMap::new());
    let camera_side = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/camera-side");
    let mut doors = 0;
    for file in rust_files(&camera_side) {
        if file.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let own = text.split("mod tests {").next().unwrap();
        for line in own.lines().filter(|line| line.contains("within(")) {
            let door = line.contains("fn within(") || line.contains("fn run_within(");
            doors += usize::from(door);
            let shipped = line.contains("SHIPPED") || line.contains("copy_within(");
            assert!(door || shipped, "{}: {line}", file.display());
        }
        assert!(!own.contains("..Limits::") && !own.contains("..UnitLimits::"), "{file:?}");
    }
    assert_eq!(doors, 3, "the doors that tests use");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn unsafe_is_forbidden_outside_the_named_crates() {
    let metadata = metadata();
    let mut unsafe_crates = BTreeSet::new();
    for package in ours(&metadata) {
        for target in &package.targets {
            let is_ours = target.is_lib() || target.is_bin();
            let root = std::fs::read_to_string(&target.src_path).unwrap();
            if is_ours && !root.contains("#![forbid(unsafe_code)]") {
                unsafe_crates.insert(package.name.to_string());
            }
        }
    }
    assert_eq!(unsafe_crates, MAY_BE_UNSAFE.iter().map(ToString::to_string).collect());
}

#[test]
fn files_stay_readable() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut long = Vec::new();
    for file in rust_files(&crates) {
        let text = std::fs::read_to_string(&file).unwrap();
        let own =
            text.lines().position(|line| line == "mod tests {").unwrap_or(text.lines().count());
        if own > 500 && !file.components().any(|c| c.as_os_str() == "tests") {
            long.push((file, own));
        }
    }
    assert!(long.is_empty(), "over 500 lines before their tests: {long:?}");
}
