//! How long the default policy takes to be built, and to judge a prompt: the fastest of five runs for each prompt of a suite.
//!
//! ```sh
//! cargo run --release -p provenance --example measure_policy -- crates/provenance/red-team/held-out-3
//! ```
#![allow(clippy::unwrap_used, reason = "an example that meets an error should say so and end")]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use provenance::moderation::{DEFAULT_POLICY, Policy, Suite, Wish};

const RUNS: usize = 5;

fn main() {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("red-team/held-out-3");
    let folder = std::env::args().nth(1).map_or(default, PathBuf::from);
    let begun = Instant::now();
    let policy = Policy::parse(DEFAULT_POLICY).unwrap();
    println!("built in {:.1?}: {} phrases", begun.elapsed(), policy.summary().phrases);
    let suite = Suite::read(&folder).unwrap();
    let prompts = suite.sections.iter().flat_map(|section| section.refuse.iter().chain(&section.allow));
    let mut times: Vec<Duration> = prompts.map(|prompt| fastest(&policy, prompt)).collect();
    times.sort_unstable();
    let [first, middle, last] = [0, times.len() / 2, times.len() - 1].map(|index| times[index]);
    println!("{} prompts: fastest {first:.1?}, median {middle:.1?}, slowest {last:.1?}", times.len());
}

fn fastest(policy: &Policy, prompt: &str) -> Duration {
    let run = |_| {
        let begun = Instant::now();
        let judged = policy.check(&Wish::prompt(prompt));
        let taken = begun.elapsed();
        drop(judged);
        taken
    };
    (0..RUNS).map(run).min().unwrap_or_default()
}
