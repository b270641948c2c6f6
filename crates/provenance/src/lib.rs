//! What generated videos carry: a label that people see, a mark in the pictures that they do not, a label in the metadata
//! and a signed statement; and how all of these are found again.
//!
//! Knows pictures and files, but no tensors, models or terminals.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`origin`] | [`Origin`], what the marks say; the label in the metadata |
//! | [`marker`] | [`Marker`], which marks the pictures and the file of one video |
//! | [`label`] | the label that people see |
//! | [`watermark`] | the mark in the pictures |
//! | [`credentials`] | the signed statement, and [`Identity`], who signs |
//! | [`detection`] | [`detect`], which finds all of them |
//! | [`error`] | [`ProvenanceError`], the one error of this crate |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that meets an error should fail at once"))]

pub mod credentials;
pub mod detection;
pub mod error;
pub mod label;
pub mod marker;
pub mod origin;
pub mod watermark;

pub use credentials::{FoundCredentials, Identity, Standing, data_folder};
pub use detection::{Detection, Verdict, detect};
pub use error::ProvenanceError;
pub use marker::{Marker, VisibleLabel};
pub use origin::{AigcLabel, Language, Origin};
