//! How clips of different lengths share one sequence of tokens.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::cpu;

/// Rooms are multiples of it, so that products of few shapes are met, each of which a GPU must be tuned for.
const ROOM: usize = 16;
/// Copies of a row that are summed up in one step.
const COPIES: usize = 128;
/// More runs than this are not worth an operation each.
const MOST_RUNS: usize = 64;

/// Clips packed one after another in a token sequence: offsets `[0, n1, n1+n2, …]`.
///
/// Cheap to clone. A segment may be empty. Behind a segment there may be room that no token fills; nothing attends to
/// what lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    offsets: Arc<[u32]>,
    lengths: Arc<[u32]>,
    /// How many equal tokens the last one of each segment stands for; 1 where nothing is said.
    repeats: Option<Arc<[u32]>>,
}

impl Segments {
    /// Lays out segments of the given lengths one after another.
    ///
    /// # Panics
    /// When the total exceeds `u32::MAX` tokens.
    pub fn new(lengths: impl IntoIterator<Item = usize>) -> Self {
        Self::with_rooms(lengths.into_iter().map(|length| (length, length)))
    }

    /// Gives segments of the given lengths the room that the device does its products in fastest: none to spare where
    /// fused forms run; else as much for each as the longest needs, so that all go through one batched product.
    ///
    /// # Panics
    /// When the total exceeds `u32::MAX` tokens.
    pub fn suited_to(device: &Device, lengths: &[usize]) -> Self {
        if cpu::is_cpu(device) {
            return Self::new(lengths.iter().copied());
        }
        let longest = lengths.iter().copied().max().unwrap_or(0);
        Self::padded(longest.next_multiple_of(ROOM), lengths.iter().copied())
    }

    /// Gives each segment the same room.
    ///
    /// # Panics
    /// When a segment is longer than the room, or the total exceeds `u32::MAX` tokens.
    pub fn padded(room: usize, lengths: impl IntoIterator<Item = usize>) -> Self {
        Self::with_rooms(lengths.into_iter().map(|length| {
            assert!(length <= room, "a segment of {length} tokens does not fit a room of {room}");
            (length, room)
        }))
    }

    fn with_rooms(segments: impl Iterator<Item = (usize, usize)>) -> Self {
        let (mut offsets, mut lengths, mut end) = (vec![0], Vec::new(), 0usize);
        for (length, room) in segments {
            end += room;
            offsets
                .push(u32::try_from(end).expect("a packed sequence holds at most u32::MAX tokens; pack fewer clips"));
            lengths.push(length as u32);
        }
        Self { offsets: offsets.into(), lengths: lengths.into(), repeats: None }
    }

    /// Lets the last token of each segment stand for so many equal ones, when they are attended to: what a prompt is filled
    /// up with needs to be there once.
    ///
    /// # Panics
    /// When there is not one number for each segment, or one is 0.
    #[must_use]
    pub fn with_last_repeated(self, times: impl IntoIterator<Item = u32>) -> Self {
        let times: Arc<[u32]> = times.into_iter().collect();
        assert_eq!(times.len(), self.len(), "each segment needs to be told how often its last token counts");
        assert!(!times.contains(&0), "the last token of a segment counts once at least");
        Self { repeats: Some(times).filter(|times| times.iter().any(|times| *times > 1)), ..self }
    }

    /// How many equal tokens the last one of segment `index` stands for.
    ///
    /// # Panics
    /// When `index` is not below [`Segments::len`].
    pub fn repeats_of_last(&self, index: usize) -> u32 {
        self.repeats.as_ref().map_or(1, |times| times[index])
    }

    /// Whether any token stands for more than one.
    pub const fn has_repeats(&self) -> bool {
        self.repeats.is_some()
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
        let start = self.offsets[index] as usize;
        start..start + self.lengths[index] as usize
    }

    /// How many tokens segment `index` has room for.
    ///
    /// # Panics
    /// When `index` is not below [`Segments::len`].
    pub fn room(&self, index: usize) -> usize {
        (self.offsets[index + 1] - self.offsets[index]) as usize
    }

    /// Whether each segment fills its room.
    pub fn is_tight(&self) -> bool {
        (0..self.len()).all(|index| self.room(index) == self.length(index))
    }

    /// How many tokens segment `index` holds.
    pub fn length(&self, index: usize) -> usize {
        self.range(index).len()
    }

    /// All segments in order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        (0..self.len()).map(|index| self.range(index))
    }

    /// How many tokens there are in all, those that only fill room included.
    pub fn total(&self) -> usize {
        self.offsets[self.offsets.len() - 1] as usize
    }

    /// Mean of each segment's tokens; zeros where there are none.
    ///
    /// # Shapes  `[N, D]` → `[segments, D]`
    /// # Panics  when there is not one row for each token
    pub fn mean(&self, tokens: Tensor<2>) -> Tensor<2> {
        let [rows, width] = tokens.dims();
        assert_eq!(rows, self.total(), "the segments hold {} tokens, but {rows} came", self.total());
        let (segments, device) = (self.len(), tokens.device());
        let shares = |index: usize| (self.range(index), 1.0 / self.length(index).max(1) as f32);
        let room = if segments == 0 { 0 } else { self.room(0) };
        if room > 0 && (1..segments).all(|index| self.room(index) == room) {
            let mut weights = vec![0.0; rows];
            (0..segments).map(shares).for_each(|(range, share)| weights[range].fill(share));
            let weights = Tensor::<3>::from_data(TensorData::new(weights, [segments, room, 1]), &device);
            return (tokens.reshape([segments, room, width]) * weights).sum_dim(1).reshape([segments, width]);
        }
        let mut weights = vec![0.0; segments * rows];
        for (index, (range, share)) in (0..segments).map(shares).enumerate() {
            weights[index * rows..][range].fill(share);
        }
        Tensor::<2>::from_data(TensorData::new(weights, [segments, rows]), &device).matmul(tokens)
    }
}

/// For each token, which row of a small table belongs to it: for instance, which of the noise
/// levels in the batch a token has.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows(Arc<[u32]>);

/// Rows one after another, each for as many tokens.
struct Run {
    first_row: usize,
    rows: usize,
    tokens: usize,
}

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

    /// Gives every token its row of a table.
    ///
    /// Few runs of equal length, as packed clips have them, are spread by repetition: where rows are picked by number, burn
    /// adds up their gradients one token after another.
    ///
    /// # Shapes  `[L, D]` → `[N, D]`
    /// # Panics  when a row is not below L
    pub fn spread(&self, table: Tensor<2>) -> Tensor<2> {
        let runs = self.runs();
        if runs.is_empty() || runs.len() > MOST_RUNS {
            let rows: Vec<i32> = self.0.iter().map(|row| *row as i32).collect();
            let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [self.len()]), &table.device());
            return table.select(0, rows);
        }
        let repeated = runs
            .into_iter()
            .map(|Run { first_row, rows, tokens }| repeat_rows(table.clone().narrow(0, first_row, rows), tokens));
        Tensor::cat(repeated.collect(), 0)
    }

    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for equal in self.0.chunk_by(|row, next| row == next) {
            let (row, tokens) = (equal[0] as usize, equal.len());
            match runs.last_mut() {
                Some(run) if run.first_row + run.rows == row && run.tokens == tokens => run.rows += 1,
                _ => runs.push(Run { first_row: row, rows: 1, tokens }),
            }
        }
        runs
    }
}

/// Repeats each row so many times, one row after another.
///
/// The gradient of a row is a sum over its copies. A GPU takes it with a thread for each column only, so that many copies
/// are made in two steps, and summed up in two.
///
/// # Shapes  `[R, D]` → `[R·times, D]`
pub(crate) fn repeat_rows(table: Tensor<2>, times: usize) -> Tensor<2> {
    let [rows, width] = table.dims();
    let table: Tensor<3> = table.reshape([rows, 1, width]);
    if times <= COPIES {
        return table.expand([rows, times, width]).reshape([rows * times, width]);
    }
    let groups = times.div_ceil(COPIES);
    let grouped: Tensor<4> = table.expand([rows, groups, width]).reshape([rows, groups, 1, width]);
    let copies: Tensor<3> = grouped.expand([rows, groups, COPIES, width]).reshape([rows, groups * COPIES, width]);
    copies.narrow(1, 0, times).reshape([rows * times, width])
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
    fn room_holds_no_tokens() {
        let segments = Segments::padded(4, [3, 0, 4]);
        assert_eq!((segments.total(), segments.room(1), segments.is_tight()), (12, 4, false));
        assert_eq!(segments.ranges().collect::<Vec<_>>(), [0..3, 4..4, 8..12]);
        assert!(Segments::suited_to(&Device::flex(), &[3, 1]).is_tight());
    }

    #[test]
    fn means_leave_room_out() {
        let values = |rows: &[f32]| -> Tensor<2> {
            Tensor::from_data(TensorData::new(rows.to_vec(), [rows.len(), 1]), &Device::flex())
        };
        let means = |segments: Segments, rows: &[f32]| -> Vec<f32> {
            segments.mean(values(rows)).into_data().try_to_vec().unwrap()
        };
        assert_eq!(means(Segments::new([2, 0, 1]), &[1.0, 3.0, 5.0]), [2.0, 0.0, 5.0]);
        assert_eq!(means(Segments::padded(2, [2, 0, 1]), &[1.0, 3.0, 9.0, 9.0, 5.0, 9.0]), [2.0, 0.0, 5.0]);
    }

    #[test]
    fn spread_rows_are_picked_rows() {
        let table: Tensor<2> = Tensor::from_data([[0.0], [1.0], [2.0], [3.0]], &Device::flex());
        let spread = |rows: &[u32]| -> Vec<f32> {
            Rows::new(rows.iter().copied()).spread(table.clone()).into_data().try_to_vec().unwrap()
        };
        let long = [[1; COPIES + 3], [2; COPIES + 3]].concat();
        for rows in [vec![0, 0, 1, 1, 2, 3, 1, 1, 1, 2, 2, 2], vec![3], vec![], [2, 0].repeat(MOST_RUNS), long] {
            assert_eq!(spread(&rows), rows.iter().map(|row| *row as f32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_segments_hold_no_tokens() {
        let segments = Segments::new([]);
        assert!(segments.is_empty());
        assert_eq!(segments.total(), 0);
        assert_eq!(Rows::from_segments(&segments).table_len(), 0);
    }
}
