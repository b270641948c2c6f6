//! Choosing samples, and counting what there is.

use std::{collections::BTreeMap, ops::RangeInclusive};

use rayon::prelude::*;
use serde::Serialize;
use video::Resolution;

use crate::{
    DatasetError,
    shards::{Dataset, SampleEntry},
};

type LabelTest = Box<dyn Fn(&serde_json::Value) -> bool + Send + Sync>;

/// Which samples are wanted; what is `None` does not matter.
#[derive(Default)]
pub struct Filter {
    /// Least width and height.
    pub min_resolution: Option<Resolution>,
    /// Greatest width and height.
    pub max_resolution: Option<Resolution>,
    /// How many frames a clip may have.
    pub num_frames: Option<RangeInclusive<usize>>,
    /// How long a clip may play, in seconds.
    pub duration_secs: Option<RangeInclusive<f64>>,
    /// Whether a sample with these labels is wanted.
    pub labels: Option<LabelTest>,
}

impl Filter {
    /// Whether a sample is wanted, as far as the index tells.
    pub fn admits(&self, entry: &SampleEntry) -> bool {
        let fits_in =
            |inner: Resolution, outer: Resolution| inner.width() <= outer.width() && inner.height() <= outer.height();
        self.min_resolution.is_none_or(|min| fits_in(min, entry.resolution))
            && self.max_resolution.is_none_or(|max| fits_in(entry.resolution, max))
            && self.num_frames.as_ref().is_none_or(|range| range.contains(&entry.num_frames))
            && self.duration_secs.as_ref().is_none_or(|range| range.contains(&entry.duration_secs()))
    }

    /// Positions of the wanted samples, in order.
    ///
    /// Labels lie in the shards, so that asking for them reads every sample that the rest of the filter admits.
    ///
    /// # Errors
    /// What [`Dataset::get`] says while labels are read.
    pub fn select(&self, dataset: &Dataset) -> Result<Vec<usize>, DatasetError> {
        let admitted: Vec<usize> =
            dataset.entries().enumerate().filter(|(_, entry)| self.admits(entry)).map(|(index, _)| index).collect();
        let Some(wanted) = &self.labels else { return Ok(admitted) };
        let chosen: Result<Vec<Option<usize>>, DatasetError> =
            admitted.into_par_iter().map(|index| Ok(wanted(&dataset.get(index)?.labels).then_some(index))).collect();
        Ok(chosen?.into_iter().flatten().collect())
    }
}

/// How many samples have one size and length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames; 1 for images.
    pub num_frames: usize,
    /// How many samples.
    pub samples: usize,
}

/// Counts samples by size and length, smallest first.
pub fn buckets<'a>(entries: impl IntoIterator<Item = &'a SampleEntry>) -> Vec<Bucket> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry((entry.resolution, entry.num_frames)).or_insert(0) += 1;
    }
    let bucket = |((resolution, num_frames), samples): ((Resolution, usize), usize)| Bucket {
        width: resolution.width(),
        height: resolution.height(),
        num_frames,
        samples,
    };
    counts.into_iter().map(bucket).collect()
}
