//! The same sums with the instructions of x86.

use std::arch::x86_64::*;
use std::array;

use super::conv::{self, Tap};
use super::dot::{Dot, GROUP, LANES, ROWS, Strip, Sums, Weights};
use crate::cpu::parts;

/// Both sides in 16 bits.
pub(super) struct Avx2;

impl Dot for Avx2 {
    /// Two numbers of 16 bits in each.
    type Group = [i32; 2];
    const EXCESS: i32 = 0;
    const STRIP: usize = MANY;

    #[inline(always)]
    fn group(numbers: [i8; GROUP]) -> Self::Group {
        bytemuck::cast(numbers.map(i16::from))
    }

    unsafe fn multiply(strip: Strip<'_, Self::Group>) {
        // SAFETY: the caller promises that the processor has AVX2.
        unsafe { multiply_avx2(strip) }
    }

    unsafe fn add_tap(tap: Tap<'_>) {
        // SAFETY: the caller promises that the processor has AVX2 and FMA.
        unsafe { conv::add_avx2(tap) }
    }
}

/// Bytes, those of the activations without a sign.
pub(super) struct AvxVnni;

/// The same with wider registers.
pub(super) struct Avx512Vnni;

/// What is added to activations so that they need no sign.
const EXCESS: i32 = 128;

/// Four bytes.
#[inline(always)]
fn without_sign(numbers: [i8; GROUP]) -> i32 {
    bytemuck::cast::<_, i32>(numbers) ^ i32::from_ne_bytes([EXCESS as u8; GROUP])
}

impl Dot for AvxVnni {
    type Group = i32;
    const EXCESS: i32 = EXCESS;
    const STRIP: usize = MANY;

    #[inline(always)]
    fn group(numbers: [i8; GROUP]) -> Self::Group {
        without_sign(numbers)
    }

    unsafe fn multiply(strip: Strip<'_, Self::Group>) {
        // SAFETY: the caller promises that the processor has AVX2 and AVX-VNNI.
        unsafe { multiply_avx_vnni(strip) }
    }

    unsafe fn add_tap(tap: Tap<'_>) {
        // SAFETY: the caller promises that the processor has AVX2, FMA and AVX-VNNI.
        unsafe { conv::add_avx_vnni(tap) }
    }
}

impl Dot for Avx512Vnni {
    type Group = i32;
    const EXCESS: i32 = EXCESS;
    const STRIP: usize = ROWS;

    #[inline(always)]
    fn group(numbers: [i8; GROUP]) -> Self::Group {
        without_sign(numbers)
    }

    unsafe fn multiply(strip: Strip<'_, Self::Group>) {
        // SAFETY: the caller promises that the processor has AVX-512 and its VNNI.
        unsafe { multiply_avx512_vnni(strip) }
    }

    unsafe fn add_tap(tap: Tap<'_>) {
        // SAFETY: the caller promises that the processor has AVX-512 and its VNNI.
        unsafe { conv::add_avx512_vnni(tap) }
    }
}

/// Rows of a strip where a part of the panel is kept in the fastest cache for all of them.
const MANY: usize = 72 * ROWS;
/// Groups of that part: with the rows' own they nearly fill the cache, a quarter of the panel widened.
const BLOCK: usize = 192;

/// A quarter of a panel's outputs, or of their sums.
const QUARTER: usize = LANES / 4;
/// The weights of a quarter of a panel.
type QuarterWeights = [i8; QUARTER * GROUP];
/// Sums in two registers of 32 bytes.
type QuarterSums = [__m256i; 2];

/// One quarter of a group's weights.
#[inline(always)]
fn quarter_weights(weights: &Weights, quarter: usize) -> &QuarterWeights {
    &weights.as_chunks().0[quarter]
}

#[target_feature(enable = "avx2")]
fn multiply_avx2(mut strip: Strip<'_, [i32; 2]>) {
    let start = strip.start;
    for groups in strip.blocks(BLOCK) {
        for quarter in 0..4 {
            // Widened once for all rows.
            let mut panel = [[[_mm256_setzero_si256(); 2]; 2]; BLOCK];
            for (wide, weights) in panel.iter_mut().zip(&strip.panel[groups.clone()]) {
                *wide = widen(quarter_weights(weights, quarter));
            }
            for (rows, sums) in strip.tiles(groups.clone()) {
                let mut totals = if groups.start == 0 {
                    [load(start, quarter); ROWS]
                } else {
                    sums.each_ref().map(|sums| load(sums, quarter))
                };
                for (group, weights) in panel[..groups.len()].iter().enumerate() {
                    for (pair, [left, right]) in weights.iter().enumerate() {
                        for row in 0..ROWS {
                            let x = _mm256_set1_epi32(rows[row][group][pair]);
                            let [first, second] = &mut totals[row];
                            *first = _mm256_add_epi32(*first, _mm256_madd_epi16(x, *left));
                            *second = _mm256_add_epi32(*second, _mm256_madd_epi16(x, *right));
                        }
                    }
                }
                store(sums, quarter, totals);
            }
        }
    }
}

/// Weights in 16 bits, first those of a group's first two inputs, then those of the last two; each in two parts of the
/// outputs.
#[target_feature(enable = "avx2")]
fn widen(weights: &QuarterWeights) -> [[__m256i; 2]; 2] {
    let parts: [[i8; 16]; 4] = bytemuck::cast(*weights);
    let parts = parts.map(|part| _mm256_cvtepi8_epi16(bytemuck::cast(part)));
    let part = |low: __m256i, high: __m256i| {
        let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
        // Each register's half has kept to itself: outputs 0, 1, 4, 5, and then 2, 3, 6, 7.
        let first = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
        let last = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
        [first, last].map(|pairs| _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs))
    };
    let ([first, last], [next_first, next_last]) = (part(parts[0], parts[1]), part(parts[2], parts[3]));
    [[first, next_first], [last, next_last]]
}

#[target_feature(enable = "avx2,avxvnni")]
fn multiply_avx_vnni(mut strip: Strip<'_, i32>) {
    let start = strip.start;
    for groups in strip.blocks(BLOCK) {
        let panel = &strip.panel[groups.clone()];
        for quarter in 0..4 {
            for (rows, sums) in strip.tiles(groups.clone()) {
                let rows = rows.map(|row| &row[..panel.len()]);
                let mut totals = if groups.start == 0 {
                    [load(start, quarter); ROWS]
                } else {
                    sums.each_ref().map(|sums| load(sums, quarter))
                };
                for (group, weights) in panel.iter().enumerate() {
                    let weights: [__m256i; 2] = bytemuck::cast(*quarter_weights(weights, quarter));
                    for row in 0..ROWS {
                        let x = _mm256_set1_epi32(rows[row][group]);
                        let [first, second] = &mut totals[row];
                        *first = _mm256_dpbusd_avx_epi32(*first, x, weights[0]);
                        *second = _mm256_dpbusd_avx_epi32(*second, x, weights[1]);
                    }
                }
                store(sums, quarter, totals);
            }
        }
    }
}

/// A row's group that was spread serves four registers, a weight that was loaded six rows, and no sum waits for the one
/// before it or is written before it is whole. All products that the processor can start are started; the panel comes from
/// the second cache fast enough.
#[target_feature(enable = "avx512f,avx512vnni")]
fn multiply_avx512_vnni(mut strip: Strip<'_, i32>) {
    let panel = strip.panel;
    let start: [__m512i; 4] = bytemuck::cast(*strip.start);
    // One line of what comes next after another, evenly spread over all groups: few can be on their way at a time.
    let mut next = strip.next.as_flattened().as_chunks().0.iter();
    let step = (strip.sums.len() / ROWS * panel.len()).div_ceil(next.len().max(1)).max(1);
    for (rows, sums) in strip.tiles(0..panel.len()) {
        assert!(rows.iter().all(|row| row.len() == panel.len()));
        let mut totals = [start; ROWS];
        for groups in parts(panel.len(), step) {
            if let Some(line) = next.next() {
                let line: &QuarterWeights = line;
                _mm_prefetch::<_MM_HINT_T1>(line.as_ptr());
            }
            for group in groups {
                let weights: [_; 4] = array::from_fn(|quarter| {
                    let weights = quarter_weights(&panel[group], quarter);
                    // SAFETY: there are 64 bytes, which need not be aligned.
                    unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) }
                });
                for (totals, row) in totals.iter_mut().zip(rows) {
                    // SAFETY: there are as many groups in a row as in the panel.
                    let x = _mm512_set1_epi32(*unsafe { row.get_unchecked(group) });
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total = _mm512_dpbusd_epi32(*total, x, weights);
                    }
                }
            }
        }
        *sums = bytemuck::cast(totals);
    }
}

fn load(sums: &Sums, quarter: usize) -> QuarterSums {
    bytemuck::cast::<[i32; QUARTER], _>(sums.as_chunks().0[quarter])
}

fn store(sums: &mut [Sums; ROWS], quarter: usize, totals: [QuarterSums; ROWS]) {
    for (sums, totals) in sums.iter_mut().zip(totals) {
        sums.as_chunks_mut().0[quarter] = bytemuck::cast::<_, [i32; QUARTER]>(totals);
    }
}
