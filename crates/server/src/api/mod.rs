//! Each call of the API.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `state` | what all calls share |
//! | `error` | answers that say what was wrong |
//! | `json` | answers in JSON |
//! | `fields` | what a request says, as a form or as JSON |
//! | `upload` | files, from wherever they come |
//! | `wishes` | fields to orders |
//! | `make` | the calls that make videos |
//! | `story` | the one that makes a video of several shots |
//! | `detect` | which marks a file carries |
//! | `submit` | an order is checked and becomes a job |
//! | `video` | what is said of a video |
//! | `read` | list, look, cancel, delete |
//! | `polls` | how often videos are asked for |
//! | `content` | the files of a video, and parts of them |
//! | `events` | what happens to a video, as it happens |
//! | `about` | models, health, metrics |
//! | `page` | the studio, as it was built |
//! | `openapi` | the API for programs |

mod about;
mod content;
mod detect;
pub(crate) mod error;
mod events;
mod fields;
mod json;
mod make;
mod openapi;
pub(crate) mod page;
mod polls;
mod read;
pub(crate) mod state;
mod story;
mod submit;
mod upload;
mod video;
mod wishes;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{get, post},
};

use crate::http::{body, guard, metrics};
use error::ApiError;
use state::Shared;

/// All calls.
pub(crate) fn router(app: Shared) -> Router {
    let videos = Router::new()
        .route("/videos", post(make::create).get(read::list))
        .route("/videos/edits", post(make::edit))
        .route("/videos/extensions", post(make::extend))
        .route("/videos/loops", post(make::make_loop))
        .route("/videos/blends", post(make::blend))
        .route("/videos/recuts", post(make::recut))
        .route("/videos/storyboards", post(story::storyboard))
        .route("/videos/characters", post(make::character))
        .route("/videos/{id}", get(read::look).delete(read::delete))
        .route("/videos/{id}/remix", post(make::remix))
        .route("/videos/{id}/cancel", post(read::cancel))
        .route("/videos/{id}/content", get(content::content))
        .route("/videos/{id}/events", get(events::events))
        .route("/detect", post(detect::detect))
        .route("/models", get(about::models))
        .route("/health", get(about::health));
    Router::new()
        .nest("/v1", videos)
        .merge(page::routes())
        .route("/health", get(about::health))
        .route("/metrics", get(about::metrics))
        .route("/openapi.json", get(openapi::document))
        .fallback(async || ApiError::new(StatusCode::NOT_FOUND, "unknown_url", "there is nothing here".to_owned()))
        .method_not_allowed_fallback(async || {
            let message = "this is not asked for in this way; /openapi.json says how".to_owned();
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(app.clone(), body::bound))
        .layer(middleware::from_fn_with_state(app.clone(), guard::admit))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::observe))
        .with_state(app)
}
