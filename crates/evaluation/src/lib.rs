//! Metrics over videos and models, and reports of them.
//!
//! Compares what a model made with what it should have made. Knows neither how a video is sampled nor how a
//! model is trained: it is given pictures, and returns numbers.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`metrics`] | how far two pictures or clips are apart: [`metrics::psnr_db`], [`metrics::ssim`] |
//! | [`error`] | [`EvaluationError`], the one error of this crate |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error should fail at once"))]

pub mod error;
pub mod metrics;

pub use error::EvaluationError;
