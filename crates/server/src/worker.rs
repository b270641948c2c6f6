//! Takes jobs one after another and makes their videos, on a thread of its own.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use generation::{GenerationError, Phase, Progress};
use video::{Clip, VideoError, encode_gif};

use crate::{
    ServerError, ServerLimits, SharedGenerator, VideoId,
    files::Files,
    http::metrics::Metrics,
    jobs::{Failure, Job, JobStore, Lease},
    live::{Bell, Live, Telling},
    render::render,
};

/// How long a worker waits before it looks for a job that nobody rang for.
const PAUSE: Duration = Duration::from_millis(500);
/// How far a job is when its frames begin to be decoded, of 100.
const SAMPLED: usize = 90;
const DECODED: usize = 99;

/// Takes jobs and makes their videos.
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) store: Arc<dyn JobStore>,
    pub(crate) files: Arc<Files>,
    pub(crate) generator: SharedGenerator,
    pub(crate) live: Arc<Live>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: ServerLimits,
    pub(crate) stopped: Arc<AtomicBool>,
}

impl Worker {
    /// A name that no other worker has.
    pub(crate) fn new_name() -> String {
        format!("{}-{}", std::process::id(), VideoId::random())
    }

    /// Works until it is stopped; a job that is under way then waits for the next worker.
    pub(crate) fn run(&self) {
        while !self.stopped.load(Ordering::SeqCst) {
            match self.store.claim(&self.name, self.limits.lease, self.limits.losses) {
                Ok(Some(job)) => self.carry_out(&job),
                Ok(None) => self.bell.wait(PAUSE),
                Err(error) => {
                    tracing::error!(%error, "no job can be taken; trying again");
                    self.bell.wait(2 * PAUSE);
                }
            }
        }
    }

    fn carry_out(&self, job: &Job) {
        let lease = Lease { id: job.id.clone(), worker: self.name.clone(), attempt: job.attempt };
        let (id, begun) = (&job.id, Instant::now());
        tracing::info!(%id, attempt = job.attempt, "video begun");
        let lost = AtomicBool::new(false);
        let made = thread::scope(|scope| {
            let (done, until_done) = mpsc::channel();
            let (kept, gone) = (&lease, &lost);
            scope.spawn(move || self.keep(kept, until_done, gone));
            let told = self.live.begin(id);
            let mut progress = JobProgress { worker: self, lease: &lease, told, lost: &lost, shown: 0 };
            let limits = (&*self.files, &self.limits.read);
            let made = catch_unwind(AssertUnwindSafe(|| render(&*self.generator, job, limits, &mut progress)));
            // The lease is kept until the job has ended.
            let ended = self.end(&lease, made);
            drop(done);
            ended
        });
        match made {
            Ok(outcome) => {
                let seconds = begun.elapsed().as_secs_f64();
                self.metrics.job_ended(outcome, seconds);
                tracing::info!(%id, attempt = job.attempt, outcome, seconds, "video ended");
            }
            Err(error) => tracing::error!(%id, %error, "the end of a job could not be kept; it will be made anew"),
        }
    }

    /// Puts down what came of a job.
    fn end(
        &self,
        lease: &Lease,
        made: thread::Result<Result<(), GenerationError>>,
    ) -> Result<&'static str, ServerError> {
        let (outcome, held) = match made {
            Ok(Ok(())) => ("completed", self.insist(|| self.store.complete(lease))?),
            Ok(Err(GenerationError::Interrupted)) if self.stopped.load(Ordering::SeqCst) => {
                ("given_back", self.insist(|| self.store.give_back(lease))?)
            }
            // Cancelled, deleted, or another worker has it.
            Ok(Err(GenerationError::Interrupted)) => ("stopped", false),
            Ok(Err(error)) => {
                let failure = self.failure(&error);
                tracing::warn!(id = %lease.id, error = failure.message, "a video failed");
                ("failed", self.insist(|| self.store.fail(lease, &failure))?)
            }
            Err(_) => {
                let failure =
                    Failure::new("internal_error", "the model stopped unexpectedly; the server's log says more");
                ("failed", self.insist(|| self.store.fail(lease, &failure))?)
            }
        };
        if held {
            return Ok(outcome);
        }
        if !self.store.exists(&lease.id)? {
            self.files.remove(&lease.id);
        }
        Ok("stopped")
    }

    /// Tries again for a while: hours of work should not be lost to a store that is away for a moment.
    fn insist(&self, ask: impl Fn() -> Result<bool, ServerError>) -> Result<bool, ServerError> {
        let begun = Instant::now();
        loop {
            match ask() {
                Err(error) if begun.elapsed() < self.limits.farewell => {
                    tracing::warn!(%error, "the store does not answer; trying again");
                    thread::sleep(PAUSE);
                }
                answer => return answer,
            }
        }
    }

    fn failure(&self, error: &GenerationError) -> Failure {
        let code = match error {
            GenerationError::Video(VideoError::Write { .. }) => "storage_failed",
            _ => "generation_failed",
        };
        Failure::new(code, self.files.without_places(&error.to_string()))
    }

    /// Renews the lease, however long a step takes, until the job has ended.
    fn keep(&self, lease: &Lease, until_done: mpsc::Receiver<()>, lost: &AtomicBool) {
        while until_done.recv_timeout(self.limits.lease / 3) == Err(RecvTimeoutError::Timeout) {
            match self.store.renew(lease, self.limits.lease, None) {
                Ok(true) => {}
                Ok(false) => return lost.store(true, Ordering::SeqCst),
                Err(error) => tracing::warn!(%error, "the lease of a job could not be renewed"),
            }
        }
    }
}

/// Tells how far a job is, and stops it when it is nobody's any more.
struct JobProgress<'a> {
    worker: &'a Worker,
    lease: &'a Lease,
    told: Telling<'a>,
    lost: &'a AtomicBool,
    /// Progress that the store knows of.
    shown: u8,
}

impl Progress for JobProgress<'_> {
    fn report(&mut self, phase: Phase, done: usize, total: usize) -> ControlFlow<()> {
        let (name, percent) = match phase {
            Phase::Sampling => ("sampling", SAMPLED * done / total.max(1)),
            Phase::Decoding => ("decoding", SAMPLED + (DECODED - SAMPLED) * done / total.max(1)),
        };
        let progress = u8::try_from(percent.min(DECODED)).unwrap_or_default();
        self.shown = self.shown.max(progress);
        self.told.tell(|moment| {
            (moment.phase, moment.done, moment.total, moment.progress) = (name, done, total, self.shown);
        });
        // A store that does not answer is no reason to stop: the lease says when the job is lost.
        let held = self.worker.store.renew(self.lease, self.worker.limits.lease, Some(self.shown)).unwrap_or(true);
        let goes_on = held && !self.lost.load(Ordering::SeqCst) && !self.worker.stopped.load(Ordering::SeqCst);
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn wants_preview(&self) -> bool {
        true
    }

    fn preview(&mut self, clip: &Clip) {
        if self.told.is_watched()
            && let Ok(gif) = encode_gif(clip)
        {
            self.told.tell(|moment| moment.preview = Some(Arc::new(gif)));
        }
    }
}
