//! Which crate may depend on which.
//!
//! The table below is the only place that says so; ARCHITECTURE.md explains it. Edges are read from the
//! manifests, and what a crate reaches through others from Cargo.lock, so that no network is needed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Report, Repository};

/// Each crate of the workspace and the other crates of the workspace that it may depend on, tests included.
const ALLOWED: &[(&str, &[&str])] = &[
    ("video", &[]),
    ("worlds", &["video"]),
    ("dataset", &["video", "worlds"]),
    ("kernels", &[]),
    ("diffusion", &[]),
    ("models", &["kernels"]),
    ("wan", &["kernels"]),
    ("hub", &[]),
    ("provenance", &["video", "worlds"]),
    ("generation", &["diffusion", "models", "provenance", "video", "wan"]),
    ("training", &["dataset", "diffusion", "generation", "kernels", "models", "video", "worlds"]),
    ("server", &["generation", "video"]),
    ("evaluation", &["generation", "kernels", "models", "video", "worlds"]),
    (
        "cli",
        &[
            "dataset",
            "diffusion",
            "evaluation",
            "generation",
            "hub",
            "kernels",
            "models",
            "provenance",
            "server",
            "training",
            "video",
            "wan",
            "worlds",
        ],
    ),
    ("xtask", &[]),
];

/// What a crate must not reach, not even through others, and why.
const UNREACHABLE: &[(&str, &str, &str)] = &[
    ("video", "burn", "pictures and files must build without a tensor library"),
    ("provenance", "burn", "marks must build without a tensor library"),
    ("worlds", "burn", "simulated worlds must build without a tensor library"),
    ("diffusion", "models", "the two meet only through the trait `Denoiser`"),
    ("models", "diffusion", "the two meet only through the trait `Denoiser`"),
    ("wan", "diffusion", "the two meet only through the trait `Denoiser`"),
];

/// Runtimes of asynchronous code, which only these crates may name.
const ASYNC_RUNTIMES: &[&str] = &["async-std", "futures", "smol", "tokio"];
const MAY_BE_ASYNC: &[&str] = &["cli", "server"];

const TABLE: &str = "ALLOWED in xtask/src/layering.rs";

/// Holds every manifest against the table, and Cargo.lock against what must stay out of reach.
pub fn check(repository: &Repository) -> Report {
    let mut report = Report::default();
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut manifests = BTreeMap::new();
    for folder in repository.crate_folders() {
        let path = format!("{folder}/Cargo.toml");
        match repository.text(&path).map(toml::from_str::<toml::Table>) {
            Some(Ok(manifest)) => {
                let name = package_name(&manifest).unwrap_or(folder).to_owned();
                manifests.insert(name, (path, direct_dependencies(&manifest)));
            }
            _ => report.fail(format!("{path} is not readable TOML; put it right so that its edges can be checked")),
        }
    }
    for (name, (path, dependencies)) in &manifests {
        let Some(may_use) = allowed.get(name.as_str()) else {
            report.fail(format!("{path}: the crate `{name}` has no row in {TABLE}; add one that says what it may use"));
            continue;
        };
        for dependency in dependencies.iter().filter(|dependency| manifests.contains_key(*dependency)) {
            if dependency != name && !may_use.contains(&dependency.as_str()) {
                report.fail(format!(
                    "{path}: `{name}` depends on `{dependency}`, but may only depend on {}; \
                     move the code to where it belongs, or change {TABLE} and ARCHITECTURE.md together",
                    listed(may_use)
                ));
            }
        }
        for runtime in dependencies.iter().filter(|dependency| ASYNC_RUNTIMES.contains(&dependency.as_str())) {
            if !MAY_BE_ASYNC.contains(&name.as_str()) {
                report.fail(format!(
                    "{path}: `{name}` depends on `{runtime}`, but only {} may be asynchronous; \
                     use threads here, or move the asynchronous part",
                    listed(MAY_BE_ASYNC)
                ));
            }
        }
    }
    check_reach(repository, &mut report);
    report
}

/// Names the chain of crates by which something forbidden is reached.
fn check_reach(repository: &Repository, report: &mut Report) {
    let Some(graph) = repository.text("Cargo.lock").and_then(locked_graph) else {
        report.fail("Cargo.lock is missing or not readable; run `cargo metadata` once and commit it");
        return;
    };
    for (from, target, reason) in UNREACHABLE {
        if let Some(chain) = path_between(&graph, from, target) {
            report.fail(format!(
                "`{from}` reaches `{target}` ({}), but must not: {reason}; drop the dependency that leads there",
                chain.join(" → ")
            ));
        }
    }
}

fn package_name(manifest: &toml::Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

/// Names of all dependencies of a manifest: ordinary, build and test, for every target.
fn direct_dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    const KINDS: [&str; 3] = ["dependencies", "build-dependencies", "dev-dependencies"];
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = std::iter::once(manifest)
        .chain(targets.into_iter().flat_map(|targets| targets.values().filter_map(toml::Value::as_table)));
    let mut names = BTreeSet::new();
    for table in tables {
        for dependencies in KINDS.iter().filter_map(|kind| table.get(*kind)?.as_table()) {
            names.extend(
                dependencies
                    .iter()
                    .map(|(key, value)| value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_owned()),
            );
        }
    }
    names
}

/// Package name → names of the packages that it depends on, all versions taken together.
fn locked_graph(lock: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let lock: toml::Table = toml::from_str(lock).ok()?;
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.get("package")?.as_array()? {
        let name = package.get("name")?.as_str()?;
        let entry = graph.entry(name.to_owned()).or_default();
        for dependency in package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten() {
            // "name", "name version" or "name version (source)".
            entry.extend(dependency.as_str()?.split(' ').next().map(str::to_owned));
        }
    }
    Some(graph)
}

/// A shortest chain of dependencies from one package to another, both included.
fn path_between<'a>(graph: &'a BTreeMap<String, BTreeSet<String>>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut chains = std::collections::VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(chain) = chains.pop_front() {
        for next in graph.get(*chain.last()?).into_iter().flatten() {
            if seen.insert(next) {
                let longer: Vec<_> = chain.iter().copied().chain([next.as_str()]).collect();
                if next == to {
                    return Some(longer);
                }
                chains.push_back(longer);
            }
        }
    }
    None
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "no crate of the workspace".to_owned() } else { format!("`{}`", names.join("`, `")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"video\"\nversion = \"0.1.0\"\ndependencies = [\n \"image 0.25.0\",\n]\n\
                        [[package]]\nname = \"image\"\nversion = \"0.25.0\"\n";
    const VIDEO: &str = "[package]\nname = \"video\"\n[dependencies]\nimage.workspace = true\n";

    #[test]
    fn edges_of_the_table_pass() {
        let worlds = "[package]\nname = \"worlds\"\n[dependencies]\nvideo.workspace = true\nglam = \"0.30\"\n";
        let repository = Repository::from_files([
            ("Cargo.lock", LOCK),
            ("crates/video/Cargo.toml", VIDEO),
            ("crates/worlds/Cargo.toml", worlds),
        ]);
        assert_eq!(check(&repository), Report::default());
    }

    #[test]
    fn an_edge_outside_the_table_is_named() {
        let models = "[package]\nname = \"models\"\n[target.'cfg(unix)'.dev-dependencies]\nvideo.workspace = true\n";
        let repository = Repository::from_files([
            ("Cargo.lock", LOCK),
            ("crates/video/Cargo.toml", VIDEO),
            ("crates/models/Cargo.toml", models),
        ]);
        let report = check(&repository);
        assert_eq!(report.failures().len(), 1);
        assert!(report.failures()[0].contains("`models` depends on `video`"), "{report:?}");
    }

    #[test]
    fn an_unlisted_crate_and_an_async_library_are_named() {
        let utils = "[package]\nname = \"utils\"\n";
        let video = "[package]\nname = \"video\"\n[dependencies]\ntokio = \"1\"\n";
        let repository = Repository::from_files([
            ("Cargo.lock", LOCK),
            ("crates/utils/Cargo.toml", utils),
            ("crates/video/Cargo.toml", video),
        ]);
        let report = check(&repository);
        assert!(report.failures().iter().any(|failure| failure.contains("`utils` has no row")), "{report:?}");
        assert!(report.failures().iter().any(|failure| failure.contains("`video` depends on `tokio`")), "{report:?}");
    }

    #[test]
    fn what_is_reached_through_others_is_named_with_its_chain() {
        let lock = format!("{LOCK}dependencies = [\n \"burn 0.22.1 (registry)\",\n]\n[[package]]\nname = \"burn\"\n");
        let report = check(&Repository::from_files([("Cargo.lock", lock.as_str())]));
        assert_eq!(report.failures().len(), 1);
        assert!(report.failures()[0].contains("video → image → burn"), "{report:?}");
    }
}
