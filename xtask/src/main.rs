//! `cargo run -p xtask -- check [NAME]…`: runs the repository's checks and prints what they find.

use std::process::ExitCode;

use anyhow::{Context, bail};
use xtask::{CHECKS, Repository};

const USAGE: &str = "usage: cargo run -p xtask -- check [NAME]…";

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("check") => check(&arguments.collect::<Vec<_>>()),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}\nchecks: {}", names());
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => bail!("xtask has no command \"{other}\"\n{USAGE}"),
        None => bail!("xtask needs a command\n{USAGE}"),
    }
}

fn check(wanted: &[String]) -> anyhow::Result<ExitCode> {
    if let Some(unknown) = wanted.iter().find(|name| CHECKS.iter().all(|(known, _)| known != name)) {
        bail!("there is no check \"{unknown}\"; there are: {}", names());
    }
    let repository = Repository::open_workspace().context("reading the repository's files")?;
    let mut failures = 0;
    for (name, run) in CHECKS.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|w| w == name)) {
        let report = run(&repository);
        println!("{name}: {}", if report.is_clean() { "ok" } else { "FAILED" });
        report.failures().iter().for_each(|failure| println!("  {failure}"));
        report.hints().iter().for_each(|hint| println!("  hint: {hint}"));
        failures += report.failures().len();
    }
    if failures == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!("{failures} findings to put right");
    Ok(ExitCode::FAILURE)
}

fn names() -> String {
    CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
