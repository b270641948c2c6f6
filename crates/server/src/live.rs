//! What is happening to a job now, for whoever watches; nothing of it need survive.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::VideoId;

/// A moment of a job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    /// `sampling` or `decoding`; nothing before either.
    pub(crate) phase: &'static str,
    /// Steps or frames.
    pub(crate) done: usize,
    /// Of so many.
    pub(crate) total: usize,
    /// From 0 to 100.
    pub(crate) progress: u8,
    /// What it looks like so far, as a GIF.
    pub(crate) preview: Option<Arc<Vec<u8>>>,
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
    /// Whether anybody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.live.jobs().get(&self.id).is_some_and(|sender| sender.receiver_count() > 0)
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
