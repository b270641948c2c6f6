//! The same with the instructions of x86.

use std::arch::x86_64::*;

use super::super::dot::GROUP;
use super::tap::{OUTPUTS, POSITIONS, Tap, TapWeights};

/// Outputs in a register of 64 bytes, and in one of 32.
const WIDE: usize = 16;
const NARROW: usize = 8;
/// Positions whose sums registers of 32 bytes hold at once.
const ROWS: usize = POSITIONS / 2;

#[target_feature(enable = "avx512f,avx512vnni")]
pub(in super::super) fn add_avx512_vnni(tap: Tap<'_>) {
    for (tile, totals) in tap.totals.iter_mut().enumerate() {
        let mut sums = [[_mm512_setzero_si512(); OUTPUTS / WIDE]; POSITIONS];
        for (weights, words) in tap.weights.iter().zip(tap.words.chunks(tap.stride)) {
            let words: &[i32; POSITIONS] = words[tile * POSITIONS..].first_chunk().expect("a whole tile");
            let weights: &[[i8; WIDE * GROUP]; OUTPUTS / WIDE] = bytemuck::cast_ref(weights);
            // SAFETY: there are 64 bytes, which need not be aligned.
            let weights = weights.each_ref().map(|part| unsafe { _mm512_loadu_si512(part.as_ptr().cast()) });
            for (sums, word) in sums.iter_mut().zip(words) {
                let word = _mm512_set1_epi32(*word);
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_dpbusd_epi32(*sum, word, weights);
                }
            }
        }
        for ((totals, sums), scale) in totals.iter_mut().zip(sums).zip(&tap.scales[tile * POSITIONS..]) {
            let scale = _mm512_set1_ps(*scale);
            for (totals, sum) in totals.as_chunks_mut::<WIDE>().0.iter_mut().zip(sums) {
                let place = totals.as_mut_ptr();
                // SAFETY: there are 64 bytes, which need not be aligned.
                unsafe {
                    let total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, _mm512_loadu_ps(place));
                    _mm512_storeu_ps(place, total);
                }
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,avxvnni")]
pub(in super::super) fn add_avx_vnni(tap: Tap<'_>) {
    const REGISTERS: usize = 3;
    for (index, totals) in tap.totals.as_flattened_mut().as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        for first in (0..OUTPUTS / NARROW).step_by(REGISTERS) {
            let mut sums = [[_mm256_setzero_si256(); REGISTERS]; ROWS];
            for (weights, words) in tap.weights.iter().zip(tap.words.chunks(tap.stride)) {
                let words: &[i32; ROWS] = words[index * ROWS..].first_chunk().expect("half of a tile");
                let mut panel = [_mm256_setzero_si256(); REGISTERS];
                for (register, weight) in panel.iter_mut().enumerate() {
                    *weight = load(weights, first + register);
                }
                for (sums, word) in sums.iter_mut().zip(words) {
                    let word = _mm256_set1_epi32(*word);
                    for (sum, weights) in sums.iter_mut().zip(panel) {
                        *sum = _mm256_dpbusd_avx_epi32(*sum, word, weights);
                    }
                }
            }
            add_scaled(totals, first, sums, &tap.scales[index * ROWS..]);
        }
    }
}

/// Both sides in 16 bits.
#[target_feature(enable = "avx2,fma")]
pub(in super::super) fn add_avx2(tap: Tap<'_>) {
    const REGISTERS: usize = 2;
    let zero = _mm256_setzero_si256();
    // The first two bytes of each four, or the last two, as the upper halves of 16 bits, and as the lower.
    let upper = [
        [-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13],
        [-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15],
    ];
    let lower = upper.map(|bytes: [i8; 16]| std::array::from_fn(|byte| bytes[byte ^ 1]));
    let both = |bytes: [i8; 16]| _mm256_broadcastsi128_si256(bytemuck::cast(bytes));
    let (upper, lower) = (upper.map(both), lower.map(both));
    for (index, totals) in tap.totals.as_flattened_mut().as_chunks_mut::<ROWS>().0.iter_mut().enumerate() {
        for first in (0..OUTPUTS / NARROW).step_by(REGISTERS) {
            let mut sums = [[zero; REGISTERS]; ROWS];
            for (weights, words) in tap.weights.iter().zip(tap.words.chunks(tap.stride)) {
                let words: &[i32; ROWS] = words[index * ROWS..].first_chunk().expect("half of a tile");
                let mut panel = [[zero; 2]; REGISTERS];
                for (register, pairs) in panel.iter_mut().enumerate() {
                    let weights = load(weights, first + register);
                    for (pair, upper) in pairs.iter_mut().zip(upper) {
                        *pair = _mm256_srai_epi16::<8>(_mm256_shuffle_epi8(weights, upper));
                    }
                }
                for (sums, word) in sums.iter_mut().zip(words) {
                    let word = _mm256_set1_epi32(*word);
                    let numbers = lower.map(|lower| _mm256_shuffle_epi8(word, lower));
                    for (sum, pairs) in sums.iter_mut().zip(panel) {
                        for (pair, numbers) in pairs.into_iter().zip(numbers) {
                            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(numbers, pair));
                        }
                    }
                }
            }
            add_scaled(totals, first, sums, &tap.scales[index * ROWS..]);
        }
    }
}

/// One register of a group's weights.
#[inline]
#[target_feature(enable = "avx2")]
fn load(weights: &TapWeights, register: usize) -> __m256i {
    bytemuck::cast(weights.as_chunks::<{ NARROW * GROUP }>().0[register])
}

/// Adds sums to the totals of some registers, the first of them by its number.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_scaled<const REGISTERS: usize>(
    totals: &mut [[f32; OUTPUTS]; ROWS],
    first: usize,
    sums: [[__m256i; REGISTERS]; ROWS],
    scales: &[f32],
) {
    for ((totals, sums), scale) in totals.iter_mut().zip(sums).zip(scales) {
        let scale = _mm256_set1_ps(*scale);
        for (totals, sum) in totals.as_chunks_mut::<NARROW>().0[first..].iter_mut().zip(sums) {
            let total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, bytemuck::cast(*totals));
            *totals = bytemuck::cast(total);
        }
    }
}
