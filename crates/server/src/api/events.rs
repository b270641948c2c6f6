//! What happens to a video, as it happens: server-sent events until its end.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::{Path, State},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    error::{ApiError, ErrorBody},
    read,
    state::Shared,
    video::Video,
};
use crate::{
    VideoId,
    http::guard::Caller,
    jobs::{Advance, Job, Status},
    live::Moment,
};

/// How often the store is asked, which hears of other workers and of the end.
const PAUSE: Duration = Duration::from_millis(500);
/// Time between two moments at which anybody is told anything, for each who listens: many would cost more than what they
/// wait for. All are told at the same moments, since waking a processor for each costs most.
const BREATH: Duration = Duration::from_millis(8);
const SHORTEST_BREATH: Duration = Duration::from_millis(100);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What happens to a video: `queued`, `progress` and `preview`, and at its end `done`.
#[utoipa::path(
    get, path = "/v1/videos/{id}/events", tag = "videos", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream"), (status = "4XX", body = ErrorBody)),
)]
pub(crate) async fn events(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let job = read::find(&app, &caller, &id).await?;
    let watching = Watching {
        stop: app.stop.subscribe(),
        app,
        caller,
        id: job.id.clone(),
        said: Said::default(),
        moments: None,
        next: VecDeque::new(),
        ended: false,
    };
    let mut first = Some(job);
    let events = stream::unfold(watching, move |mut watching| {
        let job = first.take();
        async move { watching.next(job).await.map(|event| (Ok::<_, Infallible>(event), watching)) }
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("still here"));
    Ok(([("x-accel-buffering", "no"), ("cache-control", "no-cache")], events).into_response())
}

/// What was said last, so that nothing is said twice.
#[derive(Default)]
struct Said {
    position: Option<u64>,
    advance: Option<Advance>,
    previews: u64,
}

struct Watching {
    app: Shared,
    caller: Caller,
    id: VideoId,
    said: Said,
    moments: Option<watch::Receiver<Moment>>,
    next: VecDeque<Event>,
    ended: bool,
    stop: watch::Receiver<bool>,
}

impl Watching {
    /// The next event; none after the end, and when the server stops.
    async fn next(&mut self, mut known: Option<Job>) -> Option<Event> {
        loop {
            if let Some(event) = self.next.pop_front() {
                return Some(event);
            }
            if self.ended || *self.stop.borrow() {
                return None;
            }
            let job = match known.take() {
                Some(job) => job,
                None => {
                    if let Some(moment) = self.wait().await {
                        self.tell(moment);
                        continue;
                    }
                    match read::find(&self.app, &self.caller, self.id.as_str()).await {
                        Ok(job) => job,
                        Err(_) => {
                            self.ended = true;
                            return event("deleted", &json!({ "id": self.id.as_str() }));
                        }
                    }
                }
            };
            self.see(&job).await;
        }
    }

    /// Waits for something to happen here, but not long: then the store has to say what happened.
    async fn wait(&mut self) -> Option<Moment> {
        let breath = (BREATH * self.app.live.listeners(&self.id)).max(SHORTEST_BREATH);
        let (moments, stop) = (&mut self.moments, &mut self.stop);
        let happened = async {
            let Some(watched) = moments else { std::future::pending().await };
            let late = self.app.begun.elapsed().as_nanos() % breath.as_nanos();
            sleep(breath.saturating_sub(Duration::from_nanos(late as u64))).await;
            if watched.changed().await.is_ok() {
                return Some(watched.borrow_and_update().clone());
            }
            // The worker is done: look at once.
            *moments = None;
            None
        };
        tokio::select! {
            happened = timeout(PAUSE + breath, happened) => happened.ok().flatten(),
            _ = stop.wait_for(|stopped| *stopped) => None,
        }
    }

    async fn see(&mut self, job: &Job) {
        match job.status {
            Status::Queued => {
                let id = job.id.clone();
                let position = self.app.ask(move |app| app.store.position(&id)).await.ok().flatten();
                if position.is_some() && position != self.said.position {
                    self.said.position = position;
                    self.next.extend(event("queued", &json!({ "position": position })));
                }
            }
            Status::InProgress => {
                if self.moments.is_none() {
                    self.moments = self.app.live.watch(&job.id);
                }
                let moment = self.moments.as_mut().map(|moments| moments.borrow_and_update().clone());
                // Of a worker elsewhere, the store says how far it is.
                self.tell(moment.unwrap_or(Moment { advance: job.advance, preview: None }));
            }
            Status::Completed | Status::Failed => {
                self.ended = true;
                self.next.extend(event("done", &Video::of(job)));
            }
        }
    }

    fn tell(&mut self, moment: Moment) {
        if self.said.advance != Some(moment.advance) {
            self.said.advance = Some(moment.advance);
            let Advance { phase, done, total, progress } = moment.advance;
            let data = json!({ "phase": phase, "step": done, "total_steps": total, "progress": progress });
            self.next.extend(event("progress", &data));
        }
        if let Some(preview) = moment.preview.filter(|preview| preview.number != self.said.previews) {
            self.said.previews = preview.number;
            self.next.push_back(Event::default().event("preview").data(&preview.data));
        }
    }
}

fn event(name: &str, data: &impl Serialize) -> Option<Event> {
    serde_json::to_string(data).ok().map(|data| Event::default().event(name).data(data))
}
