//! `misora serve`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use server::{Anything, PrivateUrls, Server, ServerConfig, ServerLimits, Webhook};

use super::{
    model_choice::{LoraChoice, ModelChoice},
    precision_choice::PrecisionChoice,
};
use crate::{
    interrupt::{self, Careful},
    print, value,
};

/// The secret of a webhook is not an option: whoever lists processes would see it.
const WEBHOOK_SECRET: &str = "MISORA_WEBHOOK_SECRET";

/// Answer the /v1/videos API, and show a page that uses it
#[derive(Args)]
#[command(after_help = "\
Examples:
  misora serve
  misora serve --listen 127.0.0.1:9000 --data ~/videos --model Wan-AI/Wan2.1-T2V-1.3B-Diffusers
  misora keys add studio --data videos && misora serve --listen 0.0.0.0:8080 --data videos

Jobs outlive the server: killed and started again, it goes on with what it had taken. Beyond this machine it answers only
with keys, see `misora keys`. For programs: `OPENAI_BASE_URL=http://127.0.0.1:8080/v1`.")]
pub struct Serve {
    /// Where it listens; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The folder of its jobs and videos
    #[arg(long, value_name = "DIR", default_value = "misora-data")]
    data: PathBuf,
    #[command(flatten)]
    model: ModelChoice,
    #[command(flatten)]
    loras: LoraChoice,
    #[command(flatten)]
    precision: PrecisionChoice,
    /// As for `generate`
    #[arg(long, value_name = "PIXELS", value_parser = value::tile(), hide_short_help = true)]
    tile: Option<u64>,
    /// Tell this URL what came of each job, signed with the secret in MISORA_WEBHOOK_SECRET (`whsec_` and base64)
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Fetch pictures from private networks too, and tell webhooks there: only where all callers may see everything
    #[arg(long, hide_short_help = true)]
    private_urls: bool,
    /// Most bytes of one request, in MB
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    max_upload: u64,
    /// Most jobs that wait at a time
    #[arg(long, value_name = "JOBS", default_value_t = 1000)]
    max_queued: u64,
    /// How the log is written, to standard error
    #[arg(long, default_value = "text")]
    log: Log,
    /// Log every request
    #[arg(long)]
    verbose: bool,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Log {
    /// Lines for people
    Text,
    /// One JSON object in each line
    Json,
}

impl Serve {
    pub fn run(self) -> anyhow::Result<()> {
        self.begin_log()?;
        let webhook = self.webhook.as_deref().map(webhook).transpose()?;
        let (generator, _) = self.model.load_any(&self.loras, &self.precision, self.tile)?;
        let limits = ServerLimits {
            body_bytes: self.max_upload * 1_000_000,
            queued: self.max_queued,
            ..ServerLimits::default()
        };
        let server = Server::open(ServerConfig {
            listen: self.listen,
            data: self.data,
            generator: Arc::from(generator),
            machine: self.model.machine(),
            policy: Arc::new(Anything),
            webhook,
            private_urls: if self.private_urls { PrivateUrls::Allowed } else { PrivateUrls::Refused },
            limits,
        })?;
        // The first Ctrl-C only asks: what is being answered is ended, and what is being made is put down.
        let _careful = Careful::begin();
        print::line(format!("misora listens on http://{}", server.address()))?;
        Ok(server.run(interrupt::requested)?)
    }

    fn begin_log(&self) -> anyhow::Result<()> {
        let level = if self.verbose {
            tracing_subscriber::filter::LevelFilter::DEBUG
        } else {
            tracing_subscriber::filter::LevelFilter::INFO
        };
        let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
        let begun = match self.log {
            Log::Text => log.with_ansi(false).try_init(),
            Log::Json => log.json().flatten_event(true).try_init(),
        };
        begun.map_err(|error| anyhow::anyhow!("the log cannot be written: {error}"))
    }
}

fn webhook(url: &str) -> anyhow::Result<Webhook> {
    let secret = std::env::var(WEBHOOK_SECRET);
    let secret = secret.with_context(|| format!("--webhook needs a secret in {WEBHOOK_SECRET}: whsec_ and base64"))?;
    if secret.is_empty() {
        bail!("{WEBHOOK_SECRET} is empty; a secret is whsec_ and base64");
    }
    Ok(Webhook::new(url, &secret)?)
}
