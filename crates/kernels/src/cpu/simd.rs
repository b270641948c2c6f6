//! The same loops compiled for several instruction sets, chosen when the program runs.
//!
//! Loops are plain Rust over [`Lanes`]; a compiler that may use AVX-512 turns one `Lanes` into one
//! register, with AVX2 into two, and on any other processor into whatever it has.
//!
//! Inside of [`vectorize`], write `for` loops: what `for_each`, `fold` or `map` is given becomes a
//! function of its own, which need not be inlined, and is then compiled without the wide vectors.

use std::ops::{Add, Mul, Sub};

/// Runs `body`, compiled for the widest vectors that this processor has.
///
/// The closure must be marked `#[inline(always)]`, or it stays portable. It is told whether a
/// product and a sum are one instruction.
#[inline(always)]
pub(crate) fn vectorize<R>(body: impl FnOnce(Fma) -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") {
            // SAFETY: the processor has these features.
            return unsafe { with_avx512(body) };
        }
        if has!("avx2") && has!("fma") {
            // SAFETY: the processor has these features.
            return unsafe { with_avx2(body) };
        }
    }
    body(Fma(false))
}

/// Whether the processor multiplies and adds at once. Known when the loops are compiled, so that
/// asking costs nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fma(bool);

impl Fma {
    /// a·b + c
    #[inline(always)]
    pub(crate) fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        if self.0 { a.mul_add(b, c) } else { a * b + c }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
unsafe fn with_avx512<R>(body: impl FnOnce(Fma) -> R) -> R {
    body(Fma(true))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn with_avx2<R>(body: impl FnOnce(Fma) -> R) -> R {
    body(Fma(true))
}

/// How many values stand side by side in [`Lanes`].
pub(crate) const WIDTH: usize = 16;

/// Sixteen values on which the same is done.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f32; WIDTH]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; WIDTH]);

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self([value; WIDTH])
    }

    /// The first sixteen values.
    #[inline(always)]
    pub(crate) fn load(values: &[f32]) -> Self {
        let mut lanes = [0.0; WIDTH];
        lanes.copy_from_slice(&values[..WIDTH]);
        Self(lanes)
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = self.0;
        for (lane, other) in lanes.iter_mut().zip(other.0) {
            *lane = f(*lane, other);
        }
        Self(lanes)
    }

    #[inline(always)]
    pub(crate) fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    /// The sum of all lanes, in pairs, always in the same order.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        self.fold(|a, b| a + b)
    }

    /// The largest lane.
    #[inline(always)]
    pub(crate) fn highest(self) -> f32 {
        self.fold(|a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn fold(self, f: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = self.0;
        let mut half = WIDTH / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = f(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
}

impl Add for Lanes {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl Sub for Lanes {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl Mul for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
}

/// Σ a·b, in sixteen sums side by side, always in the same order.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.chunks_exact(WIDTH), b.chunks_exact(WIDTH));
    let mut rest = 0.0;
    for (a, b) in a.remainder().iter().zip(b.remainder()) {
        rest += a * b;
    }
    let mut sum = Lanes::ZERO;
    for (a, b) in a.zip(b) {
        sum = sum + Lanes::load(a) * Lanes::load(b);
    }
    sum.sum() + rest
}

/// Σ a, in sixteen sums side by side, always in the same order.
#[inline(always)]
pub(crate) fn sum(a: &[f32]) -> f32 {
    let a = a.chunks_exact(WIDTH);
    let mut rest = 0.0;
    for a in a.remainder() {
        rest += a;
    }
    let mut sum = Lanes::ZERO;
    for a in a {
        sum = sum + Lanes::load(a);
    }
    sum.sum() + rest
}

/// Added to a small number, it rounds to an integer, which then stands in the low bits: 1.5 · 2²³.
const ROUND: f32 = 12_582_912.0;

/// The exponential, to 2 units in the last place, without a branch.
///
/// Below −87.3 it gives about 1e-38 instead of a denormal number, above 88 about 2e38.
///
/// # Source  Moshier's Cephes library, `expf`: the reduction and the polynomial
#[inline(always)]
pub(crate) fn exp(x: f32, fma: Fma) -> f32 {
    let x = if x > -87.3 { x } else { -87.3 };
    let x = if x < 88.0 { x } else { 88.0 };
    let shifted = fma.mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of few bits, so that n times it is exact.
    let r = fma.mul_add(n, -0.693_359_4, x);
    let r = fma.mul_add(n, 2.121_944_4e-4, r);
    let p = fma.mul_add(1.987_569_1e-4, r, 1.398_2e-3);
    let p = fma.mul_add(p, r, 8.333_452e-3);
    let p = fma.mul_add(p, r, 4.166_579_6e-2);
    let p = fma.mul_add(p, r, 1.666_666_5e-1);
    let p = fma.mul_add(p, r, 0.5);
    let p = fma.mul_add(p, r * r, r) + 1.0;
    // p lies between √½ and √2: adding n to its exponent multiplies by 2ⁿ.
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// 2ˣ for x up to 0, with a relative error of at most 3e-6. Below −126 it gives what −126 does.
///
/// # Source  the polynomial: least largest relative error between −½ and ½, found by weighted least squares
#[inline(always)]
pub(crate) fn power_of_two(x: f32, fma: Fma) -> f32 {
    let x = if x > -126.0 { x } else { -126.0 };
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    let p = fma.mul_add(9.570_1e-3, r, 5.591_786e-2);
    let p = fma.mul_add(p, r, 2.402_474_4e-1);
    let p = fma.mul_add(p, r, 6.931_218e-1);
    let p = fma.mul_add(p, r, 9.999_993e-1);
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// 1 / (1 + exp(−x)).
#[inline(always)]
pub(crate) fn sigmoid(x: f32, fma: Fma) -> f32 {
    1.0 / (1.0 + exp(-x, fma))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_keeps_seven_digits() {
        for fma in [Fma(false), Fma(true)] {
            for step in -87_000..88_000 {
                let x = step as f32 * 1e-3 + 3e-4;
                let (ours, exact) = (f64::from(exp(x, fma)), f64::from(x).exp());
                assert!(((ours - exact) / exact).abs() < 3e-7, "exp({x}) = {ours}, not {exact}");
            }
            assert!(exp(-1e9, fma) < 2e-38 && exp(1e9, fma) > 1e38 && exp(0.0, fma) == 1.0);
        }
    }

    #[test]
    fn powers_are_as_exact_as_weights_need() {
        vectorize(
            #[inline(always)]
            |fma| {
                for step in 0..126_000 {
                    let x = step as f32 * -1e-3;
                    let (ours, exact) = (f64::from(power_of_two(x, fma)), f64::from(x).exp2());
                    assert!(((ours - exact) / exact).abs() < 3e-6, "2^{x} = {ours}, not {exact}");
                }
                assert!(power_of_two(-1e9, fma) < 2e-38);
            },
        );
    }

    #[test]
    fn every_instruction_set_agrees() {
        let values: Vec<f32> = (0..37).map(|i| i as f32 * 0.37 - 2.0).collect();
        let (portable, portable_exp) = (dot(&values, &values), exp(values[3], Fma(false)));
        let (wide, wide_exp) = vectorize(
            #[inline(always)]
            |fma| (dot(&values, &values), exp(values[3], fma)),
        );
        assert_eq!(wide, portable);
        assert!((wide_exp - portable_exp).abs() <= 3e-7 * portable_exp);
    }
}
