//! Clips and images of different sizes in one training sequence, nothing padded.
//!
//! Each epoch the items are shuffled, and a window slides over them. A pack begins with the item that has waited
//! longest and takes, again and again, the largest item of the window that still fits. So no item waits for ever,
//! large clips meet the images that fill the rest, and an epoch stays close to its shuffled order.

use std::collections::VecDeque;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{DatasetError, TokenGrid};

/// How items are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackingSettings {
    /// Tokens that a training sequence holds at most.
    pub max_tokens: usize,
    /// Items that are looked at for the best fit; 256 is plenty.
    pub look_ahead: usize,
    /// Seeds the shuffling of every epoch.
    pub seed: u64,
}

/// One training sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Which pass over the items this belongs to, from 0.
    pub epoch: u64,
    /// Positions of the items, equal shapes side by side.
    pub samples: Vec<usize>,
    /// The patches of each item, in the same order.
    pub grids: Vec<TokenGrid>,
}

impl Pack {
    /// Lengths of the attention segments in tokens, one for each sample.
    pub fn segments(&self) -> Vec<usize> {
        self.grids.iter().map(|grid| grid.num_tokens()).collect()
    }

    /// Where each segment begins, and at last where the sequence ends (`cu_seqlens`).
    pub fn boundaries(&self) -> Vec<usize> {
        let mut end = 0;
        let ends = self.grids.iter().map(|grid| {
            end += grid.num_tokens();
            end
        });
        std::iter::once(0).chain(ends).collect()
    }

    /// Tokens of the whole sequence.
    pub fn num_tokens(&self) -> usize {
        self.grids.iter().map(|grid| grid.num_tokens()).sum()
    }
}

/// A place in the endless stream of packs, to be saved with a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerState {
    /// Seed of the shuffling.
    pub seed: u64,
    /// The current pass over the items.
    pub epoch: u64,
    /// Packs of this epoch that are already given out.
    pub position: usize,
    /// Items in an epoch; a place among other items is refused.
    pub num_items: usize,
}

/// How full the packs of an epoch are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PackingReport {
    /// Training sequences.
    pub packs: usize,
    /// Items in them.
    pub samples: usize,
    /// Tokens in them.
    pub used_tokens: usize,
    /// Tokens that they could hold.
    pub capacity_tokens: usize,
}

impl PackingReport {
    /// Used tokens divided by the tokens that the sequences could hold, 0 to 1.
    pub fn efficiency(&self) -> f64 {
        if self.capacity_tokens == 0 { 1.0 } else { self.used_tokens as f64 / self.capacity_tokens as f64 }
    }

    fn add(&mut self, pack: &Pack, max_tokens: usize) {
        self.packs += 1;
        self.samples += pack.samples.len();
        self.used_tokens += pack.num_tokens();
        self.capacity_tokens += max_tokens;
    }
}

/// An endless stream of packs; every item comes exactly once in each epoch.
///
/// The stream depends on the items, the settings and nothing else.
#[derive(Clone, Debug)]
pub struct Packer {
    items: Vec<TokenGrid>,
    settings: PackingSettings,
    epoch: Epoch,
    epoch_number: u64,
    position: usize,
}

impl Packer {
    /// Begins at the first pack of epoch 0.
    ///
    /// # Errors
    /// [`DatasetError::TokenCount`] for an item that no sequence can hold or that has no tokens;
    /// [`DatasetError::Request`] when there are no items.
    pub fn new(items: Vec<TokenGrid>, settings: PackingSettings) -> Result<Self, DatasetError> {
        if items.is_empty() {
            return Err(DatasetError::Request("there is nothing to pack: give at least one clip or image".into()));
        }
        let max_tokens = settings.max_tokens;
        for (item, &grid) in items.iter().enumerate() {
            let num_tokens = grid.num_tokens();
            if num_tokens == 0 || num_tokens > max_tokens {
                return Err(DatasetError::TokenCount { item, grid, num_tokens, max_tokens });
            }
        }
        let epoch = Epoch::begin(items.len(), settings.seed, 0);
        Ok(Self { items, settings, epoch, epoch_number: 0, position: 0 })
    }

    /// Goes on at a place that [`Packer::state`] gave; `state.seed` takes the place of `settings.seed`.
    ///
    /// # Errors
    /// As [`Packer::new`]; [`DatasetError::PackerState`] when the number of items has changed.
    pub fn resume(items: Vec<TokenGrid>, settings: PackingSettings, state: PackerState) -> Result<Self, DatasetError> {
        if items.len() != state.num_items {
            return Err(DatasetError::PackerState { expected: state.num_items, actual: items.len() });
        }
        let mut packer = Self::new(items, PackingSettings { seed: state.seed, ..settings })?;
        packer.epoch = Epoch::begin(packer.items.len(), state.seed, state.epoch);
        packer.epoch_number = state.epoch;
        for _ in 0..state.position {
            if packer.epoch_number != state.epoch {
                break;
            }
            packer.next_pack();
        }
        Ok(packer)
    }

    /// The place of the next pack.
    pub fn state(&self) -> PackerState {
        PackerState {
            seed: self.settings.seed,
            epoch: self.epoch_number,
            position: self.position,
            num_items: self.items.len(),
        }
    }

    /// The next training sequence; after the last one of an epoch the next epoch begins by itself.
    pub fn next_pack(&mut self) -> Pack {
        let epoch = self.epoch_number;
        // Neither an epoch nor a pack is ever empty: there is at least one item.
        let (samples, grids) = self.epoch.next_pack(&self.items, &self.settings).unwrap_or_default();
        self.position += 1;
        if self.epoch.is_over() {
            self.epoch_number += 1;
            self.position = 0;
            self.epoch = Epoch::begin(self.items.len(), self.settings.seed, self.epoch_number);
        }
        Pack { epoch, samples, grids }
    }

    /// How full the packs of the current epoch are, from its first to its last, without moving on.
    pub fn report(&self) -> PackingReport {
        let mut report = PackingReport::default();
        let mut epoch = Epoch::begin(self.items.len(), self.settings.seed, self.epoch_number);
        while let Some((samples, grids)) = epoch.next_pack(&self.items, &self.settings) {
            report.add(&Pack { epoch: self.epoch_number, samples, grids }, self.settings.max_tokens);
        }
        report
    }
}

impl Iterator for Packer {
    type Item = Pack;

    /// Never `None`.
    fn next(&mut self) -> Option<Pack> {
        Some(self.next_pack())
    }
}

/// What is left of one pass over the items.
#[derive(Clone, Debug)]
struct Epoch {
    /// Shuffled items that have not come into the window yet; the next one is last.
    waiting: Vec<usize>,
    /// Items to choose from, the longest there first.
    window: VecDeque<usize>,
}

impl Epoch {
    fn begin(num_items: usize, seed: u64, epoch: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch);
        let mut waiting: Vec<usize> = (0..num_items).collect();
        waiting.shuffle(&mut rng);
        Self { waiting, window: VecDeque::new() }
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.window.is_empty()
    }

    fn next_pack(&mut self, items: &[TokenGrid], settings: &PackingSettings) -> Option<(Vec<usize>, Vec<TokenGrid>)> {
        let fill = settings.look_ahead.max(1).saturating_sub(self.window.len()).min(self.waiting.len());
        self.window.extend(self.waiting.drain(self.waiting.len() - fill..).rev());

        let oldest = self.window.pop_front()?;
        let mut room = settings.max_tokens - items[oldest].num_tokens();
        let mut samples = vec![oldest];
        while let Some(place) = self.best_fit(items, room) {
            let Some(sample) = self.window.remove(place) else { break };
            room -= items[sample].num_tokens();
            samples.push(sample);
        }
        samples.sort_by_key(|&sample| (items[sample], sample));
        let grids = samples.iter().map(|&sample| items[sample]).collect();
        Some((samples, grids))
    }

    /// Place in the window of the largest item that fits; of equal ones the one that has waited longest.
    fn best_fit(&self, items: &[TokenGrid], room: usize) -> Option<usize> {
        let fitting = self.window.iter().enumerate().map(|(place, &sample)| (items[sample].num_tokens(), place));
        fitting
            .filter(|&(tokens, _)| tokens <= room)
            .max_by_key(|&(tokens, place)| (tokens, usize::MAX - place))
            .map(|(_, place)| place)
    }
}
