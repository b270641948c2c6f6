//! Models by name: in the cache that Hugging Face's programs share, and on their hub.
//!
//! Knows nothing of what is in a model: names, files and their checksums only.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`name`] | `owner/name@revision` |
//! | [`cache`] | what lies on this machine, and whether it is what the hub said it would be |
//! | [`remote`] | what the hub has, and how it gets here |
//! | [`error`] | [`HubError`], the one error of this crate |
//!
//! # Source
//! The layout of the cache and the meaning of `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, `HF_ENDPOINT` and `HF_TOKEN`:
//! documentation of `huggingface_hub`, "Understand caching" and "Environment variables"
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cache;
pub mod error;
pub mod name;
pub mod remote;

pub use cache::{CachedModel, ModelCache};
pub use error::HubError;
pub use name::ModelName;
pub use remote::{Hub, PullProgress};
