//! Answers that say what was wrong, in the API's form.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::json::Json;
use crate::ServerError;

/// An answer that says what was wrong.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: String,
    param: Option<String>,
    message: String,
    retry_after: Option<u64>,
    closes: bool,
}

/// What is sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

/// What was wrong.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// For people: what was wrong, and what would work.
    message: String,
    /// A family of errors, such as `invalid_request_error`.
    r#type: String,
    /// The field that was wrong.
    param: Option<String>,
    /// For programs.
    code: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: String) -> Self {
        Self { status, code: code.to_owned(), param: None, message, retry_after: None, closes: false }
    }

    /// A field that is wrong.
    pub(crate) fn field(name: &str, message: impl Into<String>) -> Self {
        let message = format!("{name}: {}", message.into());
        Self { param: Some(name.to_owned()), ..Self::new(StatusCode::BAD_REQUEST, "invalid_value", message) }
    }

    /// The same with a code of its own.
    pub(crate) fn coded(self, code: &str) -> Self {
        Self { code: code.to_owned(), ..self }
    }

    /// A video that is not there, or that somebody else owns.
    pub(crate) fn no_video(id: &str) -> Self {
        let shown: String = id.chars().take(80).collect();
        Self::new(StatusCode::NOT_FOUND, "video_not_found", format!("there is no video {shown:?}"))
    }

    /// Something that must not happen.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "the server failed; its log says more".to_owned(),
        )
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// Ends the connection with this answer.
    pub(crate) fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        }
    }
}

impl From<ServerError> for ApiError {
    fn from(error: ServerError) -> Self {
        let message = error.to_string();
        match error {
            ServerError::QueueFull { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", message).retry_after(30)
            }
            ServerError::QuotaUsed { .. } => Self::new(StatusCode::TOO_MANY_REQUESTS, "insufficient_quota", message),
            ServerError::KeyReused => Self::new(StatusCode::CONFLICT, "idempotency_key_reused", message),
            ServerError::Store(_) => {
                tracing::error!(error = message, "the store failed");
                let message = "the store of jobs does not answer; try again soon".to_owned();
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", message).retry_after(5)
            }
            other => Self::internal(&other),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let detail = ErrorDetail {
            r#type: self.kind().to_owned(),
            message: self.message,
            param: self.param,
            code: Some(self.code),
        };
        let mut response = (self.status, Json(ErrorBody { error: detail })).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
