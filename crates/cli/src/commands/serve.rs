//! `misora serve`.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use server::{PrivateUrls, Server, ServerConfig, ServerLimits, Webhook, Work};

use super::{
    log_choice::LogChoice,
    serving_choice::{Serving, ServingChoice},
    shared_choice::SharedChoice,
};
use crate::{
    interrupt::{self, Careful},
    print,
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
  misora serve --database postgres://misora:secret@db/misora --files s3://videos/misora --no-worker

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
    shared: SharedChoice,
    /// Make no videos here: leave all to `misora worker` elsewhere
    #[arg(long)]
    no_worker: bool,
    #[command(flatten)]
    serving: ServingChoice,
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
    #[command(flatten)]
    log: LogChoice,
}

impl Serve {
    pub fn run(self) -> anyhow::Result<()> {
        self.log.begin()?;
        let shared = self.shared.shared()?;
        if self.no_worker && shared.is_none() {
            bail!("with --no-worker somebody else makes the videos: name --database and --files, which workers share");
        }
        let webhook = self.webhook.as_deref().map(webhook).transpose()?;
        let Serving { generator, policy, marks, limits } = self.serving.open()?;
        let limits = ServerLimits { body_bytes: self.max_upload * 1_000_000, queued: self.max_queued, ..limits };
        let server = Server::open(ServerConfig {
            listen: self.listen,
            data: self.data,
            shared,
            work: if self.no_worker { Work::Elsewhere } else { Work::Here },
            generator,
            machine: self.serving.machine(),
            marks,
            policy,
            webhook,
            private_urls: if self.private_urls { PrivateUrls::Allowed } else { PrivateUrls::Refused },
            limits,
        })?;
        // The first Ctrl-C only asks: what is being answered is ended, and what is being made is put down.
        let _careful = Careful::begin();
        print::line(format!("misora listens on http://{}", server.address()))?;
        Ok(server.run(interrupt::requested)?)
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
