//! How clips of different lengths share one sequence of tokens.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Clips packed one after another in a token sequence: offsets `[0, n1, n1+n2, …]`.
///
/// Cheap to clone. A segment may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    offsets: Arc<[u32]>,
}

impl Segments {
    /// Lays out segments of the given lengths one after another.
    ///
    /// # Panics
    /// When the total exceeds `u32::MAX` tokens.
    pub fn new(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut end = 0usize;
        let ends = lengths.into_iter().map(|length| {
            end += length;
            u32::try_from(end).expect("a packed sequence holds at most u32::MAX tokens; pack fewer clips")
        });
        Self { offsets: std::iter::once(0).chain(ends).collect() }
    }

    /// How many segments there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no segment at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which tokens segment `index` holds.
    ///
    /// # Panics
    /// When `index` is not below [`Segments::len`].
    pub fn range(&self, index: usize) -> Range<usize> {
        self.offsets[index] as usize..self.offsets[index + 1] as usize
    }

    /// How many tokens segment `index` holds.
    pub fn length(&self, index: usize) -> usize {
        self.range(index).len()
    }

    /// All segments in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        (0..self.len()).map(|index| self.range(index))
    }

    /// How many tokens there are in all.
    pub fn total(&self) -> usize {
        self.offsets[self.offsets.len() - 1] as usize
    }
}

/// For each token, which row of a small table belongs to it: for instance, which of the noise
/// levels in the batch a token has.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(Arc<[u32]>);

impl Rows {
    /// Takes one row number per token.
    pub fn new(rows: impl IntoIterator<Item = u32>) -> Self {
        Self(rows.into_iter().collect())
    }

    /// Gives every token of segment `i` the row `i`.
    pub fn from_segments(segments: &Segments) -> Self {
        Self::new(segments.ranges().enumerate().flat_map(|(row, range)| range.map(move |_| row as u32)))
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One row number per token.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// The smallest table that has all rows: one more than the highest row number.
    pub fn table_len(&self) -> usize {
        self.0.iter().max().map_or(0, |row| *row as usize + 1)
    }

    /// The row numbers as an index tensor `[N]`.
    pub fn to_tensor(&self, device: &Device) -> Tensor<1, Int> {
        let rows: Vec<i32> = self.0.iter().map(|row| *row as i32).collect();
        Tensor::from_data(TensorData::new(rows, [self.len()]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_lie_one_after_another() {
        let segments = Segments::new([3, 0, 2]);
        assert_eq!(segments.len(), 3);
        assert_eq!(segments.total(), 5);
        assert_eq!(segments.ranges().collect::<Vec<_>>(), [0..3, 3..3, 3..5]);
        assert_eq!(Rows::from_segments(&segments).as_slice(), [0, 0, 0, 2, 2]);
        assert_eq!(Rows::from_segments(&segments).table_len(), 3);
    }

    #[test]
    fn no_segments_hold_no_tokens() {
        let segments = Segments::new([]);
        assert!(segments.is_empty());
        assert_eq!(segments.total(), 0);
        assert_eq!(Rows::from_segments(&segments).table_len(), 0);
    }
}
