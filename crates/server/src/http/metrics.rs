//! What Prometheus is told, and one line of the log for each request.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder, exponential_buckets,
};

use crate::{api::state::Shared, jobs::Status};

/// Counters of a server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    jobs: IntCounterVec,
    job_seconds: HistogramVec,
    waiting: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let counter = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let seconds = |name, help, (first, count), label: &str| {
            let buckets = exponential_buckets(first, 2.0, count)?;
            HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), &[label])
        };
        let metrics = Self {
            registry: Registry::new(),
            requests: counter("misora_http_requests_total", "Requests that were answered.", &["route", "status"])?,
            request_seconds: seconds(
                "misora_http_request_seconds",
                "Time to the beginning of an answer.",
                (0.000_5, 16),
                "route",
            )?,
            jobs: counter(
                "misora_jobs_ended_total",
                "Attempts at jobs that ended, by what came of them.",
                &["outcome"],
            )?,
            job_seconds: seconds("misora_job_seconds", "Time that an attempt at a job took.", (0.125, 18), "outcome")?,
            waiting: IntGaugeVec::new(Opts::new("misora_jobs", "Jobs that are kept, by status."), &["status"])?,
        };
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.request_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.jobs.clone()))?;
        metrics.registry.register(Box::new(metrics.job_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.waiting.clone()))?;
        Ok(metrics)
    }

    /// Counts an attempt at a job.
    pub(crate) fn job_ended(&self, outcome: &str, seconds: f64) {
        self.jobs.with_label_values(&[outcome]).inc();
        self.job_seconds.with_label_values(&[outcome]).observe(seconds);
    }

    /// All of it in Prometheus' text form.
    pub(crate) fn text(&self, counts: &[(Status, u64)]) -> Result<String, prometheus::Error> {
        for (status, count) in counts {
            self.waiting.with_label_values(&[status.name()]).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        let mut bytes = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Counts, times and logs a request.
pub(crate) async fn observe(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let (method, path, begun) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let response = next.run(request).await;
    let (status, seconds) = (response.status().as_u16(), begun.elapsed().as_secs_f64());
    app.metrics.requests.with_label_values(&[route.as_str(), &status.to_string()]).inc();
    app.metrics.request_seconds.with_label_values(&[route.as_str()]).observe(seconds);
    if status >= 500 {
        tracing::error!(%method, path, status, seconds, "request");
    } else {
        tracing::debug!(%method, path, status, seconds, "request");
    }
    response
}
