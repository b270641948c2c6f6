//! Takes jobs one after another and makes their videos, on a thread of its own.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use generation::{GenerationError, Phase, Progress};
use tempfile::TempDir;
use video::{Clip, VideoError, encode_gif};

use crate::{
    PromptPolicy, ServerError, ServerLimits, SharedGenerator, VideoId,
    files::Files,
    http::metrics::Metrics,
    jobs::{Advance, Claimant, Failure, Job, JobStore, Lease, PHASES},
    live::{Bell, Live, Preview, Telling},
    marks::Marks,
    render::{publish, render},
};

/// How long a worker waits before it looks for a job that nobody rang for.
const PAUSE: Duration = Duration::from_millis(500);
/// How soon the store hears how far a job is, and at the latest whether it is still the worker's own.
const SOON: Duration = Duration::from_millis(250);
const AT_THE_LATEST: Duration = Duration::from_secs(1);
/// Time between two pictures of what forms, for each who watches and is sent them.
const PREVIEW_COST: Duration = Duration::from_millis(12);
const LEAST_BETWEEN_PREVIEWS: Duration = Duration::from_secs(1);
/// How long a bucket that is away is waited for.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(600);
/// How far a job is when its frames begin to be decoded, of 100.
const SAMPLED: usize = 90;
const DECODED: usize = 99;

/// Takes jobs and makes their videos.
pub(crate) struct Worker {
    pub(crate) claimant: Claimant,
    pub(crate) store: Arc<dyn JobStore>,
    pub(crate) files: Arc<Files>,
    pub(crate) generator: SharedGenerator,
    pub(crate) live: Arc<Live>,
    /// Whether anybody could look at what forms: a worker without a server works unseen.
    pub(crate) is_seen: bool,
    pub(crate) bell: Arc<Bell>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) policy: Arc<dyn PromptPolicy>,
    pub(crate) limits: ServerLimits,
    pub(crate) marks: Marks,
    pub(crate) stopped: Arc<AtomicBool>,
}

impl Worker {
    /// Who a worker with this model is: nobody else has its name.
    pub(crate) fn new_claimant(generator: &SharedGenerator) -> Claimant {
        Claimant { name: format!("{}-{}", std::process::id(), VideoId::random()), model: generator.name() }
    }

    /// Works until it is stopped; a job that is under way then waits for the next worker.
    pub(crate) fn run(&self) {
        while !self.stopped.load(Ordering::SeqCst) {
            match self.store.claim(&self.claimant, self.limits.lease, self.limits.losses) {
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
        let lease = Lease { id: job.id.clone(), worker: self.claimant.name.clone(), attempt: job.attempt };
        let (id, begun) = (&job.id, Instant::now());
        tracing::info!(%id, attempt = job.attempt, "video begun");
        let keeping = Keeping { lost: AtomicBool::new(false), advance: Mutex::default() };
        self.files.clear(id, |attempt| attempt < job.attempt);
        let made = thread::scope(|scope| {
            let (done, until_done) = mpsc::channel();
            let (kept, shared) = (&lease, &keeping);
            scope.spawn(move || self.keep(kept, until_done, shared));
            let told = self.live.begin(id);
            let mut progress =
                JobProgress { worker: self, told, keeping: &keeping, part: (0, 1), num_previews: 0, previewed: None };
            let bounds = (&self.limits.read, &*self.policy, &self.marks);
            let made = catch_unwind(AssertUnwindSafe(|| {
                let made = render(&*self.generator, job, (&*self.files, bounds), &mut progress)?;
                self.publish(job, &made, &keeping)
            }));
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
        // What was made is nobody's; what another worker makes of the job is not touched.
        if self.insist(|| self.store.exists(&lease.id))? {
            self.files.clear(&lease.id, |attempt| attempt == lease.attempt);
        } else {
            self.files.remove(&lease.id);
        }
        Ok("stopped")
    }

    /// Puts what was made where it is kept; a bucket that is away is waited for.
    fn publish(&self, job: &Job, made: &TempDir, keeping: &Keeping) -> Result<(), GenerationError> {
        let begun = Instant::now();
        loop {
            match publish(&self.files, job, made) {
                Err(error) if self.files.are_elsewhere() && begun.elapsed() < UPLOAD_PATIENCE => {
                    tracing::warn!(%error, "a file could not be kept; trying again");
                }
                published => return published,
            }
            if keeping.lost.load(Ordering::SeqCst) || self.stopped.load(Ordering::SeqCst) {
                return Err(GenerationError::Interrupted);
            }
            thread::sleep(2 * PAUSE);
        }
    }

    /// Tries again: hours of work should not be lost to a store that is away, for a moment or for longer.
    fn insist(&self, ask: impl Fn() -> Result<bool, ServerError>) -> Result<bool, ServerError> {
        let begun = Instant::now();
        loop {
            match ask() {
                Err(error)
                    if begun.elapsed() < self.limits.farewell
                        || (error.is_passing() && !self.stopped.load(Ordering::SeqCst)) =>
                {
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
            GenerationError::Video(VideoError::Refused { .. }) => "moderation_blocked",
            _ => "generation_failed",
        };
        Failure::new(code, self.files.without_places(&error.to_string()))
    }

    /// Renews the lease and says how far the job is, however long a step takes, until the job has ended.
    fn keep(&self, lease: &Lease, until_done: mpsc::Receiver<()>, keeping: &Keeping) {
        let latest = AT_THE_LATEST.min(self.limits.lease / 3);
        let (mut said, mut since, mut failed) = (Advance::default(), Instant::now(), false);
        while until_done.recv_timeout(SOON.min(latest)) == Err(RecvTimeoutError::Timeout) {
            let advance = *keeping.advance();
            if advance == said && since.elapsed() < latest {
                continue;
            }
            let renewed = self.store.renew(lease, self.limits.lease, advance);
            (said, since) = (advance, Instant::now());
            match renewed {
                Ok(true) => failed = false,
                Ok(false) => return keeping.lost.store(true, Ordering::SeqCst),
                // A store that does not answer is no reason to stop: the lease says when the job is lost.
                Err(error) if !std::mem::replace(&mut failed, true) => {
                    tracing::warn!(%error, "the lease of a job cannot be renewed; trying again");
                }
                Err(_) => {}
            }
        }
    }
}

/// What is known of a job while it is being made, by whoever makes it and whoever keeps its lease.
struct Keeping {
    /// Somebody cancelled or deleted it, or another worker has it.
    lost: AtomicBool,
    advance: Mutex<Advance>,
}

impl Keeping {
    fn advance(&self) -> MutexGuard<'_, Advance> {
        self.advance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells how far a job is, and stops it when it is nobody's any more.
struct JobProgress<'a> {
    worker: &'a Worker,
    told: Telling<'a>,
    keeping: &'a Keeping,
    /// Which part of a long video or a story it is, and of how many.
    part: (usize, usize),
    num_previews: u64,
    previewed: Option<Instant>,
}

impl Progress for JobProgress<'_> {
    fn report(&mut self, phase: Phase, done: usize, total: usize) -> ControlFlow<()> {
        let [sampling, decoding] = PHASES;
        let (phase, percent) = match phase {
            Phase::Sampling => (sampling, SAMPLED * done / total.max(1)),
            Phase::Decoding => (decoding, SAMPLED + (DECODED - SAMPLED) * done / total.max(1)),
        };
        let (part, parts) = self.part;
        let percent = (DECODED * part + percent) / parts;
        let progress = u8::try_from(percent.min(DECODED)).unwrap_or_default();
        let advance = {
            let mut advance = self.keeping.advance();
            *advance = Advance { progress: advance.progress.max(progress), phase, done, total };
            *advance
        };
        self.told.tell(|moment| moment.advance = advance);
        let ended = self.keeping.lost.load(Ordering::SeqCst) || self.worker.stopped.load(Ordering::SeqCst);
        if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn part(&mut self, index: usize, count: usize) {
        self.part = (index, count.max(1));
    }

    fn wants_preview(&self) -> bool {
        self.worker.is_seen
    }

    fn preview(&mut self, look: &dyn Fn() -> Result<Clip, GenerationError>) {
        let listeners = self.told.listeners();
        let pause = (PREVIEW_COST * listeners).max(LEAST_BETWEEN_PREVIEWS);
        let is_due = self.previewed.is_none_or(|previewed| previewed.elapsed() >= pause);
        // A look that fails is not worth the video.
        if listeners > 0
            && is_due
            && let Ok(clip) = look()
            && let Ok(gif) = encode_gif(&clip)
        {
            self.previewed = Some(Instant::now());
            self.num_previews += 1;
            let preview = Preview::new(self.num_previews, self.keeping.advance().done, &gif);
            self.told.tell(|moment| moment.preview = Some(Arc::new(preview)));
        }
    }
}
