//! Videos over HTTP: an API, jobs that survive a crash, and a page.
//!
//! Speaks the `/v1/videos` API that clients of a hosted service know, keeps jobs in SQLite, and makes them one after
//! another on a thread of its own. It knows nothing of how videos are made, and nothing of terminals: what happens is
//! told through `tracing`.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`config`] | [`ServerConfig`], what a server is given |
//! | [`serve`] | [`Server`], from the first connection to the last |
//! | [`order`] | [`Order`], what somebody asked for, as it is kept |
//! | [`jobs`] | [`JobStore`](jobs::JobStore) and its like, and SQLite behind them |
//! | [`keys`] | who may call, how often, and how many videos they may make |
//! | [`policy`] | [`PromptPolicy`], which prompts are refused |
//! | [`fetch`] | other people's URLs, never private ones |
//! | [`webhooks`] | telling others what came of a job, signed |
//! | [`error`] | [`ServerError`], the one error of this crate |
//! | `id` | names of videos |
//! | `files` | videos, pictures and uploads on disk |
//! | `worker`, `render` | jobs become files |
//! | `live` | what is happening to a job now |
//! | `api` | each call of the API |
//! | `http` | connections, callers, limits and metrics |
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
pub mod config;
pub mod error;
pub mod fetch;
mod files;
mod http;
mod id;
pub mod jobs;
pub mod keys;
mod live;
pub mod order;
pub mod policy;
mod render;
pub mod serve;
pub mod webhooks;
mod worker;

pub use config::{ServerConfig, ServerLimits, SharedGenerator};
pub use error::ServerError;
pub use fetch::PrivateUrls;
pub use id::VideoId;
pub use order::Order;
pub use policy::{Anything, PromptPolicy, Refusal};
pub use serve::Server;
pub use webhooks::Webhook;
