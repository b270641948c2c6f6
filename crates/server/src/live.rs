//! What is happening to a job now, for whoever watches; nothing of it need survive.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::sync::watch;

use crate::{VideoId, jobs::Advance};

/// A moment of a job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    /// How far it is.
    pub(crate) advance: Advance,
    /// What it looks like so far.
    pub(crate) preview: Option<Arc<Preview>>,
}

/// What a video looks like while it forms, written once for all who watch.
#[derive(Debug)]
pub(crate) struct Preview {
    /// How many there have been with it.
    pub(crate) number: u64,
    /// Which step it follows, and a GIF as a data URL, as JSON.
    pub(crate) data: String,
}

impl Preview {
    pub(crate) fn new(number: u64, step: usize, gif: &[u8]) -> Self {
        let image = format!("data:image/gif;base64,{}", STANDARD.encode(gif));
        Self { number, data: json!({ "step": step, "image": image }).to_string() }
    }
}

/// All jobs that something is happening to.
#[derive(Default)]
pub(crate) struct Live(Mutex<HashMap<VideoId, watch::Sender<Moment>>>);

impl Live {
    /// Begins to tell of a job; whoever watches hears its end when the guard is dropped.
    pub(crate) fn begin(&self, id: &VideoId) -> Telling<'_> {
        self.jobs().insert(id.clone(), watch::Sender::new(Moment::default()));
        Telling { live: self, id: id.clone() }
    }

    /// Watches a job, if something is happening to it.
    pub(crate) fn watch(&self, id: &VideoId) -> Option<watch::Receiver<Moment>> {
        self.jobs().get(id).map(watch::Sender::subscribe)
    }

    /// How many watch a job.
    pub(crate) fn listeners(&self, id: &VideoId) -> u32 {
        let count = |sender: &watch::Sender<Moment>| u32::try_from(sender.receiver_count()).unwrap_or(u32::MAX);
        self.jobs().get(id).map_or(0, count)
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<VideoId, watch::Sender<Moment>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of one job while it lives.
pub(crate) struct Telling<'a> {
    live: &'a Live,
    id: VideoId,
}

impl Telling<'_> {
    /// How many watch.
    pub(crate) fn listeners(&self) -> u32 {
        self.live.listeners(&self.id)
    }

    pub(crate) fn tell(&self, change: impl FnOnce(&mut Moment)) {
        if let Some(sender) = self.live.jobs().get(&self.id) {
            sender.send_modify(change);
        }
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.live.jobs().remove(&self.id);
    }
}

/// Wakes a worker that waits for a job.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    ringing: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ringing.notify_all();
    }

    /// Waits until it rings, but not longer than so long.
    pub(crate) fn wait(&self, longest: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ringing.wait_timeout_while(rung, longest, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}
