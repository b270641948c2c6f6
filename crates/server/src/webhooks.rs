//! Telling others what came of a job: events in the form of Standard Webhooks, signed with HMAC-SHA256.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;
use url::Url;

use crate::{
    ServerError,
    fetch::Fetcher,
    jobs::{Notice, Outbox, now},
};

const SECRET_PREFIX: &str = "whsec_";
const SHORTEST_SECRET: usize = 16;
/// How often it is tried to tell something.
const MOST_ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(250);

/// Who is told what came of each job, and how they know that it is true.
#[derive(Clone)]
pub struct Webhook {
    url: String,
    secret: Vec<u8>,
}

impl Webhook {
    /// A URL, and the secret that signs: `whsec_` and base64, as others write it.
    ///
    /// # Errors
    /// [`ServerError::Webhook`] for what is not a URL or not a secret.
    pub fn new(url: &str, secret: &str) -> Result<Self, ServerError> {
        let wrong = |problem: String| ServerError::Webhook { url: url.to_owned(), problem };
        let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong("it begins with http:// or https://".into()));
        }
        let decoded = secret.strip_prefix(SECRET_PREFIX).and_then(|secret| STANDARD.decode(secret.trim()).ok());
        match decoded {
            Some(secret) if secret.len() >= SHORTEST_SECRET => Ok(Self { url: url.to_owned(), secret }),
            _ => Err(wrong(format!("its secret is {SECRET_PREFIX} and at least {SHORTEST_SECRET} bytes in base64"))),
        }
    }

    /// The header `webhook-signature` of a message.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        // Any length of key is right for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return String::new() };
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn tell(&self, fetcher: &Fetcher, notice: &Notice) -> Result<(), String> {
        let Notice { id, kind, video, created_at, .. } = notice;
        let data = json!({ "id": video.as_str() });
        let body = json!({ "id": id, "object": "event", "created_at": created_at, "type": kind, "data": data });
        let (body, timestamp) = (body.to_string(), now());
        let headers = [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", self.sign(id, timestamp, &body)),
        ];
        match fetcher.post(&self.url, &headers, &body)? {
            200..=299 => Ok(()),
            status => Err(format!("it answered {status}")),
        }
    }
}

/// Tells what is to be told until `stopped`; what could not be told is tried again, later and later.
pub(crate) fn tell_all(webhook: &Webhook, fetcher: &Fetcher, outbox: Arc<dyn Outbox>, stopped: &AtomicBool) {
    while !stopped.load(Ordering::SeqCst) {
        let told = outbox.due().and_then(|due| {
            let Some(notice) = due else { return Ok(false) };
            match webhook.tell(fetcher, &notice) {
                Ok(()) => outbox.told(&notice.id)?,
                Err(problem) if notice.attempts + 1 >= MOST_ATTEMPTS => {
                    tracing::error!(event = notice.id, problem, "a webhook was given up");
                    outbox.told(&notice.id)?;
                }
                Err(problem) => {
                    tracing::warn!(event = notice.id, problem, "a webhook failed and is tried again");
                    outbox.not_told(&notice.id, wait(notice.attempts))?;
                }
            }
            Ok(true)
        });
        match told {
            Ok(true) => {}
            Ok(false) => std::thread::sleep(PAUSE),
            Err(error) => {
                tracing::error!(%error, "what is to be told cannot be read");
                std::thread::sleep(4 * PAUSE);
            }
        }
    }
}

/// Five seconds, and three times as long after each attempt.
fn wait(attempts: u32) -> Duration {
    Duration::from_secs(5 * 3_u64.pow(attempts.min(MOST_ATTEMPTS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_standard_says() {
        // The example of the Standard Webhooks specification's own libraries.
        let webhook = Webhook::new("https://example.com/hook", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = webhook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn refuses_what_cannot_be_told_or_signed() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        for (url, secret) in
            [("nowhere", secret), ("ftp://x/", secret), ("https://x/", "short"), ("https://x/", "whsec_AA==")]
        {
            assert!(Webhook::new(url, secret).is_err(), "{url} {secret}");
        }
    }
}
