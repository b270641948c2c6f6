//! `misora policy`.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use provenance::moderation::{DEFAULT_POLICY, Figures, Policy, Suite, Wish};
use serde_json::json;

use super::{policy_choice::PolicyChoice, prompt};
use crate::print;

/// What may be asked for: show, check and measure a policy
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora policy show > policy.toml                       # to copy and change
  misora policy check policy.toml
  misora policy try \"a shooting star\" --policy policy.toml
  misora policy suite crates/provenance/red-team/held-out-3 --policy policy.toml")]
pub struct PolicyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print the policy that holds by default
    Show,
    /// Read a policy, and say what it holds or what is wrong with it
    Check {
        /// The policy
        file: PathBuf,
    },
    /// Say whether prompts may be asked for, and by which rule not
    Try {
        /// Prompts; `-` reads one from standard input
        #[arg(required = true)]
        prompts: Vec<String>,
        #[command(flatten)]
        policy: PolicyChoice,
    },
    /// Measure a policy on prompts that it must refuse and on harmless ones
    Suite(SuiteCommand),
}

#[derive(Args)]
struct SuiteCommand {
    /// Folders with refuse/CATEGORY.txt and allow/CATEGORY.txt, one prompt a line
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    policy: PolicyChoice,
    /// Name every prompt that was judged wrongly
    #[arg(long)]
    list: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl PolicyCommand {
    pub fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Show => print::line(DEFAULT_POLICY.trim_end()),
            Action::Check { file } => {
                let summary = Policy::read(&file)?.summary();
                print::line(format!("{}: {}, {} phrases", file.display(), summary.name, summary.phrases))?;
                summary.categories.iter().try_for_each(|(id, action, rules)| {
                    print::line(format!(
                        "  {action} {id}: {}",
                        if rules.is_empty() { "pictures".to_owned() } else { rules.join(", ") }
                    ))
                })
            }
            Action::Try { prompts, policy } => attempt(&prompts, &*policy.policy()?),
            Action::Suite(command) => command.run(),
        }
    }
}

fn attempt(prompts: &[String], policy: &Policy) -> anyhow::Result<()> {
    let mut refused = 0_u64;
    for text in prompts {
        let text = prompt::read(text)?;
        match policy.check(&Wish::prompt(&text)) {
            Ok(()) => print::line(format!("allowed: {}", text.trim()))?,
            Err(refusal) => {
                refused += 1;
                print::line(format!("{}, {}: {}", refusal.category, refusal.rule, text.trim()))?;
            }
        }
    }
    if refused > 0 {
        bail!("{} refused", print::counted(refused, "prompt"));
    }
    Ok(())
}

impl SuiteCommand {
    fn run(self) -> anyhow::Result<()> {
        let policy = self.policy.policy()?;
        let mut report = Vec::new();
        for folder in &self.folders {
            let figures = Suite::read(folder)?.try_on(&policy);
            if self.json {
                let all = Figures::sum(figures.iter().map(|(_, figures)| figures));
                let categories: serde_json::Map<_, _> =
                    figures.iter().map(|(category, figures)| (category.clone(), described(figures))).collect();
                report.push(json!({ "folder": folder, "categories": categories, "all": described(&all) }));
            } else {
                print::line(format!("{}:", folder.display()))?;
                self.print(&figures)?;
            }
        }
        if self.json { print::json(&json!({ "suites": report })) } else { Ok(()) }
    }

    fn print(&self, figures: &[(String, Figures)]) -> anyhow::Result<()> {
        let all = Figures::sum(figures.iter().map(|(_, figures)| figures));
        for (category, figures) in
            figures.iter().map(|(category, figures)| (category.as_str(), figures)).chain([("all", &all)])
        {
            print::line(format!(
                "  {category:<10} recall {:5.1} % ({} of {} missed), false refusals {:4.1} % ({} of {})",
                100.0 * figures.recall(),
                figures.missed.len(),
                figures.harmful,
                100.0 * figures.false_refusals(),
                figures.refused_falsely.len(),
                figures.harmless,
            ))?;
            if self.list && category != "all" {
                figures.missed.iter().try_for_each(|prompt| print::line(format!("    missed: {prompt}")))?;
                let refused =
                    |(prompt, rule): &(String, String)| print::line(format!("    refused by {rule}: {prompt}"));
                figures.refused_falsely.iter().try_for_each(refused)?;
            }
        }
        Ok(())
    }
}

fn described(figures: &Figures) -> serde_json::Value {
    json!({
        "harmful": figures.harmful,
        "missed": figures.missed,
        "in_category": figures.in_category,
        "recall": figures.recall(),
        "harmless": figures.harmless,
        "refused_falsely": figures.refused_falsely,
        "false_refusals": figures.false_refusals(),
    })
}
