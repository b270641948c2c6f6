//! The frames that a convolution sees: some zeros, those before the block, the block, and zeros again.

/// A block `[B, T, H, W, C]` laid flat, and what stands around it in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frames<'a> {
    /// Frames of zeros in front of all others; as many as needed stand behind them.
    pub(super) zeros: usize,
    /// Frames of each sample before the block, `[B, _, H, W, C]`.
    pub(super) past: &'a [f32],
    pub(super) num_past: usize,
    /// The block.
    pub(super) x: &'a [f32],
    pub(super) num_x: usize,
    /// Values of a frame.
    pub(super) len: usize,
}

impl<'a> Frames<'a> {
    /// A block behind frames of zeros.
    pub(super) const fn behind_zeros(zeros: usize, x: &'a [f32], num_x: usize, len: usize) -> Self {
        Self { zeros, past: &[], num_past: 0, x, num_x, len }
    }

    /// A frame of a sample, none where it is all zeros.
    pub(super) fn get(&self, sample: usize, index: usize) -> Option<&'a [f32]> {
        let index = index.checked_sub(self.zeros)?;
        let (values, count, index) = match index.checked_sub(self.num_past) {
            None => (self.past, self.num_past, index),
            Some(index) => (self.x, self.num_x, index),
        };
        (index < count).then(|| &values[(sample * count + index) * self.len..][..self.len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_is_where_it_belongs() {
        // Two samples, frames of one value.
        let (past, x) = ([1.0, 11.0], [2.0, 3.0, 12.0, 13.0]);
        let frames = Frames { zeros: 1, past: &past, num_past: 1, x: &x, num_x: 2, len: 1 };
        let row = |sample| (0..5).map(|index| frames.get(sample, index).map(|frame| frame[0])).collect::<Vec<_>>();
        assert_eq!(row(0), [None, Some(1.0), Some(2.0), Some(3.0), None]);
        assert_eq!(row(1), [None, Some(11.0), Some(12.0), Some(13.0), None]);
    }
}
