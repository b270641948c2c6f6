//! Sums of products of 8 bits: how numbers lie side by side for them, which instructions take them, and the portable
//! form.

use std::ops::Range;

use bytemuck::Pod;

use super::conv::{self, Tap};
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Inputs that lie side by side.
pub(super) const GROUP: usize = 4;
/// Outputs of a panel.
pub(super) const LANES: usize = 32;
/// Rows of a tile. With half of a panel they fill sixteen registers of 32 bytes with sums, and two tiles with a whole
/// panel thirty-two of 64.
pub(super) const ROWS: usize = 6;
/// Groups that a strip sums at once: panel and tiles then nearly fill the fastest cache, with half of the panel widened.
pub(super) const BLOCK: usize = 192;

/// The groups of a tile's rows for one step, and their weights.
pub(super) type Weights = [i8; LANES * GROUP];
/// Sums of a row's products with a panel.
pub(super) type Sums = [i32; LANES];

/// How products are summed.
pub(super) trait Dot {
    /// A group of inputs of one row.
    type Group: Pod + Default + Send + Sync;
    /// What a group's numbers are too large by.
    const EXCESS: i32;

    /// The group that stands for these numbers.
    fn group(numbers: [i8; GROUP]) -> Self::Group;

    /// Adds the products of a strip to its sums.
    ///
    /// # Safety
    /// The processor must have the instructions that the implementation names.
    unsafe fn add(strip: Strip<'_, Self::Group>);

    /// Adds what one tap of a convolution sees to its totals.
    ///
    /// # Safety
    /// As for [`Self::add`].
    unsafe fn add_tap(tap: Tap<'_>);
}

/// Some rows and one panel, over some of the inputs.
pub(super) struct Strip<'a, G> {
    /// `[tiles, groups of the layer, ROWS]`.
    pub(super) activations: &'a [G],
    /// Groups of the layer.
    pub(super) groups: usize,
    /// Which of them.
    pub(super) range: Range<usize>,
    /// The same groups of the panel, at most [`BLOCK`].
    pub(super) panel: &'a [Weights],
    /// What will be multiplied after it, which may be fetched from memory in the meantime.
    pub(super) next: &'a [Weights],
    /// `[tiles, ROWS]`.
    pub(super) sums: &'a mut [Sums],
}

impl<'a, G> Strip<'a, G> {
    /// Number of tiles.
    #[inline(always)]
    pub(super) fn tiles(&self) -> usize {
        self.sums.len() / ROWS
    }

    /// The groups of one tile.
    #[inline(always)]
    pub(super) fn tile(&self, index: usize) -> &'a [[G; ROWS]] {
        let tile = &self.activations[index * self.groups * ROWS..][..self.groups * ROWS];
        &tile.as_chunks().0[self.range.clone()]
    }

    /// The groups of one tile, and its sums.
    #[inline(always)]
    pub(super) fn tile_and_sums(&mut self, index: usize) -> (&'a [[G; ROWS]], &mut [Sums; ROWS]) {
        (self.tile(index), &mut self.sums.as_chunks_mut().0[index])
    }
}

/// Adds the products of rows and one panel to their sums, block by block.
///
/// # Shapes  activations `[tiles, groups, ROWS]`, panel `[groups]`, sums `[tiles · ROWS]`
/// # Safety
/// As for [`Dot::add`].
pub(super) unsafe fn add<D: Dot>(activations: &[D::Group], panel: &[Weights], sums: &mut [Sums]) {
    let groups = panel.len();
    for start in (0..groups).step_by(BLOCK) {
        let range = start..groups.min(start + BLOCK);
        let strip = Strip { activations, groups, panel: &panel[range.clone()], range, next: &[], sums: &mut *sums };
        // SAFETY: by the caller's promise.
        unsafe { D::add(strip) };
    }
}

/// Puts a row's numbers, whole groups, into a tile of `[groups, ROWS]`.
pub(super) fn put_row<D: Dot>(tile: &mut [D::Group], row: usize, numbers: &[i8]) {
    for (place, group) in tile.as_chunks_mut::<ROWS>().0.iter_mut().zip(numbers.as_chunks().0) {
        place[row] = D::group(*group);
    }
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

    fn group(numbers: [i8; GROUP]) -> Self::Group {
        numbers
    }

    unsafe fn add(mut strip: Strip<'_, Self::Group>) {
        let panel = strip.panel;
        for index in 0..strip.tiles() {
            let (tile, sums) = strip.tile_and_sums(index);
            for (groups, weights) in tile.iter().zip(panel) {
                for (group, sums) in groups.iter().zip(&mut *sums) {
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
    /// As for [`Dot::add`].
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
