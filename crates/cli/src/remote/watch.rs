//! What happens to a video, as it happens: the server's events, and where they break off, a look now and then.

use std::{
    io::{BufRead, BufReader, Write},
    ops::ControlFlow,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;
use base64::{Engine, engine::general_purpose::STANDARD};
use generation::{Phase, Progress};
use serde_json::Value;
use ureq::SendBody;
use video::{Clip, ReadLimits, read_clip};

use super::{Remote, RemoteVideo};
use crate::{interrupt, progress::Generating};

/// How soon Ctrl-C is heard, and how long after events broke off the server is asked again.
const SOON: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(500);
/// How long a server may be away while it makes a video.
const PATIENCE: Duration = Duration::from_secs(120);

impl Remote {
    /// Waits until a video is made, or will not be; `None` when somebody wants to stop.
    pub fn wait(&self, id: &str, progress: &mut Generating) -> anyhow::Result<Option<RemoteVideo>> {
        let mut answered = Instant::now();
        loop {
            match self.look(id) {
                Ok(video) if matches!(video.status.as_str(), "completed" | "failed") => return Ok(Some(video)),
                Ok(_) => answered = Instant::now(),
                Err(error) if answered.elapsed() > PATIENCE => return Err(error),
                Err(error) => progress.say(&format!("waiting: {error}")),
            }
            if self.follow(id, progress).is_break() {
                return Ok(None);
            }
            thread::sleep(PAUSE);
            if interrupt::requested() {
                return Ok(None);
            }
        }
    }

    /// Follows the events of a video until they end, for whatever reason.
    fn follow(&self, id: &str, progress: &mut Generating) -> ControlFlow<()> {
        let Ok(answer) = self.ask("GET", &format!("/v1/videos/{id}/events"), (String::new(), SendBody::none())) else {
            return ControlFlow::Continue(());
        };
        let (tell, told) = mpsc::channel();
        // It ends with the events, or with the program.
        thread::spawn(move || {
            let mut event = String::new();
            for line in BufReader::new(answer.into_body().into_reader()).lines().map_while(Result::ok) {
                if let Some(name) = line.strip_prefix("event: ") {
                    event = name.to_owned();
                } else if let Some(data) = line.strip_prefix("data: ")
                    && tell.send((event.clone(), serde_json::from_str(data).unwrap_or_default())).is_err()
                {
                    return;
                }
            }
        });
        hear(&told, progress)
    }
}

fn hear(told: &Receiver<(String, Value)>, progress: &mut Generating) -> ControlFlow<()> {
    loop {
        match told.recv_timeout(SOON) {
            Ok((event, data)) => tell(&event, &data, progress)?,
            Err(RecvTimeoutError::Timeout) => interrupt::flow()?,
            Err(RecvTimeoutError::Disconnected) => return ControlFlow::Continue(()),
        }
    }
}

fn tell(event: &str, data: &Value, progress: &mut Generating) -> ControlFlow<()> {
    let number = |name: &str| usize::try_from(data[name].as_u64().unwrap_or(0)).unwrap_or(0);
    match event {
        "queued" => progress.say(&format!("{} before", number("position"))),
        "progress" if data["phase"] == "sampling" => {
            return progress.report(Phase::Sampling, number("step"), number("total_steps"));
        }
        "progress" if data["phase"] == "decoding" => {
            return progress.report(Phase::Decoding, number("step"), number("total_steps"));
        }
        "preview" if progress.wants_preview() => {
            if let Ok(clip) = picture(data["image"].as_str().unwrap_or_default()) {
                progress.preview(&|| Ok(clip.clone()));
            }
        }
        _ => {}
    }
    interrupt::flow()
}

/// A GIF as the API sends it.
fn picture(url: &str) -> anyhow::Result<Clip> {
    let Some(coded) = url.strip_prefix("data:image/gif;base64,") else { bail!("a preview is a GIF") };
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(&STANDARD.decode(coded)?)?;
    Ok(read_clip(file.path(), &ReadLimits::default())?)
}
