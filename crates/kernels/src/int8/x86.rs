//! The same sums with the instructions of x86.

use std::arch::x86_64::*;

use super::conv::{self, Tap};
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

    unsafe fn add_tap(tap: Tap<'_>) {
        // SAFETY: the caller promises that the processor has AVX2, FMA and AVX-VNNI.
        unsafe { conv::add_avx_vnni(tap) }
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

    unsafe fn add_tap(tap: Tap<'_>) {
        // SAFETY: the caller promises that the processor has AVX-512 and its VNNI.
        unsafe { conv::add_avx512_vnni(tap) }
    }
}

/// Half of a panel's outputs, or of their sums.
const HALF: usize = LANES / 2;
/// The weights of half a panel.
type HalfWeights = [i8; HALF * GROUP];
/// Sums in two registers of 32 bytes.
type HalfSums = [__m256i; 2];

/// One half of a group's weights.
#[inline(always)]
fn half_weights(weights: &Weights, half: usize) -> &HalfWeights {
    &weights.as_chunks().0[half]
}

#[target_feature(enable = "avx2")]
fn add_avx2(mut strip: Strip<'_, [i32; 2]>) {
    let groups = strip.panel.len();
    for half in 0..2 {
        // Widened once for all tiles.
        let mut panel = [[[_mm256_setzero_si256(); 2]; 2]; BLOCK];
        for (wide, weights) in panel.iter_mut().zip(strip.panel) {
            *wide = widen(half_weights(weights, half));
        }
        for index in 0..strip.tiles() {
            let (tile, sums) = strip.tile_and_sums(index);
            let mut totals = load(sums, half);
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
            store(sums, half, totals);
        }
    }
}

/// Weights in 16 bits, first those of a group's first two inputs, then those of the last two; each in two parts of the
/// outputs.
#[target_feature(enable = "avx2")]
fn widen(weights: &HalfWeights) -> [[__m256i; 2]; 2] {
    let quarters: [[i8; 16]; 4] = bytemuck::cast(*weights);
    let quarters = quarters.map(|quarter| _mm256_cvtepi8_epi16(bytemuck::cast(quarter)));
    let part = |low: __m256i, high: __m256i| {
        let (low, high) = (_mm256_castsi256_ps(low), _mm256_castsi256_ps(high));
        // Each register's half has kept to itself: outputs 0, 1, 4, 5, and then 2, 3, 6, 7.
        let first = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
        let last = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
        [first, last].map(|pairs| _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs))
    };
    let ([first, last], [next_first, next_last]) = (part(quarters[0], quarters[1]), part(quarters[2], quarters[3]));
    [[first, next_first], [last, next_last]]
}

#[target_feature(enable = "avx2,avxvnni")]
fn add_avx_vnni(mut strip: Strip<'_, i32>) {
    let panel = strip.panel;
    for half in 0..2 {
        for index in 0..strip.tiles() {
            let (tile, sums) = strip.tile_and_sums(index);
            let mut totals = load(sums, half);
            for (rows, weights) in tile.iter().zip(panel) {
                let weights: [__m256i; 2] = bytemuck::cast(*half_weights(weights, half));
                for row in 0..ROWS {
                    let x = _mm256_set1_epi32(rows[row]);
                    let [first, second] = &mut totals[row];
                    *first = _mm256_dpbusd_avx_epi32(*first, x, weights[0]);
                    *second = _mm256_dpbusd_avx_epi32(*second, x, weights[1]);
                }
            }
            store(sums, half, totals);
        }
    }
}

/// Two tiles at once: a weight that was loaded serves twelve rows, a row's group that was spread serves two registers,
/// and no sum waits for the one before it. All products that the processor can start are started.
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_avx512_vnni(strip: Strip<'_, i32>) {
    let pairs = strip.tiles() / 2;
    let share = strip.next.len().div_ceil(pairs.max(1));
    for index in 0..pairs {
        for weights in strip.next.iter().skip(index * share).take(share) {
            for half in 0..2 {
                _mm_prefetch::<_MM_HINT_T1>(half_weights(weights, half).as_ptr());
            }
        }
        let tiles = [strip.tile(2 * index), strip.tile(2 * index + 1)];
        add_tiles(tiles, strip.panel, &mut strip.sums[2 * index * ROWS..][..2 * ROWS]);
    }
    if strip.tiles() % 2 == 1 {
        add_tiles([strip.tile(2 * pairs)], strip.panel, &mut strip.sums[2 * pairs * ROWS..]);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_tiles<const TILES: usize>(tiles: [&[[i32; ROWS]]; TILES], panel: &[Weights], sums: &mut [Sums]) {
    let tiles = tiles.map(|tile| &tile[..panel.len()]);
    let mut totals = [[[_mm512_setzero_si512(); 2]; ROWS]; TILES];
    for (group, weights) in panel.iter().enumerate() {
        let weights: &[HalfWeights; 2] = bytemuck::cast_ref(weights);
        // SAFETY: there are 64 bytes, which need not be aligned.
        let weights = weights.each_ref().map(|half| unsafe { _mm512_loadu_si512(half.as_ptr().cast()) });
        for (totals, tile) in totals.iter_mut().zip(tiles) {
            for (totals, x) in totals.iter_mut().zip(&tile[group]) {
                let x = _mm512_set1_epi32(*x);
                totals[0] = _mm512_dpbusd_epi32(totals[0], x, weights[0]);
                totals[1] = _mm512_dpbusd_epi32(totals[1], x, weights[1]);
            }
        }
    }
    for (sums, totals) in sums.iter_mut().zip(totals.as_flattened()) {
        for (sums, total) in sums.as_chunks_mut::<HALF>().0.iter_mut().zip(totals) {
            let place = sums.as_mut_ptr();
            // SAFETY: there are 64 bytes, which need not be aligned.
            unsafe { _mm512_storeu_si512(place.cast(), _mm512_add_epi32(_mm512_loadu_si512(place.cast()), *total)) };
        }
    }
}

fn load(sums: &[Sums; ROWS], half: usize) -> [HalfSums; ROWS] {
    sums.each_ref().map(|sums| bytemuck::cast::<[i32; HALF], _>(sums.as_chunks().0[half]))
}

fn store(sums: &mut [Sums; ROWS], half: usize, totals: [HalfSums; ROWS]) {
    for (sums, totals) in sums.iter_mut().zip(totals) {
        sums.as_chunks_mut().0[half] = bytemuck::cast::<_, [i32; HALF]>(totals);
    }
}
