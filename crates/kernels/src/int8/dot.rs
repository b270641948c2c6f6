//! Sums of products of 8 bits: how numbers lie side by side for them, which instructions take them, and the portable
//! form.

use std::{array, ops::Range};

use bytemuck::Pod;

use super::conv::{self, Tap};
use super::quantise::quantise;
#[cfg(target_arch = "x86_64")]
use super::x86;
use crate::cpu::{parts, vectorize};

/// Inputs that lie side by side.
pub(super) const GROUP: usize = 4;
/// Outputs of a panel.
pub(super) const LANES: usize = 64;
/// Rows that are summed up together. With a whole panel their sums fill twenty-four registers of 64 bytes, with a quarter of
/// one twelve of 32.
pub(super) const ROWS: usize = 6;

/// One group of a panel.
pub(super) type Weights = [i8; LANES * GROUP];
/// Sums of a row's products with a panel.
pub(super) type Sums = [i32; LANES];

/// How products are summed.
pub(super) trait Dot {
    /// A group of inputs of one row.
    type Group: Pod + Default + Send + Sync;
    /// What a group's numbers are too large by.
    const EXCESS: i32;
    /// Rows of a strip, a multiple of [`ROWS`]: as many as make good use of what is prepared for it.
    const STRIP: usize;

    /// The group that stands for these numbers.
    fn group(numbers: [i8; GROUP]) -> Self::Group;

    /// Sums up the products of a strip.
    ///
    /// # Safety
    /// The processor must have the instructions that the implementation names.
    unsafe fn multiply(strip: Strip<'_, Self::Group>);

    /// Adds what one tap of a convolution sees to its totals.
    ///
    /// # Safety
    /// As for [`Self::multiply`].
    unsafe fn add_tap(tap: Tap<'_>);
}

/// Some rows, a multiple of [`ROWS`], and one panel.
pub(super) struct Strip<'a, G> {
    /// `[rows, groups]`.
    pub(super) rows: &'a [G],
    /// `[groups]`.
    pub(super) panel: &'a [Weights],
    /// What each row's sums begin with.
    pub(super) start: &'a Sums,
    /// What will be multiplied later, which may be fetched from memory in the meantime.
    pub(super) next: &'a [Weights],
    /// `[rows]`, to be written.
    pub(super) sums: &'a mut [Sums],
}

impl<'a, G> Strip<'a, G> {
    /// The groups in so many at a time; none at all are one time.
    #[inline(always)]
    pub(super) fn blocks(&self, groups: usize) -> impl Iterator<Item = Range<usize>> + use<G> {
        let all = self.panel.len();
        parts(all.max(1), groups).map(move |block| block.start..block.end.min(all))
    }

    /// The rows in [`ROWS`] at a time, of which only some groups, with their sums.
    #[inline(always)]
    pub(super) fn tiles(&mut self, groups: Range<usize>) -> impl Iterator<Item = ([&'a [G]; ROWS], &mut [Sums; ROWS])> {
        let (rows, width) = (self.rows, self.panel.len());
        let tile = move |index: usize| array::from_fn(|row| &rows[(index * ROWS + row) * width..][groups.clone()]);
        self.sums.as_chunks_mut().0.iter_mut().enumerate().map(move |(index, sums)| (tile(index), sums))
    }
}

/// Rounds a row, puts it into its form for products, and returns its scale. `numbers` are room for whole groups, with zeros
/// where there is no number.
pub(super) fn put_row<D: Dot>(place: &mut [D::Group], row: &[f32], numbers: &mut [i8]) -> f32 {
    let scale = quantise(row, &mut numbers[..row.len()]);
    vectorize(
        #[inline(always)]
        |_| {
            for (place, group) in place.iter_mut().zip(numbers.as_chunks().0) {
                *place = D::group(*group);
            }
        },
    );
    scale
}

/// Puts an output's numbers, whole groups, into a panel.
pub(super) fn put_lane(panel: &mut [Weights], lane: usize, numbers: &[i8]) {
    for (place, group) in panel.iter_mut().zip(numbers.as_chunks::<GROUP>().0) {
        place.as_chunks_mut().0[lane] = *group;
    }
}

/// For any processor.
pub(super) struct Portable;

impl Dot for Portable {
    type Group = [i8; GROUP];
    const EXCESS: i32 = 0;
    const STRIP: usize = ROWS;

    fn group(numbers: [i8; GROUP]) -> Self::Group {
        numbers
    }

    unsafe fn multiply(mut strip: Strip<'_, Self::Group>) {
        let (panel, start) = (strip.panel, strip.start);
        for (rows, sums) in strip.tiles(0..panel.len()) {
            for (row, sums) in rows.into_iter().zip(sums) {
                *sums = *start;
                for (group, weights) in row.iter().zip(panel) {
                    for (sum, weights) in sums.iter_mut().zip(weights.as_chunks::<GROUP>().0) {
                        for (number, weight) in group.iter().zip(weights) {
                            *sum += i32::from(*number) * i32::from(*weight);
                        }
                    }
                }
            }
        }
    }

    unsafe fn add_tap(tap: Tap<'_>) {
        conv::portable(tap);
    }
}

/// Which instructions sum products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

/// Something to do with whatever instructions there are.
pub(super) trait Work {
    type Output;

    /// Does it.
    ///
    /// # Safety
    /// As for [`Dot::multiply`].
    unsafe fn with<D: Dot>(self) -> Self::Output;
}

impl Instructions {
    /// Slowest first.
    const ALL: &[Self] = &[
        Self::Portable,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Vnni,
    ];

    /// The fastest that this processor has.
    pub(super) fn best() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    /// Does some work with these instructions.
    ///
    /// # Panics  when the processor lacks them
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        assert!(self.is_available(), "this processor has no {self:?}");
        // SAFETY: the processor has been asked.
        unsafe {
            match self {
                Self::Portable => work.with::<Portable>(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => work.with::<x86::Avx2>(),
                #[cfg(target_arch = "x86_64")]
                Self::AvxVnni => work.with::<x86::AvxVnni>(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512Vnni => work.with::<x86::Avx512Vnni>(),
            }
        }
    }

    /// Whether products are multiplied and added at once.
    pub(super) const fn sum_at_once(self) -> bool {
        match self {
            Self::Portable => false,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => false,
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni | Self::Avx512Vnni => true,
        }
    }

    pub(super) fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|instructions| instructions.is_available())
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        use std::arch::is_x86_feature_detected as has;
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => has!("avx2") && has!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => has!("avx2") && has!("fma") && has!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => has!("avx512f") && has!("avx512vnni"),
        }
    }
}
