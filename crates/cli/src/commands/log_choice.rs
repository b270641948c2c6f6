//! How programs that run for long write their log.

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

/// The options of programs that run for long.
#[derive(Args)]
pub struct LogChoice {
    /// How the log is written, to standard error
    #[arg(long, default_value = "text")]
    log: Form,
    /// Log every request
    #[arg(long)]
    verbose: bool,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Lines for people
    Text,
    /// One JSON object in each line
    Json,
}

impl LogChoice {
    /// Begins to write.
    pub fn begin(&self) -> anyhow::Result<()> {
        let level = if self.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
        let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
        let begun = match self.log {
            Form::Text => log.with_ansi(false).try_init(),
            Form::Json => log.json().flatten_event(true).try_init(),
        };
        begun.map_err(|error| anyhow!("the log cannot be written: {error}"))
    }
}
