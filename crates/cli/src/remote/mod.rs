//! A server elsewhere, and what is asked of it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `order` | [`RemoteOrder`], a request that makes a video |
//! | `watch` | what happens to a video, as it happens |

mod order;
mod watch;

use std::{fs::File, io, time::Duration};

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;
use serde_json::Value;
use ureq::{Agent, Body, SendBody, http::Response};

pub use order::RemoteOrder;

/// The key is not an option: whoever lists processes would see it.
const KEY: &str = "MISORA_API_KEY";
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// The longest silence of a server that answers; while a video is made it says now and then that it is still there.
const SILENCE: Duration = Duration::from_secs(60);

/// A server elsewhere.
pub struct Remote {
    agent: Agent,
    url: String,
    key: Option<String>,
}

/// A video of a server.
#[derive(Clone, Debug, Deserialize)]
pub struct RemoteVideo {
    /// Its name there.
    pub id: String,
    /// `queued`, `in_progress`, `completed` or `failed`.
    pub status: String,
    /// What makes it.
    pub model: String,
    /// Length from the first frame to the last.
    pub seconds: String,
    /// Why there is none.
    pub error: Option<Refused>,
}

/// Why a server does not do what it was asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    /// For people.
    pub message: String,
}

impl Remote {
    /// A server by its address, with the key in `MISORA_API_KEY`.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--server {url:?} is no address; write it as http://HOST:PORT or https://HOST");
        }
        let config = Agent::config_builder().http_status_as_error(false).timeout_connect(Some(CONNECT_LIMIT));
        let config = config.user_agent(concat!("misora/", env!("CARGO_PKG_VERSION"))).build();
        let key = std::env::var(KEY).ok().filter(|key| !key.trim().is_empty());
        let url = url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Ok(Self { agent: Agent::new_with_config(config), url, key })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Looks whether it is there and lets one in, before anything large is sent.
    pub fn check(&self) -> anyhow::Result<()> {
        self.ask("GET", "/v1/models", (String::new(), SendBody::none())).map(drop)
    }

    /// Asks for a video.
    pub fn submit(&self, order: &RemoteOrder, seed: u64) -> anyhow::Result<RemoteVideo> {
        let (kind, mut body) = order.form(seed)?;
        let answer = self.ask("POST", order.path(), (kind, SendBody::from_reader(&mut body)))?;
        read(answer)
    }

    /// How far a video is.
    pub fn look(&self, id: &str) -> anyhow::Result<RemoteVideo> {
        read(self.ask("GET", &format!("/v1/videos/{id}"), (String::new(), SendBody::none()))?)
    }

    /// Ends what nobody waits for any more; whether that was heard does not matter.
    pub fn cancel(&self, id: &str) {
        drop(self.ask("POST", &format!("/v1/videos/{id}/cancel"), (String::new(), SendBody::none())));
    }

    /// Fetches a finished video.
    pub fn fetch(&self, id: &str, to: &mut File) -> anyhow::Result<()> {
        let mut answer = self.ask("GET", &format!("/v1/videos/{id}/content"), (String::new(), SendBody::none()))?;
        let length =
            answer.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let bytes = io::copy(&mut answer.body_mut().as_reader(), to).context("the video could not be fetched whole")?;
        match length {
            Some(length) if length != bytes => bail!("the video was cut short: {bytes} of {length} bytes came"),
            _ => Ok(()),
        }
    }

    /// An answer that is what was asked for.
    fn ask(&self, method: &str, path: &str, (kind, body): (String, SendBody<'_>)) -> anyhow::Result<Response<Body>> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {}", key.trim()));
        }
        let request = request.body(body).with_context(|| format!("--server {:?} is no address", self.url))?;
        let request = self.agent.configure_request(request).timeout_recv_response(Some(SILENCE)).build();
        let mut answer = self.agent.run(request).map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let refused =
            serde_json::from_str::<Value>(&text).ok().and_then(|body| Refused::deserialize(&body["error"]).ok());
        let Some(Refused { message, .. }) = refused else {
            bail!("{} answers {status}, and not as a misora server does; is that its address?", self.url);
        };
        Err(match status {
            401 => anyhow!("{} lets nobody in without a key that it knows: put one in {KEY} ({message})", self.url),
            _ => anyhow!("{} refuses: {message}", self.url),
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> anyhow::Error {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        if matches!(error, ureq::Error::Io(error) if matches!(error.kind(), BrokenPipe | ConnectionReset)) {
            return anyhow!(
                "{} broke off while it was asked; it may take smaller files only (--max-upload there)",
                self.url
            );
        }
        anyhow!(
            "{} does not answer: {error}; start one there with `misora serve`, or name another with --server",
            self.url
        )
    }
}

fn read(mut answer: Response<Body>) -> anyhow::Result<RemoteVideo> {
    let text = answer.body_mut().read_to_string().context("the server's answer was cut short")?;
    serde_json::from_str(&text).context("the server does not answer as a misora server does")
}
