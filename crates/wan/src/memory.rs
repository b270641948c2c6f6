//! How much memory a part takes, told from its configuration and the headers of its files before any weight is read.
//!
//! These are estimates, a little above what is measured; docs/experiments.md says how near they come.

/// Bytes of a number.
const NUMBER: u64 = size_of::<f32>() as u64;
/// The program itself, with its stacks and tables.
const PROGRAM: u64 = 48 << 20;
/// Freed bytes that an allocator may hold on to for the next tensor. Decoding 17 frames of 256×256 peaks at 1.18 GB with
/// 32 MiB, at 1.20 with 64 and at 1.42 with 256.
pub const KEPT: u64 = 32 << 20;
/// What it may hold besides during a pass of the transformer, whose layers ask for the same dozen blocks in turns, or of
/// the decoder in 8 bits: without it, a pass of 1280 tokens in 8 bits takes a sixth longer, and decoding a ninth.
pub(crate) const KEPT_IN_PASS: u64 = 96 << 20;
/// Numbers from which on a tensor has a block of its own, of a size between two powers of two in quarters.
const SMALLEST_BLOCK: u64 = (64 << 10) / NUMBER;
/// Copies of a tensor while it is read: as it lies in the file, as numbers, and laid out for the kernels.
const READING: u64 = 3;

/// What the weights of a part take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeightMemory {
    /// Numbers that are held.
    held: u64,
    /// Numbers of the largest tensor.
    largest: u64,
}

impl WeightMemory {
    /// Of tensors of these shapes, all of them held.
    pub(crate) fn of<'a>(shapes: impl Iterator<Item = &'a [usize]>) -> Self {
        shapes.map(|shape| shape.iter().map(|side| *side as u64).product()).fold(Self::default(), Self::and)
    }

    /// Of single layers that are read one after another: one is held, besides what is here.
    pub(crate) fn with_one_of(self, layer: Self) -> Self {
        Self { held: self.held + layer.held, largest: self.largest.max(layer.largest) }
    }

    /// The most bytes that are in use while the part computes with so many numbers besides its weights.
    pub(crate) fn peak(self, numbers: u64) -> u64 {
        self.peak_keeping(KEPT, numbers)
    }

    /// The same where an allocator may hold on to so many freed bytes.
    pub(crate) fn peak_keeping(self, kept: u64, numbers: u64) -> u64 {
        let besides = NUMBER * numbers.max(READING * self.largest);
        PROGRAM + NUMBER * self.held + besides + besides.min(kept)
    }

    fn and(self, numbers: u64) -> Self {
        Self { held: self.held + block(numbers), largest: self.largest.max(numbers) }
    }

    /// With matrices `[out, in]` that are held in 8 bits.
    pub(crate) fn with_int8<'a>(self, shapes: impl Iterator<Item = &'a [usize]>) -> Self {
        let rounded = |weights: Self, shape: &[usize]| {
            let numbers = shape.iter().map(|side| *side as u64).product::<u64>();
            // And a scale for each output.
            let held = block(numbers.div_ceil(NUMBER)) + shape.first().map_or(0, |outputs| *outputs as u64);
            Self { held: weights.held + held, largest: weights.largest.max(numbers) }
        };
        shapes.fold(self, rounded)
    }
}

/// Numbers that have room in the block of so many.
fn block(numbers: u64) -> u64 {
    if numbers < SMALLEST_BLOCK { numbers } else { numbers.next_multiple_of((1 << numbers.ilog2()) / 4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_what_is_computed_add_up() {
        let weights = WeightMemory::of([&[1000, 2000][..], &[3, 1 << 20]].into_iter());
        // The first tensor is nearly 8 quarters of 2^20 numbers, the second 6 quarters of 2^21.
        assert_eq!(weights, WeightMemory { held: (2 << 20) + (3 << 20), largest: 3 << 20 });
        assert_eq!([16_383, 16_384, 16_385].map(block), [16_383, 16_384, 20_480]);
        let fixed = PROGRAM + 4 * weights.held;
        // Reading takes more than nothing does, and what is kept grows no further than its limit.
        assert_eq!(weights.peak(0), fixed + 4 * 3 * (3 << 20) + KEPT);
        let small = WeightMemory { held: 0, largest: 1 << 20 };
        assert_eq!(small.peak(0), PROGRAM + 2 * 4 * 3 * (1 << 20));
        assert_eq!(weights.peak(1 << 30), fixed + (4 << 30) + KEPT);
        let int8 = WeightMemory::default().with_int8([&[2, 1 << 22][..]].into_iter());
        assert_eq!(int8, WeightMemory { held: (2 << 20) + 2, largest: 2 << 22 });
        let layer = WeightMemory { held: 10, largest: 7 << 20 };
        assert_eq!(weights.with_one_of(layer), WeightMemory { held: weights.held + 10, largest: 7 << 20 });
    }
}
