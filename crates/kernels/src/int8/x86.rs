//! The same sums with the instructions of x86.

use std::arch::x86_64::*;

use super::dot::{BLOCK, Dot, GROUP, LANES, ROWS, Strip, Sums, Weights};

/// Both sides in 16 bits.
pub(super) struct Avx2;

impl Dot for Avx2 {
    /// Two numbers of 16 bits in each.
    type Group = [i32; 2];
    const EXCESS: i32 = 0;

    fn group(numbers: [i8; GROUP]) -> Self::Group {
        bytemuck::cast(numbers.map(i16::from))
    }

    unsafe fn add(strip: Strip<'_, Self::Group>) {
        // SAFETY: the caller promises that the processor has AVX2.
        unsafe { add_avx2(strip) }
    }
}

/// Bytes, those of the activations without a sign.
pub(super) struct AvxVnni;

/// The same with wider registers.
pub(super) struct Avx512Vnni;

/// What is added to activations so that they need no sign.
const EXCESS: i32 = 128;

/// Four bytes.
fn without_sign(numbers: [i8; GROUP]) -> i32 {
    bytemuck::cast(numbers.map(|number| (i32::from(number) + EXCESS) as u8))
}

impl Dot for AvxVnni {
    type Group = i32;
    const EXCESS: i32 = EXCESS;

    fn group(numbers: [i8; GROUP]) -> Self::Group {
        without_sign(numbers)
    }

    unsafe fn add(strip: Strip<'_, Self::Group>) {
        // SAFETY: the caller promises that the processor has AVX2 and AVX-VNNI.
        unsafe { add_avx_vnni(strip) }
    }
}

impl Dot for Avx512Vnni {
    type Group = i32;
    const EXCESS: i32 = EXCESS;

    fn group(numbers: [i8; GROUP]) -> Self::Group {
        without_sign(numbers)
    }

    unsafe fn add(strip: Strip<'_, Self::Group>) {
        // SAFETY: the caller promises that the processor has AVX-512 and its VNNI.
        unsafe { add_avx512_vnni(strip) }
    }
}

/// Eight sums.
type Half = [i32; LANES / 2];

#[target_feature(enable = "avx2")]
fn add_avx2(mut strip: Strip<'_, [i32; 2]>) {
    // Widened once for all tiles.
    let mut panel = [[[_mm256_setzero_si256(); 2]; 2]; BLOCK];
    let groups = strip.panel.len();
    for (wide, weights) in panel.iter_mut().zip(strip.panel) {
        *wide = widen(weights);
    }
    for index in 0..strip.tiles() {
        let (tile, sums) = strip.tile(index);
        let mut totals = load(sums);
        for (rows, weights) in tile.iter().zip(&panel[..groups]) {
            for (pair, [left, right]) in weights.iter().enumerate() {
                for row in 0..ROWS {
                    let x = _mm256_set1_epi32(rows[row][pair]);
                    let [first, second] = &mut totals[row];
                    *first = _mm256_add_epi32(*first, _mm256_madd_epi16(x, *left));
                    *second = _mm256_add_epi32(*second, _mm256_madd_epi16(x, *right));
                }
            }
        }
        *sums = store(totals);
    }
}

/// Weights in 16 bits, first those of a group's first two inputs, then those of the last two; each in two halves of
/// the outputs.
#[target_feature(enable = "avx2")]
fn widen(weights: &Weights) -> [[__m256i; 2]; 2] {
    let quarters: [[i8; 16]; 4] = bytemuck::cast(*weights);
    let quarters = quarters.map(|quarter| _mm256_cvtepi8_epi16(bytemuck::cast(quarter)));
    let half = |low: __m256i, high: __m256i| {
        let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
        // Each register's half has kept to itself: outputs 0, 1, 4, 5, and then 2, 3, 6, 7.
        let first = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
        let last = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
        [first, last].map(|pairs| _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs))
    };
    let ([first, last], [next_first, next_last]) = (half(quarters[0], quarters[1]), half(quarters[2], quarters[3]));
    [[first, next_first], [last, next_last]]
}

#[target_feature(enable = "avx2,avxvnni")]
fn add_avx_vnni(mut strip: Strip<'_, i32>) {
    let panel = strip.panel;
    for index in 0..strip.tiles() {
        let (tile, sums) = strip.tile(index);
        let mut totals = load(sums);
        for (rows, weights) in tile.iter().zip(panel) {
            let weights: [__m256i; 2] = bytemuck::cast(*weights);
            for row in 0..ROWS {
                let x = _mm256_set1_epi32(rows[row]);
                let [first, second] = &mut totals[row];
                *first = _mm256_dpbusd_avx_epi32(*first, x, weights[0]);
                *second = _mm256_dpbusd_avx_epi32(*second, x, weights[1]);
            }
        }
        *sums = store(totals);
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn add_avx512_vnni(mut strip: Strip<'_, i32>) {
    let panel = strip.panel;
    for index in 0..strip.tiles() {
        let (tile, sums) = strip.tile(index);
        // Two sums for each, taken in turns: one alone would wait for itself. Which one is known here, so that all stay in
        // registers.
        let mut totals = [[_mm512_setzero_si512(); 2]; ROWS];
        let (pairs, last) = tile.as_chunks::<2>();
        let (weight_pairs, last_weights) = panel.as_chunks::<2>();
        for (rows, weights) in pairs.iter().zip(weight_pairs) {
            for turn in 0..2 {
                add_step(&mut totals, turn, &rows[turn], &weights[turn]);
            }
        }
        for (rows, weights) in last.iter().zip(last_weights) {
            add_step(&mut totals, 0, rows, weights);
        }
        for (sums, [even, odd]) in sums.iter_mut().zip(totals) {
            let place = sums.as_mut_ptr();
            // SAFETY: there are 64 bytes, which need not be aligned.
            unsafe {
                let before = _mm512_loadu_si512(place.cast());
                let after = _mm512_add_epi32(before, _mm512_add_epi32(even, odd));
                _mm512_storeu_si512(place.cast(), after);
            }
        }
    }
}

/// Adds the products of one group to those sums whose turn it is.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_step(totals: &mut [[__m512i; 2]; ROWS], turn: usize, rows: &[i32; ROWS], weights: &Weights) {
    // SAFETY: there are 64 bytes, which need not be aligned.
    let weights = unsafe { _mm512_loadu_si512(weights.as_ptr().cast()) };
    for (total, row) in totals.iter_mut().zip(rows) {
        total[turn] = _mm512_dpbusd_epi32(total[turn], _mm512_set1_epi32(*row), weights);
    }
}

fn load(sums: &[Sums; ROWS]) -> [[__m256i; 2]; ROWS] {
    sums.map(|sums| bytemuck::cast::<Sums, [Half; 2]>(sums).map(bytemuck::cast))
}

fn store(totals: [[__m256i; 2]; ROWS]) -> [Sums; ROWS] {
    totals.map(|halves| bytemuck::cast(halves.map(bytemuck::cast::<_, Half>)))
}
