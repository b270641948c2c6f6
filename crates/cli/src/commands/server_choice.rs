//! A server that makes the videos instead of this machine.

use clap::Args;

use crate::remote::Remote;

/// What `--server` is when it is left out.
const SERVER: &str = "MISORA_SERVER";

/// The option of every command that makes videos.
#[derive(Args)]
pub struct ServerChoice {
    /// Have the video made by a misora server, such as http://127.0.0.1:8080, with the key in MISORA_API_KEY where it wants
    /// one; files that are named here are sent, and the video comes here [default: what MISORA_SERVER says, or this machine]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl ServerChoice {
    /// The server, if one was named.
    pub fn remote(&self) -> anyhow::Result<Option<Remote>> {
        let named = self.server.clone().or_else(|| std::env::var(SERVER).ok()).filter(|url| !url.is_empty());
        named.as_deref().map(Remote::open).transpose()
    }
}
