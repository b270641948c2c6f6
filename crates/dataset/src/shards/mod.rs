//! A data set on disk: tar files that anybody's WebDataset loader reads, and an index.
//!
//! ```text
//! FOLDER/
//!   index.json          names every shard and sample, with sizes and check sums
//!   shard-000000.tar    000000000.json 000000000.npy 000000001.json 000000001.npy …
//!   shard-000001.tar
//! ```
//!
//! A sample's `.json` has its captions, labels, seed, frame rate and camera path; its `.npy` is the clip, `uint8` of
//! shape `[T, H, W, 3]`. An image is a clip of one frame.

mod dataset;
mod index;
pub mod npy;
mod verify;
mod webdataset;
mod writer;

use serde::{Deserialize, Serialize};
use video::{Clip, FrameRate, Resolution};
use worlds::stage::Camera;

pub use dataset::{Dataset, Samples};
pub use index::{INDEX_NAME, INDEX_VERSION, Index, SampleEntry, ShardEntry};
pub use verify::{VerifyReport, verify};
pub use webdataset::{WebDataset, WebDatasetSettings};
pub use writer::{ShardWriter, ShardWriterSettings};

/// One clip and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The pictures.
    pub clip: Clip,
    /// Descriptions of the clip.
    pub captions: Vec<Caption>,
    /// What is in the clip, as its source says it.
    pub labels: serde_json::Value,
    /// What it was simulated from.
    pub seed: Option<u64>,
    /// The camera of each frame, if it is known.
    pub camera: Option<Vec<Camera>>,
}

/// A description of a clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caption {
    /// Language as in BCP 47: `en`, `zh`, … or `und` when nobody said.
    pub language: String,
    /// How much it tells.
    pub detail: Detail,
    /// The description itself.
    pub text: String,
}

/// How much a caption tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// One plain sentence.
    Short,
    /// Everything that can be seen.
    Detailed,
}

/// The `.json` of a sample.
#[derive(Serialize, Deserialize)]
struct Metadata {
    captions: Vec<Caption>,
    labels: serde_json::Value,
    seed: Option<u64>,
    #[serde(with = "as_text")]
    frame_rate: FrameRate,
    #[serde(with = "as_text")]
    resolution: Resolution,
    num_frames: usize,
    camera: Option<Vec<Camera>>,
}

/// Writes a value as its text and reads it back, with all the checks of its `FromStr`.
mod as_text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
