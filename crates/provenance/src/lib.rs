//! What generated pictures carry, what may be asked for, and how marks are found again.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error should fail at once"))]

pub mod watermark;
