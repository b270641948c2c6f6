//! What one tap of a convolution adds to a line of outputs, and the portable form.

use super::super::dot::GROUP;

/// Outputs of a panel.
pub(in super::super) const OUTPUTS: usize = 48;
/// Positions of a tile. With a panel they fill twenty-four registers of 64 bytes with sums.
pub(in super::super) const POSITIONS: usize = 8;

/// A panel's weights of a group of inputs.
pub(in super::super) type TapWeights = [i8; OUTPUTS * GROUP];
/// What a tile's outputs of a panel come to, but for the scales of the weights.
pub(in super::super) type Totals = [[f32; OUTPUTS]; POSITIONS];

/// A line of tiles, and what one tap sees of a frame.
pub(in super::super) struct Tap<'a> {
    /// The line that the tap sees, from the column that its first output sees: group after group, a stride apart. A word
    /// is four numbers without a sign.
    pub(in super::super) words: &'a [i32],
    pub(in super::super) stride: usize,
    /// What the numbers of each column are multiplied by.
    pub(in super::super) scales: &'a [f32],
    /// One for each group.
    pub(in super::super) weights: &'a [TapWeights],
    /// The tiles of the line.
    pub(in super::super) totals: &'a mut [Totals],
}

/// For any processor.
pub(in super::super) fn portable(tap: Tap<'_>) {
    for (column, totals) in tap.totals.as_flattened_mut().iter_mut().enumerate() {
        let mut sums = [0i32; OUTPUTS];
        for (weights, words) in tap.weights.iter().zip(tap.words.chunks(tap.stride)) {
            let numbers: [u8; GROUP] = bytemuck::cast(words[column]);
            for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<GROUP>().0) {
                for (number, weight) in numbers.iter().zip(weights) {
                    *sum += i32::from(*number) * i32::from(*weight);
                }
            }
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += sum as f32 * tap.scales[column];
        }
    }
}
