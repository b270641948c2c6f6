//! Clips and captions on disk: shards, the latent cache, and packing.
//!
//! Knows nothing of tensors or models: latents are numbers with a shape, and an autoencoder is a fingerprint.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`shards`] | clips as tar files with an index: [`ShardWriter`], [`Dataset`], [`verify`](shards::verify); those of others: [`WebDataset`] |
//! | [`worlds_dataset`] | simulated clips and images, straight from their seeds or written as shards |
//! | [`filters`] | choosing samples by size, duration and labels; what sizes there are |
//! | [`latents`] | encoded clips, as training reads them: [`LatentWriter`], [`LatentCache`] |
//! | [`tokens`] | [`TokenGrid`], the patches that a clip becomes |
//! | [`packing`] | clips and images of different sizes in one training sequence, nothing padded |
//! | [`damage`] | what is said about a file that is cut, flipped or missing |
//! | [`error`] | [`DatasetError`], the one error of this crate |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on should stop"))]

mod atomic;
pub mod damage;
pub mod error;
pub mod filters;
pub mod latents;
pub mod packing;
pub mod shards;
pub mod tokens;
pub mod worlds_dataset;

pub use damage::{Damage, DamageReport, OnDamage};
pub use error::DatasetError;
pub use filters::Filter;
pub use latents::{AutoencoderFingerprint, LatentCache, LatentCacheSettings, LatentSample, LatentWriter};
pub use packing::{Pack, Packer, PackerState, PackingReport, PackingSettings};
pub use shards::{Dataset, Sample, ShardWriter, ShardWriterSettings, WebDataset};
pub use tokens::TokenGrid;
