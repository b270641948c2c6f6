//! `misora keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use server::keys::{KeyLimits, Keys as KeysOf};

use crate::print;

/// Who may call a server: without keys only this machine may
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora keys add studio --per-day 100
  misora keys list
  misora keys revoke studio

A server that runs heeds changes at once.")]
pub struct Keys {
    /// The server's folder
    #[arg(long, value_name = "DIR", default_value = "misora-data", global = true)]
    data: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key and print it, for the only time
    Add {
        /// Whose it is
        name: String,
        /// Most calls in a minute
        #[arg(long, value_name = "CALLS", default_value_t = 600)]
        per_minute: u32,
        /// Most videos in a day [default: any number]
        #[arg(long, value_name = "VIDEOS")]
        per_day: Option<u32>,
    },
    /// What keys there are
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a key back
    Revoke {
        /// Whose it is
        name: String,
    },
}

impl Keys {
    pub fn run(self) -> anyhow::Result<()> {
        let keys = KeysOf::open(&self.data)?;
        match self.action {
            Action::Add { name, per_minute, per_day } => {
                print::line(keys.add(&name, KeyLimits { requests_per_minute: per_minute, videos_per_day: per_day })?)
            }
            Action::Revoke { name } => Ok(keys.revoke(&name)?),
            Action::List { json: true } => {
                let described = |key: server::keys::StoredKey| {
                    json!({
                        "name": key.name, "created_at": key.created_at, "per_minute": key.requests_per_minute,
                        "per_day": key.videos_per_day,
                    })
                };
                print::json(&keys.list()?.into_iter().map(described).collect::<Vec<_>>())
            }
            Action::List { json: false } => keys.list()?.into_iter().try_for_each(|key| {
                let per_day = key.videos_per_day.map_or_else(String::new, |videos| format!(", {videos} videos a day"));
                print::line(format!("{}: {} calls a minute{per_day}", key.name, key.requests_per_minute))
            }),
        }
    }
}
