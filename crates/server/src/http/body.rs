//! What a request may send: so many bytes, without long silences, and all of it within a time.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::api::{error::ApiError, state::Shared};

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Trouble {
    None = 0,
    TooLarge = 1,
    TooSlow = 2,
}

/// Bounds the body, and answers for whoever read it when it broke a bound.
pub(crate) async fn bound(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let limits = app.limits;
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.body_bytes) {
        return refusal(Trouble::TooLarge, limits.body_bytes).into_response();
    }
    let trouble = Arc::new(AtomicU8::new(Trouble::None as u8));
    let (parts, body) = request.into_parts();
    let (last, told) = (Instant::now() + limits.arrival, Arc::clone(&trouble));
    let chunks = stream::unfold((body.into_data_stream(), 0_u64), move |(mut chunks, so_far)| {
        let told = Arc::clone(&told);
        async move {
            let broken = |trouble: Trouble| {
                told.store(trouble as u8, Ordering::SeqCst);
                Err(std::io::Error::other("the body broke a bound"))
            };
            let until = (Instant::now() + limits.idle).min(last);
            let (chunk, so_far): (Result<Bytes, std::io::Error>, u64) = match timeout_at(until, chunks.next()).await {
                Err(_) => (broken(Trouble::TooSlow), so_far),
                Ok(None) => return None,
                Ok(Some(Err(error))) => (Err(std::io::Error::other(error)), so_far),
                Ok(Some(Ok(chunk))) => match so_far + chunk.len() as u64 {
                    total if total > limits.body_bytes => (broken(Trouble::TooLarge), total),
                    total => (Ok(chunk), total),
                },
            };
            Some((chunk, (chunks, so_far)))
        }
    });
    let response = next.run(Request::from_parts(parts, Body::from_stream(chunks))).await;
    match trouble.load(Ordering::SeqCst) {
        found if found == Trouble::TooLarge as u8 => refusal(Trouble::TooLarge, limits.body_bytes).into_response(),
        found if found == Trouble::TooSlow as u8 => refusal(Trouble::TooSlow, limits.body_bytes).into_response(),
        _ => response,
    }
}

fn refusal(trouble: Trouble, most: u64) -> ApiError {
    match trouble {
        Trouble::TooSlow => ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the request took too long to arrive".to_owned(),
        ),
        _ => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "request_too_large",
            format!("a request may have at most {most} bytes; send a smaller or shorter file"),
        ),
    }
    // What has not been read is in the way of the next request.
    .closing()
}
