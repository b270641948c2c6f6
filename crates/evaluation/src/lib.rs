//! Metrics over videos and models, and reports of them.
//!
//! Compares what a model made with what it should have made: pictures with pictures, and videos with their prompts.
//! Knows neither how a video is sampled nor how a model is trained; it asks `generation` for videos and `worlds` for
//! films of which the truth is known.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`metrics`] | how far two pictures or clips are apart: [`metrics::psnr_db`], [`metrics::ssim`] |
//! | [`evaluate`](mod@evaluate) | everything about one model: [`evaluate()`] |
//! | [`reconstruction`] | what survives the autoencoder |
//! | [`denoising`] | loss by noise level |
//! | [`adherence`] | whether videos show what their prompts ask for |
//! | [`edits`] | whether edits keep what they should and join without a seam |
//! | [`guides`] | whether the camera and things go where they are told to |
//! | [`minutes`] | whether minutes keep their colours and their object and move on, in windows and at once |
//! | [`odometry`], [`tracking`] | where a camera went, and where a thing is, read from pictures |
//! | [`classifier`] | says what a video shows |
//! | [`question`] | what is asked of a video, and how answers are counted |
//! | [`prompts`], [`label_words`] | prompts, and what each asks for |
//! | [`report`], [`html`] | the numbers as JSON, table and page |
//! | [`films`], [`pixels`] | rendered films, and the scale at which videos are read |
//! | [`progress`] | [`Monitor`], which hears how far it is and may stop it |
//! | [`error`] | [`EvaluationError`], the one error of this crate |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error should fail at once"))]

pub mod adherence;
pub mod classifier;
pub mod denoising;
pub mod edits;
pub mod error;
pub mod evaluate;
pub mod films;
pub mod guides;
pub mod html;
pub mod label_words;
pub mod metrics;
pub mod minutes;
pub mod odometry;
pub mod pixels;
pub mod progress;
pub mod prompts;
pub mod question;
pub mod reconstruction;
pub mod report;
pub mod tracking;

pub use adherence::VideoSettings;
pub use error::EvaluationError;
pub use evaluate::{EvaluationSettings, evaluate};
pub use progress::{Monitor, Phase, Silent};
pub use prompts::LabelledPrompt;
pub use question::{Answers, Confusion, KnownAnswers, PerQuestion, Question};
pub use report::Report;
